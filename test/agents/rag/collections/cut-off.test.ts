/** Indexing cut off at every step that touches the disk: the next run makes whole what is missing, and nothing is doubled. */
import { cp, mkdir, mkdtemp, rm, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { IndexHost } from '../../../../node/agents/rag/index/index-host.ts'
import { openStore } from '../../../../node/store.ts'
import {
  type CollectionNode,
  createEngines,
  startCollections,
  writeFiles,
} from '../../../helpers/collection-service.ts'

const test = suite('indexing that is cut off')
const engines = createEngines()
test.after(engines.stop)

type Step = 'add' | 'remove' | 'commit' | 'committed' | 'noting' | 'noted'

/** From the step on, its `count`th time, nothing reaches the disk any more. */
function cutOff(step: Step, count: number) {
  let isOff = false
  let times = 0
  const check = (at: Step) => {
    if (at === step) times += 1
    if (at === step && times === count) isOff = true
    if (isOff) throw new Error('cut off')
  }
  const index = (real: IndexHost): IndexHost => ({
    ...real,
    async add(directory, documents) {
      check('add')
      await real.add(directory, documents)
    },
    async remove(directory, ids) {
      check('remove')
      return real.remove(directory, ids)
    },
    async commit(directory) {
      check('commit')
      const manifest = await real.commit(directory)
      check('committed')
      return manifest
    },
  })
  return { index, check, reached: () => isOff }
}

const BEFORE = {
  'stays.md': 'This one stays as it is.',
  'changes.md': 'Before.',
  'goes.md': 'This one goes.',
  'lines.jsonl': '{"id":"1","text":"one"}\n{"id":"2","text":"two"}\n{"id":"3","text":"three"}\n',
  'copy.md': 'This one goes.',
}
const AFTER = {
  'changes.md': 'After.',
  'new.md': 'New.',
  'lines.jsonl': '{"id":"1","text":"one"}\n{"id":"2","text":"deux"}\n',
}

const TEXTS = ['After.', 'New.', 'This one goes.', 'This one stays as it is.', 'deux', 'one']

/** As if they had been written long ago, always at the same time. */
async function writeBefore(folder: string): Promise<void> {
  await writeFiles(folder, BEFORE)
  for (const name of Object.keys(BEFORE))
    await utimes(path.join(folder, name), 1_700_000_000.5, 1_700_000_000.5)
}

const root = await mkdtemp(path.join(tmpdir(), 'village-cut-off-'))
const folder = path.join(root, 'notes')
/** The data directory of a daemon that has indexed the folder as it was before: each try goes on with a copy. */
const whole = path.join(root, 'whole')
test.before(async () => {
  await mkdir(whole)
  await writeBefore(folder)
  const node = await startCollections({ engines, directory: whole })
  await node.collections.create({ name: 'notes' })
  const run = await node.indexed('notes', { paths: [folder] })
  assert.equal([run.state, run.report.added], ['done', 6])
  await node.stop()
})
test.after(() => rm(root, { recursive: true, force: true }))

async function textsOf({ collections }: CollectionNode): Promise<string[]> {
  const texts: string[] = []
  for (const { id } of await collections.documents('notes', { limit: 100 }))
    for (const { text } of await collections.document('notes', id)) texts.push(text)
  return texts.sort()
}

/** Whether the step came so often. */
async function tryOnce(step: Step, count: number): Promise<boolean> {
  // What was read before the cut is not there any more at the next run.
  const vanishes = count % 2 === 0
  const directory = path.join(root, `${step}-${count}`)
  await cp(whole, directory, { recursive: true })
  await rm(path.join(folder, 'new.md'), { force: true })
  await writeBefore(folder)
  const store = await openStore({ directory })

  const cut = cutOff(step, count)
  const dying = await startCollections({
    engines: { ...engines, index: cut.index(engines.index) },
    directory,
    store,
    commitEveryMs: 0,
    onLedger: (when) => cut.check(when === 'before' ? 'noting' : 'noted'),
  })
  await writeFiles(folder, AFTER)
  await rm(path.join(folder, 'goes.md'))
  const run = await dying.indexed('notes', { paths: [folder] })
  assert.is(run.state, cut.reached() ? 'failed' : 'done')
  await dying.stop()

  const next = await startCollections({ engines, directory, store })
  if (vanishes) for (const one of ['new.md', 'changes.md']) await rm(path.join(folder, one))
  const again = await next.indexed('notes', { paths: [folder] })
  assert.is(again.state, 'done', JSON.stringify(again.error))
  const wanted = TEXTS.filter((text) => !vanishes || !['After.', 'New.'].includes(text))
  assert.equal(await textsOf(next), wanted, `${step} ${count}`)
  assert.is((await next.collections.need('notes')).documents, wanted.length)
  await next.stop()
  await store.close()
  return cut.reached()
}

for (const step of ['add', 'remove', 'commit', 'committed', 'noting', 'noted'] as const)
  test(`at the step "${step}", each time it comes`, async () => {
    let count = 1
    while (await tryOnce(step, count)) count += step.startsWith('not') ? 8 : 1
    // Else the step was never reached, and nothing was tried.
    assert.ok(count > 1, `${count}`)
  })

test.run()
