/** The entry of the thread that writes: what is added, commits, merges, graphs. */
import { serveThread } from './serve-thread.ts'
import { createWriterOperations } from './writer-operations.ts'

serveThread(createWriterOperations)
