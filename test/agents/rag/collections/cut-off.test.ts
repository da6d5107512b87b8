/** Indexing cut off at every step that touches the disk: the next run makes whole what is missing, and nothing is doubled. */
import { rm, utimes } from 'node:fs/promises'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { IndexHost } from '../../../../node/agents/rag/index/index-host.ts'
import { openStore } from '../../../../node/store.ts'
import {
  createEngines,
  startCollections,
  withFolders,
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

for (const step of ['add', 'remove', 'commit', 'committed', 'noting', 'noted'] as const)
  test(`at the step "${step}", each time it comes`, () =>
    withFolders(async (data, folder) => {
      await writeFiles(folder, BEFORE)
      for (const name of Object.keys(BEFORE))
        await utimes(path.join(folder, name), 1_700_000_000.5, 1_700_000_000.5)
      const store = await openStore({ directory: data })
      let counted = 0
      for (let count = 1; ; count += step.startsWith('not') ? 8 : 1) {
        counted = count
        // What was read then is not there any more at the next run.
        const vanishes = count % 2 === 0
        const start = await startCollections({ engines, directory: data, store })
        const name = `try-${count}`
        await start.collections.create({ name })
        await writeFiles(folder, BEFORE)
        await rm(path.join(folder, 'new.md'), { force: true })
        const first = await start.indexed(name, { paths: [folder] })
        assert.is(first.state, 'done', JSON.stringify(first.error))
        await start.stop()

        const cut = cutOff(step, count)
        const dying = await startCollections({
          engines: { ...engines, index: cut.index(engines.index) },
          directory: data,
          store,
          commitEveryMs: 0,
          onLedger: (when) => cut.check(when === 'before' ? 'noting' : 'noted'),
        })
        await writeFiles(folder, AFTER)
        await rm(path.join(folder, 'goes.md'))
        const run = await dying.indexed(name, { paths: [folder] })
        assert.is(run.state, cut.reached() ? 'failed' : 'done')
        await dying.stop()

        const next = await startCollections({ engines, directory: data, store })
        const gone = vanishes ? ['new.md', 'changes.md'] : []
        for (const one of gone) await rm(path.join(folder, one))
        const whole = await next.indexed(name, { paths: [folder] })
        assert.is(whole.state, 'done', JSON.stringify(whole.error))
        const texts: string[] = []
        for (const { id } of await next.collections.documents(name, { limit: 100 }))
          for (const { text } of await next.collections.document(name, id)) texts.push(text)
        const wanted = TEXTS.filter((text) => !vanishes || !['After.', 'New.'].includes(text))
        assert.equal(texts.sort(), wanted, `${step} ${count}`)
        const { documents } = await next.collections.need(name)
        assert.is(documents, wanted.length)
        await next.collections.remove(name)
        await next.stop()
        if (!cut.reached()) break
      }
      await store.close()
      // Else the step was never reached, and nothing was tried.
      assert.ok(counted > 1, `${counted}`)
    }))

test.run()
