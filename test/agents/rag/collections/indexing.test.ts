/** Runs of indexing over a real index and real parsers: what has changed is read, and nothing is lost or doubled. */
import { mkdir, rename, rm, stat, symlink, utimes } from 'node:fs/promises'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { VillageError } from '../../../../node/errors.ts'
import {
  age,
  createEngines,
  found,
  startCollections,
  tally,
  withCollections,
  withFolders,
  writeFiles,
} from '../../../helpers/collection-service.ts'
import { rejectsCode } from '../../../helpers/throws.ts'

const test = suite('indexing')
const engines = createEngines()
test.after(engines.stop)

test('a folder is indexed; a second run reads nothing, and a change costs what changed', () =>
  withFolders((data, folder) =>
    withCollections({ engines, directory: data }, async (node) => {
      await writeFiles(folder, {
        'a.md': '# Apples\n\nApples are red.',
        'sub/b.txt': 'Bananas are yellow.',
        'c.jsonl': '{"id":"1","text":"cherries"}\n{"id":"2","text":"dates"}\n',
        'broken.md': 'binary \0\0\0',
      })
      await age(folder, 'a.md', 'sub/b.txt', 'c.jsonl', 'broken.md')
      await node.collections.create({ name: 'fruit' })
      const first = await node.indexed('fruit', { paths: [folder] })
      assert.is(first.state, 'done', JSON.stringify(first.error))
      assert.equal(tally(first), [4, 0, 0, 0, 1])
      assert.is(first.report.skippedSources[0]?.code, 'BINARY_FILE')
      assert.equal(await node.sources('fruit'), [
        'notes/a.md',
        'notes/c.jsonl#1',
        'notes/c.jsonl#2',
        'notes/sub/b.txt',
      ])
      assert.is(node.embedded.length, 4)
      const info = await node.collections.need('fruit')
      assert.equal([info.documents, info.chunks, info.access], [4, 4, 'private'])

      const second = await node.indexed('fruit', { paths: [folder] })
      assert.equal(tally(second), [0, 0, 4, 0, 1])
      assert.is((await node.collections.need('fruit')).generation, info.generation)

      // Touched, but the same: it is read, and nothing else comes of it.
      await utimes(path.join(folder, 'a.md'), 1_700_000_009.5, 1_700_000_009.5)
      // One line of two changed, one file gone, one new.
      await writeFiles(folder, {
        'c.jsonl': '{"id":"1","text":"cherries"}\n{"id":"2","text":"elderberries"}\n',
        'd.txt': 'Figs.',
      })
      await rm(path.join(folder, 'sub/b.txt'))
      const third = await node.indexed('fruit', { paths: [folder] })
      assert.equal(tally(third), [1, 1, 2, 1, 1])
      assert.equal(node.embedded.slice(4).sort(), ['d\nFigs.', 'elderberries'])
      assert.equal(await node.sources('fruit'), [
        'notes/a.md',
        'notes/c.jsonl#1',
        'notes/c.jsonl#2',
        'notes/d.txt',
      ])
      assert.is(await found(node, 'fruit', 'date'), 0)
      assert.is(await found(node, 'fruit', 'elderberri'), 1)
    }),
  ))

test('folders that vanish or are empty keep what was indexed, unless somebody asks', () =>
  withFolders((data, folder) =>
    withFolders(async (_, mounted) => {
      await writeFiles(mounted, { 'a.md': 'Apples.', 'b.md': 'Bananas.' })
      await withCollections({ engines, directory: data }, async (node) => {
        await node.collections.create({ name: 'notes', encoder: null })
        await node.indexed('notes', { paths: [mounted], watch: true })
        assert.is((await node.sources('notes')).length, 2)
        await rejectsCode(
          node.collections.index('notes', { paths: [path.join(folder, 'none')] }),
          'FILE_UNREADABLE',
        )
      })
      const started = async () => {
        const node = await startCollections({ engines, directory: data })
        const [run] = node.collections.runs()
        assert.is(run?.trigger, 'start')
        const ended = await node.ended(run!)
        assert.is(ended.state, 'done', JSON.stringify(ended.error))
        return { node, ended }
      }
      await rename(mounted, `${mounted}-away`)
      const gone = await started()
      assert.is((await gone.node.sources('notes')).length, 2)
      assert.is(gone.ended.report.warnings.length, 1)
      await gone.node.stop()
      await mkdir(mounted)
      const empty = await started()
      assert.is((await empty.node.sources('notes')).length, 2)
      assert.is(empty.ended.report.warnings.length, 1)
      // By hand it is meant.
      const asked = await empty.node.indexed('notes', { paths: [mounted] })
      assert.equal(tally(asked), [0, 0, 0, 2, 0])
      assert.equal(await empty.node.sources('notes'), [])
      await empty.node.stop()
    }),
  ))

