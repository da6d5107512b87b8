/** What was asked to be indexed when the daemon ended: the next start goes on with it, once, and only with that. */
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createExclusive } from '../../../../node/agents/rag/collections/exclusive.ts'
import { createIndexRuns } from '../../../../node/agents/rag/collections/index-runs.ts'
import { VillageError } from '../../../../node/errors.ts'
import { createEvents } from '../../../../node/events.ts'
import { createLog } from '../../../../node/log.ts'
import {
  createEngines,
  tally,
  withCollections,
  withFolders,
  writeFiles,
} from '../../../helpers/collection-service.ts'
import { throwsCode } from '../../../helpers/throws.ts'

const test = suite('requests that are cut off')
const engines = createEngines()
test.after(engines.stop)

/** Embedding that waits until it is ended. */
function held() {
  const reached = Promise.withResolvers<void>()
  const onEmbed = (_texts: readonly string[], ending: AbortSignal) => {
    reached.resolve()
    return new Promise<void>((_, reject) => {
      ending.addEventListener('abort', () => reject(ending.reason), { once: true })
    })
  }
  return { onEmbed, reached: reached.promise }
}

test('a stop ends a run that goes on and one that waits; the next start does both, as they were asked for', () =>
  withFolders(async (data, folder) => {
    const [one, two] = ['one', 'two'].map((name) => path.join(folder, name)) as [string, string]
    await writeFiles(one, { 'a.md': 'Äpfel.', 'b.txt': 'Birnen.' })
    await writeFiles(two, { 'c.md': 'Cherries.' })
    const { onEmbed, reached } = held()
    await withCollections({ engines, directory: data, onEmbed }, async (node) => {
      await node.collections.create({ name: 'notes' })
      await node.collections.create({ name: 'other' })
      await node.collections.index('notes', { paths: [one], include: ['*.md'], language: 'de' })
      await node.collections.index('notes', { paths: [two] })
      await reached
    })
    await withCollections({ engines, directory: data }, async (node) => {
      assert.equal(
        node.collections.runs().map(({ trigger, paths }) => [trigger, paths]),
        [['start', [one, two]]],
      )
      const run = await node.ended(node.collections.runs()[0]!)
      assert.equal(tally(run), [2, 0, 0, 0, 0])
      const documents = await node.collections.documents('notes', { limit: 10 })
      assert.equal(
        documents.map(({ source, language }) => [source, language]).sort(([a], [b]) => (a! < b! ? -1 : 1)),
        [
          ['one/a.md', 'de'],
          ['two/c.md', null],
        ],
      )
    })
    await withCollections({ engines, directory: data }, async (node) => {
      assert.equal(node.collections.runs(), [])
    })
  }))

test('what was cancelled, or has failed, is not begun again', () =>
  withFolders(async (data, folder) => {
    await writeFiles(folder, { 'a.md': 'Apples.' })
    const { onEmbed, reached } = held()
    await withCollections({ engines, directory: data, onEmbed }, async (node) => {
      await node.collections.create({ name: 'notes' })
      const run = await node.collections.index('notes', { paths: [folder] })
      await reached
      await node.collections.cancelRun(run.id)
    })
    const failing = () => {
      throw new VillageError('SESSION_FAILED')
    }
    await withCollections({ engines, directory: data, onEmbed: failing }, async (node) => {
      assert.equal(node.collections.runs(), [])
      assert.is((await node.indexed('notes', { paths: [folder] })).state, 'failed')
    })
    await withCollections({ engines, directory: data }, async (node) => {
      assert.equal(node.collections.runs(), [])
    })
  }))

test('however many collections wait at the start, none is refused', async () => {
  const log = createLog({ level: 'silent' })
  const runs = createIndexRuns(
    { events: createEvents(), log, exclusive: createExclusive() },
    { parallel: 1, now: () => 0 },
  )
  const begin = (trigger: 'start' | 'request', collection: string) =>
    runs.begin({ collection, name: collection, trigger, paths: [], work: async () => undefined })
  for (let index = 0; index < 100; index++) begin('start', `c${index}`)
  throwsCode(() => begin('request', 'more'), 'INDEX_RUNS_BUSY')
  await runs.cancelAll(null)
})

test.run()
