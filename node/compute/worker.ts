/** The entry of a worker thread of the pool. */
import { OPERATIONS } from './operations.ts'
import { serveOperations } from './serve-operations.ts'

serveOperations(OPERATIONS)
