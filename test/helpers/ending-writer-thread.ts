/** The writing thread of an IndexHost, but that a check ends it in the middle, as an exhausted heap would. */
import { serveThread } from '../../node/agents/rag/index/serve-thread.ts'
import { createWriterOperations } from '../../node/agents/rag/index/writer-operations.ts'

serveThread((context) => {
  const service = createWriterOperations(context)
  return { ...service, operations: { ...service.operations, check: () => process.exit(3) } }
})
