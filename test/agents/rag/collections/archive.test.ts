/** Collections as files: what comes out goes in again, and what anybody has touched does not. */
import { spawnSync } from 'node:child_process'
import { readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { buffer } from 'node:stream/consumers'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  BLOCK_BYTES,
  decodeEntry,
  decodeHeader,
  encodeEntry,
  encodeHeader,
} from '../../../../node/agents/rag/collections/archive-format.ts'
import { toVillageError, VillageError } from '../../../../node/errors.ts'
import {
  type CollectionNode,
  createEngines,
  withCollections,
  withFolders,
  writeFiles,
} from '../../../helpers/collection-service.ts'
import { rejectsCode, throwsCode } from '../../../helpers/throws.ts'

const test = suite('archives of collections')
const engines = createEngines()
test.after(engines.stop)
const { signal } = new AbortController()

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size)
}

async function exported(node: CollectionNode, name: string): Promise<Buffer> {
  const { content, sizeBytes, name: file } = await node.collections.export(name, signal)
  const bytes = await buffer(content)
  assert.is(bytes.byteLength, sizeBytes)
  assert.is(file, `${name}.collection.tar`)
  return bytes
}

async function withArchive(
  run: (node: CollectionNode, archive: Buffer, directory: string, folder: string) => Promise<void>,
): Promise<void> {
  await withFolders((data, folder) =>
    withCollections({ engines, directory: data }, async (node) => {
      await node.collections.create({ name: 'notes', access: 'village', weight: 0.25, segmentChunks: 16 })
      const files = Array.from({ length: 40 }, (_, i) => [`${i}.md`, `Note number ${i}.`] as const)
      await writeFiles(folder, Object.fromEntries(files))
      await node.indexed('notes', { paths: [folder], language: 'en' })
      await node.collections.removeDocuments('notes', ['notes/7.md'])
      await run(node, await exported(node, 'notes'), path.join(data, 'collections'), folder)
    }),
  )
}

test('an archive makes the same collection again, private, under any name', () =>
  withArchive(async (node, archive, directory, folder) => {
    await rejectsCode(node.collections.import(inPieces(archive, 1_000), {}, signal), 'COLLECTION_EXISTS')
    await rejectsCode(
      node.collections.import(inPieces(archive, 7), { name: 'notes' }, signal),
      'COLLECTION_EXISTS',
    )
    for (const [name, size] of [
      ['one', archive.byteLength],
      ['two', 333],
    ] as const) {
      const info = await node.collections.import(inPieces(archive, size), { name }, signal)
      const { access, weight, segmentChunks, documents, chunks, languages, encoder } = info
      assert.equal(
        { access, weight, segmentChunks, documents, chunks, languages, encoder },
        {
          ...{ access: 'private', weight: 0.25, segmentChunks: 16, documents: 39, chunks: 39 },
          ...{ languages: ['en'], encoder: 'bafyletters' },
        },
      )
      assert.equal(await node.sources(name), await node.sources('notes'))
      assert.equal(
        (await node.collections.documents(name, { limit: 100 })).map(({ id }) => id),
        (await node.collections.documents('notes', { limit: 100 })).map(({ id }) => id),
      )
      const [passage] = await node.collections.document(name, 'notes/3.md')
      assert.is(passage?.text, 'Note number 3.')
    }
    // It can be written to: a file of the same name takes the place of what was imported.
    await writeFiles(folder, { '3.md': 'Note number three.' })
    await node.indexed('one', { paths: [folder], language: 'en' })
    const [passage] = await node.collections.document('one', 'notes/3.md')
    assert.is(passage?.text, 'Note number three.')
    assert.is((await node.collections.need('one')).documents, 40)
    assert.equal(
      (await readdir(directory)).filter((name) => name.startsWith('.')),
      [],
    )
    // The same collection gives the same bytes.
    assert.ok((await exported(node, 'notes')).equals(archive))
  }))

test('what lies with other members is neither exported nor shown, and a changed file still replaces itself', () =>
  withArchive(async (node, _archive, _directory, folder) => {
    const { id } = await node.collections.need('notes')
    const directory = node.collections.indexDirectory(id)
    const { segments } = await node.index.manifest(directory)
    const ids = segments.map((segment) => segment.id)
    await node.index.sendAway(directory, ids)
    await rejectsCode(node.collections.export('notes', signal), 'COLLECTION_SPREAD')
    await rejectsCode(node.collections.document('notes', 'notes/3.md'), 'COLLECTION_SPREAD')
    // It would be lost with those who have it, or be private in name only.
    await node.collections.update('notes', { access: 'village', keepsCopy: false })
    await rejectsCode(
      node.collections.update('notes', { access: 'private', replicas: 5, keepsCopy: true }),
      'COLLECTION_SPREAD',
    )
    const { access, replicas, keepsCopy } = await node.collections.need('notes')
    assert.equal([access, replicas, keepsCopy], ['village', 2, false])
    assert.is(node.collections.accessOf(id), 'village')
    assert.is((await node.sources('notes')).length, 39)
    await writeFiles(folder, { '3.md': 'Note number three.' })
    const run = await node.indexed('notes', { paths: [folder], language: 'en' })
    assert.equal([run.state, run.report.changed], ['done', 1])
    const [passage] = await node.collections.document('notes', 'notes/3.md')
    assert.is(passage?.text, 'Note number three.')
  }))

