/**
 * Run in a mount namespace of its own: `node index-full-disk.ts DIRECTORY`, where a small file system lies. Fills it through an index, makes
 * it read-only, and prints as JSON what it met.
 */
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { checkIndex } from '../../node/agents/rag/index/check-index.ts'
import { createIndexReader } from '../../node/agents/rag/index/index-reader.ts'
import { createIndexWriter } from '../../node/agents/rag/index/index-writer.ts'
import { createIndex } from '../../node/agents/rag/index/manifest-file.ts'
import { toVillageError } from '../../node/errors.ts'
import { documentId, madeDocument } from './index-documents.ts'

const [mount = ''] = process.argv.slice(2)
const directory = path.join(mount, 'index')

function codeOf(work: () => unknown): string {
  try {
    work()
    return 'done'
  } catch (error) {
    return toVillageError(error).code
  }
}

function documents(): number {
  const reader = createIndexReader(directory)
  const count = reader.documents({ limit: 100_000 }).length
  reader.close()
  return count
}

createIndex(directory, { maxSegmentChunks: 50, dims: null })
const writer = createIndexWriter(directory)
writer.add([madeDocument({ name: 'first' })])
writer.commit()
let added = 0
const whileAdding = codeOf(() => {
  for (; added < 5_000; added++) writer.add([madeDocument({ name: `d${added}`, chunks: 10, words: 200 })])
})
const whileCommitting = codeOf(() => writer.commit())
const seenFull = documents()
writer.close()
const afterClose = documents()

// There is room again: what was not committed is gone, and the index can go on.
const next = createIndexWriter(directory)
next.add([madeDocument({ name: 'second' })])
const whenFree = codeOf(() => next.commit())
next.remove([documentId('first')])
execFileSync('mount', ['-o', 'remount,ro', mount])
const whenReadOnly = [codeOf(() => next.commit()), codeOf(() => next.compact({ merge: true }))]
const seenReadOnly = documents()
execFileSync('mount', ['-o', 'remount,rw', mount])
const onceMore = codeOf(() => next.commit())
next.close()
const problems = checkIndex(directory)
process.stdout.write(
  JSON.stringify({
    ...{ whileAdding, whileCommitting, seenFull, afterClose, whenFree, whenReadOnly, seenReadOnly, onceMore },
    last: documents(),
    problems,
  }),
)
