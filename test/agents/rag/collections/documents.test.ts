/** Documents that repeat each other, that are taken out by hand, and that are sent. */
import { appendFile, readdir, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  age,
  type CollectionNode,
  createEngines,
  found,
  tally,
  withCollections,
  withFolders,
  writeFiles,
} from '../../../helpers/collection-service.ts'
import { rejectsCode } from '../../../helpers/throws.ts'

const test = suite('documents of a collection')
const engines = createEngines()
test.after(engines.stop)
const signal = new AbortController().signal

test('documents with the same bytes are one, until it goes; a renamed file stays found', () =>
  withFolders((data, folder) =>
    withCollections({ engines, directory: data }, async (node) => {
      await node.collections.create({ name: 'notes' })
      await writeFiles(folder, { 'a.md': 'The same words.', 'b.md': 'The same words.', 'c.md': 'Others.' })
      const run = () => node.indexed('notes', { paths: [folder] })
      const first = await run()
      assert.equal(tally(first), [2, 0, 0, 0, 1])
      assert.equal(first.report.skippedSources[0]?.code, 'DUPLICATE')
      assert.equal(await node.sources('notes'), ['notes/a.md', 'notes/c.md'])
      await rename(path.join(folder, 'c.md'), path.join(folder, 'd.md'))
      assert.equal(tally(await run()).slice(0, 4), [1, 0, 1, 1])
      assert.equal(await node.sources('notes'), ['notes/a.md', 'notes/d.md'])
      // The one that was preferred moves: the other is still its duplicate. Then it goes, and the other takes its place.
      await rename(path.join(folder, 'a.md'), path.join(folder, 'e.md'))
      await run()
      assert.equal(await node.sources('notes'), ['notes/d.md', 'notes/e.md'])
      await rm(path.join(folder, 'e.md'))
      await run()
      assert.equal(await node.sources('notes'), ['notes/b.md', 'notes/d.md'])
      // It changes: nothing is a duplicate any more.
      await writeFiles(folder, { 'f.md': 'Others.', 'd.md': 'Else.' })
      await run()
      assert.equal(await node.sources('notes'), ['notes/b.md', 'notes/d.md', 'notes/f.md'])
    }),
  ))

test('what is removed by hand is gone from the disk, and only comes back when it is asked for', () =>
  withFolders((data, folder) =>
    withCollections({ engines, directory: data }, async (node) => {
      await node.collections.create({ name: 'notes', encoder: null })
      await writeFiles(folder, {
        'a.md': 'quixotic',
        'copy.md': 'quixotic',
        'b.md': 'plain',
        'l.jsonl': '{"id":"1","text":"first"}\n{"id":"2","text":"second"}\n',
      })
      await age(folder, 'a.md', 'copy.md', 'b.md', 'l.jsonl')
      await node.indexed('notes', { paths: [folder] })
      await rejectsCode(
        node.collections.removeDocuments('notes', ['notes/b.md', 'notes/none.md']),
        'DOCUMENT_UNKNOWN',
      )
      assert.is((await node.sources('notes')).length, 4)
      const [line] = await node.collections.document('notes', 'notes/l.jsonl#2')
      assert.is(line?.text, 'second')
      assert.is(await node.collections.removeDocuments('notes', ['notes/a.md', line!.document]), 2)
      assert.equal(await node.sources('notes'), ['notes/b.md', 'notes/l.jsonl#1'])
      await rejectsCode(node.collections.document('notes', 'notes/a.md'), 'DOCUMENT_UNKNOWN')
      assert.is(await found(node, 'notes', 'quixot'), 0)
      const manifest = await node.index.manifest(
        node.collections.indexDirectory((await node.collections.need('notes')).id),
      )
      assert.is(
        manifest.segments.reduce((sum, { deletedChunks }) => sum + deletedChunks, 0),
        0,
      )
      // By itself nothing brings it back, not even its copy under another name, or a change of another line.
      await appendFile(path.join(folder, 'l.jsonl'), '{"id":"3","text":"third"}\n')
      await node.collections.index('notes', { paths: [folder], watch: true }).then(node.ended)
      assert.equal((await node.sources('notes')).length, 5)
      await writeFiles(folder, { 'deep/x.md': 'deep', 'deep/er/y.md': 'deeper', 'deeply.md': 'other' })
      await node.indexed('notes', { paths: [folder] })
      assert.is(await node.collections.removeDocuments('notes', ['notes/deep/']), 2)
      assert.ok((await node.sources('notes')).includes('notes/deeply.md'))
      await rejectsCode(node.collections.removeDocuments('notes', ['notes/none/']), 'DOCUMENT_UNKNOWN')
      // A whole file of lines by its name.
      assert.is(await node.collections.removeDocuments('notes', ['notes/l.jsonl']), 3)
    }),
  ))