test('tar reads it', () =>
  withArchive(async (_node, archive) => {
    const listed = spawnSync('tar', ['-tf', '-'], { input: archive, encoding: 'utf8' })
    if (listed.error !== undefined) {
      console.log('skipped: no tar on this machine')
      return
    }
    assert.is(listed.status, 0, listed.stderr)
    const names = listed.stdout.trim().split('\n')
    assert.is(names[0], 'collection.json')
    assert.ok(names.slice(1).every((name) => /^index\/[0-9a-f]{64}\/[a-z]+\.(json|bin)$/.test(name)))
    assert.ok(names.length > 2 * 6)
  }))

test('no change of any byte goes unseen, and nothing of it stays', () =>
  withArchive(async (node, archive, directory) => {
    const before = (await readdir(directory)).sort()
    const headerEnd = BLOCK_BYTES + decodeEntry(archive.subarray(0, BLOCK_BYTES)).sizeBytes
    const refused = async (bytes: Uint8Array, what: string) => {
      try {
        const { id } = await node.collections.import(inPieces(bytes, 4_096), { name: 'copy' }, signal)
        // What a change may do without harm: another name, weight, language or kind of space in the header, which no hash covers.
        const at = bytes.findIndex((byte, index) => byte !== archive[index])
        assert.ok(at >= BLOCK_BYTES && at < headerEnd, what)
        await node.collections.remove(id)
      } catch (error) {
        if (!(error instanceof VillageError)) throw error
        assert.is(error.code, 'COLLECTION_ARCHIVE_INVALID', `${what}: ${error.code} ${error.message}`)
      }
    }
    await fc.assert(
      fc.asyncProperty(fc.nat(archive.byteLength - 1), fc.integer({ min: 1, max: 255 }), async (at, by) => {
        const changed = Buffer.from(archive)
        changed[at]! ^= by
        await refused(changed, `byte ${at} by ${by}`)
      }),
      { numRuns: 60 },
    )
    for (const length of [0, 1, BLOCK_BYTES, 5_000, archive.byteLength - 1_025])
      await refused(archive.subarray(0, length), `cut at ${length}`)
    await refused(Buffer.concat([archive, Buffer.from('more')]), 'more at the end')
    assert.equal((await readdir(directory)).sort(), before)
  }))

test('an archive cannot name what lies elsewhere, or claim what it does not hold', () =>
  withArchive(async (node, archive) => {
    const { sizeBytes } = decodeEntry(archive.subarray(0, BLOCK_BYTES))
    const header = decodeHeader(archive.subarray(BLOCK_BYTES, BLOCK_BYTES + sizeBytes))
    const first = header.segments[0]!
    const file = first.files[0]!
    const refuse = (change: object) =>
      throwsCode(
        () => decodeHeader(encodeHeader({ ...header, ...change } as typeof header)),
        'COLLECTION_ARCHIVE_INVALID',
      )
    const withFile = (change: object) => ({ segments: [{ ...first, files: [{ ...file, ...change }] }] })
    for (const name of ['../x.bin', '/etc/passwd', 'a/b.bin', '', '.bin', 'x.so', 'segment.json\0'])
      refuse(withFile({ name }))
    refuse(withFile({ sizeBytes: -1 }))
    refuse(withFile({ sizeBytes: 2 ** 60 }))
    refuse(withFile({ sha256: 'x' }))
    refuse({ segments: [{ ...first, id: '../../x' }] })
    refuse({ segments: [first, first] })
    refuse({ segments: [{ ...first, files: [file, file] }] })
    refuse({ format: 'other' })
    refuse({ version: 2 })
    refuse({ dims: 3, encoder: null })
    refuse({ segmentChunks: 0 })
    refuse({ documentBase: 'x' })
    refuse({ weight: 2 })
    refuse({ languages: ['en/../..'] })
    const error = await node.collections
      .import(inPieces(Buffer.from('# Notes\n'.repeat(100)), 64), {}, signal)
      .then(() => null, toVillageError)
    assert.is(error?.message, 'The archive cannot be imported: it is no archive of a collection')
    for (const block of [Buffer.alloc(BLOCK_BYTES), Buffer.alloc(BLOCK_BYTES, 0xff)])
      throwsCode(() => decodeEntry(block), 'COLLECTION_ARCHIVE_INVALID')
    assert.equal(decodeEntry(encodeEntry('collection.json', 5)), { name: 'collection.json', sizeBytes: 5 })
    // Vectors of another length than the collection says: every hash fits, and yet it is refused.
    const lying = encodeHeader({ ...header, dims: 5 })
    const padding = Buffer.alloc(Math.ceil(lying.byteLength / BLOCK_BYTES) * BLOCK_BYTES - lying.byteLength)
    const rest = archive.subarray(BLOCK_BYTES + Math.ceil(sizeBytes / BLOCK_BYTES) * BLOCK_BYTES)
    const bytes = Buffer.concat([encodeEntry('collection.json', lying.byteLength), lying, padding, rest])
    await rejectsCode(
      node.collections.import(inPieces(bytes, 4_096), { name: 'copy' }, signal),
      'COLLECTION_ARCHIVE_INVALID',
    )
    assert.is(await node.collections.get('copy'), null)
  }))

test('an export that nobody reads leaves nothing behind, and an import that is given up neither', () =>
  withArchive(async (node, archive, directory) => {
    const before = (await readdir(directory)).sort()
    const leaving = new AbortController()
    await node.collections.export('notes', leaving.signal)
    leaving.abort()
    const importing = new AbortController()
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield archive.subarray(0, 9_000)
      importing.abort()
      yield archive.subarray(9_000)
    }
    await node.collections.import(slow(), { name: 'copy' }, importing.signal).catch(() => undefined)
    await node.collections.remove('copy').catch(() => undefined)
    await writeFile(path.join(directory, 'marker'), '')
    while ((await readdir(directory)).length !== before.length + 1)
      await new Promise((resolve) => setImmediate(resolve))
  }))

test.run()