test('nothing of the data directory is indexed, by whatever way it is named', () =>
  withFolders((data, folder) =>
    withCollections({ engines, directory: data }, async (node) => {
      await node.collections.create({ name: 'notes', encoder: null })
      await writeFiles(data, { 'identity.txt': 'secret' })
      await symlink(data, path.join(folder, 'link'))
      const { index } = node.collections
      for (const at of [data, path.join(data, 'identity.txt'), path.join(folder, 'link'), `file://${data}`])
        await rejectsCode(index('notes', { paths: [at] }), 'INDEX_PATH_REFUSED')
      await rejectsCode(index('notes', { paths: ['relative'] }), 'INVALID_ARGUMENT')
      await rejectsCode(index('notes', { paths: [] }), 'INVALID_ARGUMENT')
      await rejectsCode(index('none', { paths: [folder] }), 'COLLECTION_UNKNOWN')
      // The folder around it, with the data directory inside.
      await writeFiles(folder, { 'a.md': 'open' })
      const run = await node.indexed('notes', { paths: [path.dirname(data)] })
      const sources = await node.sources('notes')
      assert.is(sources.length, 1)
      assert.ok(sources[0]?.endsWith('notes/a.md'))
      assert.ok(run.report.skippedSources.some(({ code }) => code === 'INDEX_PATH_REFUSED'))
    }),
  ))

test('embedding that fails ends the run; what was committed stays, and the next run does the rest', () =>
  withFolders(async (data, folder) => {
    let batches = 0
    const onEmbed = () => {
      batches += 1
      if (batches === 2) throw new VillageError('SESSION_FAILED')
    }
    await withCollections({ engines, directory: data, commitEveryMs: 0, onEmbed }, async (node) => {
      await node.collections.create({ name: 'notes' })
      await writeFiles(
        folder,
        Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`${i}.md`, `Note ${i}.`])),
      )
      const run = await node.indexed('notes', { paths: [folder] })
      assert.is(run.state, 'failed')
      assert.is(run.error?.code, 'SESSION_FAILED')
      const committed = (await node.sources('notes')).length
      assert.ok(committed > 0 && committed < 20, `${committed} of 20`)
      const next = await node.indexed('notes', { paths: [folder] })
      assert.equal(tally(next), [20 - committed, 0, committed, 0, 0])
      assert.is((await node.sources('notes')).length, 20)
      assert.is((await node.collections.need('notes')).documents, 20)
    })
  }))

test('a run that is cancelled keeps what it did; runs of one collection follow each other', () =>
  withFolders(async (data, folder) => {
    const reached = Promise.withResolvers<void>()
    let isHeld = true
    const onEmbed = (_texts: readonly string[], ending: AbortSignal) => {
      if (!isHeld) return
      reached.resolve()
      return new Promise<void>((_, reject) => {
        ending.addEventListener('abort', () => reject(ending.reason), { once: true })
      })
    }
    await withCollections({ engines, directory: data, onEmbed }, async (node) => {
      await node.collections.create({ name: 'notes' })
      await writeFiles(folder, { 'a.md': 'Apples.' })
      const first = await node.collections.index('notes', { paths: [folder] })
      const second = await node.collections.index('notes', { paths: [folder] })
      const third = await node.collections.index('notes', { paths: [folder] })
      await reached.promise
      assert.equal(
        node.collections.runs().map(({ state }) => state),
        ['running', 'waiting', 'waiting'],
      )
      assert.is((await node.collections.cancelRun(third.id)).state, 'cancelled')
      isHeld = false
      assert.is((await node.collections.cancelRun(first.id)).state, 'cancelled')
      assert.is((await node.ended(second)).state, 'done')
      assert.equal(await node.sources('notes'), ['notes/a.md'])
      await rejectsCode(node.collections.cancelRun('none'), 'INDEX_RUN_UNKNOWN')
    })
  }))

test('another language reads the files again', () =>
  withFolders((data, folder) =>
    withCollections({ engines, directory: data }, async (node) => {
      await node.collections.create({ name: 'notes', encoder: null })
      await writeFiles(folder, { 'a.md': 'Häuser' })
      await age(folder, 'a.md')
      await node.indexed('notes', { paths: [folder] })
      assert.is(await found(node, 'notes', 'haus'), 0)
      const run = await node.indexed('notes', { paths: [folder], language: 'de' })
      assert.equal(tally(run), [0, 1, 0, 0, 0])
      assert.equal((await node.collections.need('notes')).languages, ['de'])
      const [record] = await node.collections.documents('notes', { limit: 1 })
      assert.is(record?.language, 'de')
      await rejectsCode(
        node.collections.index('notes', { paths: [folder], language: 'German' }),
        'INVALID_ARGUMENT',
      )
    }),
  ))

test('the folder of a collection goes with it', () =>
  withFolders((data, folder) =>
    withCollections({ engines, directory: data }, async (node) => {
      const { id } = await node.collections.create({ name: 'notes' })
      await writeFiles(folder, { 'a.md': 'Apples.' })
      await node.indexed('notes', { paths: [folder] })
      const directory = path.dirname(node.collections.indexDirectory(id))
      await node.collections.remove('notes')
      assert.is(await stat(directory).catch(() => null), null)
      await rejectsCode(node.collections.need('notes'), 'COLLECTION_UNKNOWN')
      // Made anew it knows nothing of before.
      await node.collections.create({ name: 'notes' })
      assert.equal(tally(await node.indexed('notes', { paths: [folder] })), [1, 0, 0, 0, 0])
    }),
  ))

test.run()