test('documents that are sent replace themselves, leave nothing behind, and stay when folders are indexed', () =>
  withFolders((data, folder) =>
    withCollections({ engines, directory: data }, async (node) => {
      const { id } = await node.collections.create({ name: 'notes', encoder: null })
      const send = async (source: string, text: string) => {
        const content = Readable.from([Buffer.from(text)])
        return node.ended(await node.collections.upload('notes', { source, content }, signal))
      }
      assert.equal(tally(await send('a.md', 'first words')), [1, 0, 0, 0, 0])
      assert.equal(tally(await send('a.md', 'other words')), [0, 1, 0, 0, 0])
      assert.equal(tally(await send('b.md', 'other words')), [0, 0, 0, 0, 1])
      assert.equal(tally(await send('c.exe', 'MZ')).slice(0, 1), [0])
      await rejectsCode(send('../a.md', 'x'), 'INVALID_ARGUMENT')
      await rejectsCode(send('big.md', 'x'.repeat(2 ** 20 + 1)), 'FILE_TOO_LARGE')
      await writeFiles(folder, { 'z.md': 'more' })
      await node.indexed('notes', { paths: [folder] })
      assert.equal(await node.sources('notes'), ['notes/z.md', 'uploads/a.md'])
      const incoming = path.join(node.collections.indexDirectory(id), '..', 'incoming')
      assert.equal(await readdir(incoming), [])
    }),
  ))

test('a document that nearly repeats another one is marked, also after a restart', () =>
  withFolders(async (data, folder) => {
    const words = Array.from({ length: 60 }, (_, i) => `word${i}`)
    const text = (changed: number) => words.map((word, i) => (i === changed ? 'other' : word)).join(' ')
    const near = async (node: CollectionNode) =>
      Object.fromEntries(
        (await node.collections.documents('notes', { limit: 10 })).map(({ source, fields }) => [
          source.slice('notes/'.length),
          fields.nearDuplicateOf,
        ]),
      )
    let first = ''
    await withCollections({ engines, directory: data }, async (node) => {
      await node.collections.create({ name: 'notes', encoder: null })
      // Front matter cannot say it.
      await writeFiles(folder, { 'a.md': `---\nnearDuplicateOf: x\n---\n${text(-1)}`, 'b.md': 'short' })
      await node.indexed('notes', { paths: [folder] })
      assert.equal(await near(node), { 'a.md': undefined, 'b.md': undefined })
      first = (await node.collections.documents('notes', { limit: 10 })).find(
        ({ source }) => source === 'notes/a.md',
      )!.id
      await writeFiles(folder, { 'c.md': text(59), 'd.md': words.toReversed().join(' ') })
      const run = await node.indexed('notes', { paths: [folder] })
      assert.is(run.report.nearDuplicates, 1)
      assert.equal(await near(node), {
        'a.md': undefined,
        'b.md': undefined,
        'c.md': first,
        'd.md': undefined,
      })
    })
    await withCollections({ engines, directory: data }, async (node) => {
      await node.collections.removeDocuments('notes', ['notes/c.md'])
      await rm(path.join(folder, 'c.md'))
      await writeFiles(folder, { 'e.md': text(58) })
      const run = await node.indexed('notes', { paths: [folder] })
      assert.is(run.report.nearDuplicates, 1)
      assert.equal((await near(node))['e.md'], first)
    })
  }))

test.run()
