/**
 * A process that writes an index by a plan until it is killed: `node index-process.ts DIRECTORY SEED FIRST`, where FIRST is the number of
 * the first commit to make. It says `ready`, then the number of each commit once it is done; `*` says that merges were done too.
 */
import { writeSync } from 'node:fs'
import { createIndexWriter } from '../../node/agents/rag/index/index-writer.ts'
import { doAfter, makeChanges, plannedCommit } from './index-plan.ts'

const [directory = '', seed = '', first = ''] = process.argv.slice(2)
const writer = createIndexWriter(directory)
writeSync(1, 'ready\n')
for (let number = Number(first); ; number++) {
  const planned = plannedCommit(Number(seed), number)
  makeChanges(writer, planned)
  writer.commit()
  // At once and whole: a pipe takes a line of this size in one piece.
  writeSync(1, `${number}\n`)
  doAfter(writer, planned)
  writeSync(1, '*\n')
}
