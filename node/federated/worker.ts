/** The entry of a worker thread of the daemon's pools. */
import { serveOperations } from '../compute/serve-operations.ts'
import { FEDERATED_OPERATIONS } from './operations.ts'

serveOperations(FEDERATED_OPERATIONS)
