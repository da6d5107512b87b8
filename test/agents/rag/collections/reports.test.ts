/** What a run says of what it did, and what is said of a document that is not there. */
import { mkdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { VillageError } from '../../../../node/errors.ts'
import {
  age,
  createEngines,
  tally,
  withCollections,
  withFolders,
  writeFiles,
} from '../../../helpers/collection-service.ts'

const test = suite('reports of indexing')
const engines = createEngines()
test.after(engines.stop)

test('duplicates are told of in each run, until one of them is taken out by hand', () =>
  withFolders((data, folder) =>
    withCollections({ engines, directory: data }, async (node) => {
      await node.collections.create({ name: 'notes', encoder: null })
      const files = {
        'a.md': 'Same.',
        'b.md': 'Same.',
        'l.jsonl': '{"text":"Two."}\n{"text":"Two."}\n',
      }
      await writeFiles(folder, files)
      await age(folder, ...Object.keys(files))
      const run = () => node.indexed('notes', { paths: [folder] })
      assert.equal(tally(await run()), [2, 0, 0, 0, 2])
      const second = await run()
      assert.equal(tally(second), [0, 0, 2, 0, 2])
      assert.equal(
        second.report.skippedSources.map(({ source, code }) => [source, code]),
        [
          ['notes/b.md', 'DUPLICATE'],
          ['notes/l.jsonl', 'DUPLICATE'],
        ],
      )
      // Both with these bytes go; the folder brings them back, and says so.
      await node.collections.removeDocuments('notes', ['notes/a.md'])
      const third = await run()
      assert.equal(tally(third), [1, 0, 1, 0, 2])
      assert.equal(
        third.report.warnings.map(({ source }) => source),
        ['notes/a.md'],
      )
      assert.equal((await run()).report.warnings, [])
    }),
  ))

test('patterns that leave out what was indexed are told of; files that are gone are not', () =>
  withFolders((data, folder) =>
    withCollections({ engines, directory: data }, async (node) => {
      await node.collections.create({ name: 'notes', encoder: null })
      await writeFiles(folder, { 'a.md': 'Apples.', 'b.txt': 'Bananas.', 'c.txt': 'Cherries.' })
      await node.indexed('notes', { paths: [folder] })
      const narrowed = await node.indexed('notes', { paths: [folder], include: ['*.md'] })
      assert.is(narrowed.report.removed, 2)
      assert.match(narrowed.report.warnings[0]?.message ?? '', /^Removed because .*: 2 /)
      assert.ok(await stat(path.join(folder, 'b.txt')))
      const again = await node.indexed('notes', { paths: [folder], include: ['*.md'] })
      assert.equal([again.report.removed, again.report.warnings], [0, []])
    }),
  ))

test('what was read and not committed is not said to be added', () =>
  withFolders(async (data, folder) => {
    const reached = Promise.withResolvers<void>()
    const onEmbed = (_texts: readonly string[], ending: AbortSignal) => {
      reached.resolve()
      return new Promise<void>((_, reject) => {
        ending.addEventListener('abort', () => reject(ending.reason), { once: true })
      })
    }
    await withCollections({ engines, directory: data, onEmbed }, async (node) => {
      await node.collections.create({ name: 'notes' })
      await writeFiles(folder, { 'a.md': 'Apples.' })
      const run = await node.collections.index('notes', { paths: [folder] })
      await reached.promise
      assert.equal(tally(await node.collections.cancelRun(run.id)), [0, 0, 0, 0, 0])
      assert.equal(await node.sources('notes'), [])
    })
  }))

test('who names a document by the end of its source, or misspells it, is told what there is', () =>
  withFolders((data, folder) =>
    withCollections({ engines, directory: data }, async (node) => {
      await node.collections.create({ name: 'notes', encoder: null })
      await writeFiles(folder, { 'trip.md': 'Trip.', 'old/plan.md': 'Old plan.', 'new/plan.md': 'New plan.' })
      await node.indexed('notes', { paths: [folder] })
      const messageOf = (given: string) =>
        node.collections.document('notes', given).then(
          () => '',
          (error: VillageError) => `${error.code}: ${error.message}`,
        )
      assert.match(await messageOf('trip.md'), 'DOCUMENT_UNKNOWN')
      assert.match(await messageOf('trip.md'), 'did you mean "notes/trip.md"?')
      assert.match(
        await messageOf('plan.md'),
        /"notes\/(old|new)\/plan\.md" or "notes\/(old|new)\/plan\.md"\?/,
      )
      assert.match(await messageOf('notes/tirp.md'), 'did you mean "notes/trip.md"?')
      assert.not.match(await messageOf('something quite different'), 'did you mean')
      assert.equal((await node.collections.need('notes')).roots, [{ path: folder, prefix: 'notes/' }])
    }),
  ))

test('why a file is left out is said of this file', () =>
  withFolders((data, folder) =>
    withCollections({ engines, directory: data }, async (node) => {
      await node.collections.create({ name: 'notes', encoder: null })
      const long = `${`${'d'.repeat(60)}/`.repeat(20)}a.md`
      await writeFiles(folder, { 'empty.md': '', 'blank.txt': '  \n', 'line\nbreak.md': 'x', [long]: 'x' })
      const { report } = await node.indexed('notes', { paths: [folder] })
      assert.equal(report.skippedSources.map(({ message }) => message).sort(), [
        'The name has control characters, or is not valid UTF-8.',
        'The name, with its folders, is longer than 1024 characters.',
        'blank.txt has no text.',
        'empty.md is empty.',
      ])
    }),
  ))

test('a large document is embedded piece by piece, and is the same then', () =>
  withFolders(async (data, folder) => {
    const words = Array.from({ length: 24_000 }, (_, index) => `word${(index * 7919) % 5_003}`)
    await writeFiles(folder, { 'large.txt': words.join(' ') })
    const seen: number[][] = []
    const segments: string[][] = []
    for (const isSmall of [false, true]) {
      const batches: number[] = []
      const onEmbed = (texts: readonly string[]) => void batches.push(texts.length)
      const directory = path.join(data, String(isSmall))
      await mkdir(directory)
      await withCollections({ engines, directory, isSmall, onEmbed }, async (node) => {
        const { id } = await node.collections.create({ name: 'notes' })
        const run = await node.indexed('notes', { paths: [folder] })
        assert.is(run.embedded, run.report.chunks)
        assert.ok(run.embedded > 64, `${run.embedded}`)
        const manifest = await node.index.manifest(node.collections.indexDirectory(id))
        segments.push(manifest.segments.map((segment) => segment.id))
      })
      seen.push(batches)
    }
    assert.ok(seen[1]!.length > seen[0]!.length, JSON.stringify(seen))
    assert.equal(segments[0], segments[1])
  }))

test('only codes of languages that there are, are taken', () =>
  withFolders((data, folder) =>
    withCollections({ engines, directory: data }, async (node) => {
      await node.collections.create({ name: 'notes', encoder: null })
      for (const language of ['zz', 'deu', 'und', 'DE', 'en-GB'])
        await node.collections.index('notes', { paths: [folder], language }).then(
          () => assert.unreachable(language),
          (error: VillageError) => assert.is(error.code, 'INVALID_ARGUMENT'),
        )
    }),
  ))

test.run()
