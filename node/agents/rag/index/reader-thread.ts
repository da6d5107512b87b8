/** The entry of the thread that answers: searches, texts, statistics. */
import { createReaderOperations } from './reader-operations.ts'
import { serveThread } from './serve-thread.ts'

serveThread(() => createReaderOperations())
