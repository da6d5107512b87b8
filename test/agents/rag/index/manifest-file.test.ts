/** The manifest and the files of deleted chunks: their bytes, and what becomes of bytes that are not theirs. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Manifest } from '../../../../node/agents/rag/index/manifest.ts'
import {
  createIndex,
  decodeManifest,
  encodeManifest,
  readManifest,
  writeManifest,
} from '../../../../node/agents/rag/index/manifest-file.ts'
import {
  bitsOf,
  countBits,
  decodeTombstones,
  eachBit,
  encodeTombstones,
  readTombstones,
  writeTombstones,
} from '../../../../node/agents/rag/index/tombstones.ts'
import { throwsCode } from '../../../helpers/throws.ts'

const test = suite('manifest-file')
let directory = ''
test.before.each(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'village-manifest-'))
})
test.after.each(() => rmSync(directory, { recursive: true }))

const GOLDEN = new URL('../../../vectors/rag/', import.meta.url)
const MANIFEST: Manifest = {
  version: 1,
  generation: 7,
  settings: { maxSegmentChunks: 10_000, dims: 512 },
  segments: [
    {
      id: '0123456789abcdef'.repeat(4),
      chunks: 20,
      documents: 6,
      totalLength: 3_456,
      sizeBytes: 78_901,
      deletedChunks: 3,
      deletedDocuments: 1,
      tombstones: `${'fedcba9876543210'.repeat(4)}.tombstones`,
      isAway: false,
    },
    {
      id: 'f'.repeat(64),
      chunks: 1,
      documents: 1,
      totalLength: 0,
      sizeBytes: 500,
      deletedChunks: 0,
      deletedDocuments: 0,
      tombstones: null,
      isAway: true,
    },
  ],
}

test('the bytes of a manifest and of tombstones are those of the golden files', () => {
  assert.is(encodeManifest(MANIFEST).toString(), readFileSync(new URL('manifest.json', GOLDEN), 'utf8'))
  assert.equal(decodeManifest('', readFileSync(new URL('manifest.json', GOLDEN))), MANIFEST)
  const golden = readFileSync(new URL('twenty-chunks.tombstones', GOLDEN))
  assert.ok(encodeTombstones(bitsOf(20, [0, 9, 19])).equals(golden))
  assert.equal([...eachBit(decodeTombstones(golden, 20))], [0, 9, 19])
})

test('a manifest is read as it was written, and replaced whole', () => {
  throwsCode(() => readManifest(directory), 'INDEX_MISSING')
  throwsCode(() => readManifest(path.join(directory, 'nowhere')), 'INDEX_MISSING')
  const index = path.join(directory, 'index')
  const empty = createIndex(index, { maxSegmentChunks: 5, dims: null })
  assert.equal(readManifest(index), empty)
  throwsCode(() => createIndex(index, { maxSegmentChunks: 5, dims: null }), 'INDEX_EXISTS')
  writeManifest(index, MANIFEST)
  assert.equal(readManifest(index), MANIFEST)
})

test('settings that no index can have are refused', () => {
  for (const settings of [
    { maxSegmentChunks: 0, dims: null },
    { maxSegmentChunks: 1.5, dims: null },
    { maxSegmentChunks: 1, dims: 0 },
    { maxSegmentChunks: 1, dims: 5_000 },
  ])
    throwsCode(() => createIndex(directory, settings), 'INVALID_ARGUMENT')
  throwsCode(() => readManifest(directory), 'INDEX_MISSING')
})

test('a byte that is changed, cut off or added is noticed', () => {
  const bytes = encodeManifest(MANIFEST)
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const changed = Buffer.from(bytes)
      changed[at]! ^= change
      throwsCode(() => decodeManifest('', changed), 'INDEX_CORRUPT')
      throwsCode(() => decodeManifest('', bytes.subarray(0, at)), 'INDEX_CORRUPT')
    }),
  )
  throwsCode(() => decodeManifest('', Buffer.concat([bytes, Buffer.from('\n')])), 'INDEX_CORRUPT')
})

test('what is well hashed and makes no sense is no manifest', () => {
  const [first, second] = MANIFEST.segments
  const broken: Manifest[] = [
    { ...MANIFEST, generation: -1 },
    { ...MANIFEST, segments: [first!, first!] },
    { ...MANIFEST, segments: [{ ...first!, id: '../../etc' }] },
    { ...MANIFEST, segments: [{ ...first!, tombstones: '../x.tombstones' }] },
    { ...MANIFEST, segments: [{ ...first!, deletedChunks: 21 }] },
    { ...MANIFEST, segments: [second!, { ...first!, sizeBytes: Number.NaN }] },
  ]
  for (const manifest of broken)
    throwsCode(() => decodeManifest('', encodeManifest(manifest)), 'INDEX_CORRUPT')
  const newer = encodeManifest({ ...MANIFEST, version: 2 as 1 })
  throwsCode(() => decodeManifest('', newer), 'INDEX_VERSION_UNSUPPORTED')
})

test('tombstones come back as they were, and nothing else passes for them', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 70 }), fc.array(fc.nat()), (size, numbers) => {
      const expected = [...new Set(numbers.map((number) => number % size))].sort((a, b) => a - b)
      const bits = bitsOf(size, expected)
      assert.is(countBits(bits), expected.length)
      const bytes = encodeTombstones(bits)
      assert.equal([...eachBit(decodeTombstones(bytes, size))], expected)
      throwsCode(() => decodeTombstones(bytes, size + 8), 'INDEX_CORRUPT')
      throwsCode(() => decodeTombstones(bytes.subarray(1), size), 'INDEX_CORRUPT')
    }),
  )
  // A bit past the last chunk.
  throwsCode(
    () => decodeTombstones(encodeTombstones({ size: 3, bytes: Uint8Array.of(8) }), 3),
    'INDEX_CORRUPT',
  )
})

test('a file of tombstones is what its name says', () => {
  const name = writeTombstones(directory, bitsOf(20, [4]))
  assert.equal([...eachBit(readTombstones(directory, name, 20)!)], [4])
  assert.is(readTombstones(directory, null, 20), null)
  writeFileSync(path.join(directory, name), encodeTombstones(bitsOf(20, [5])))
  throwsCode(() => readTombstones(directory, name, 20), 'INDEX_CORRUPT')
  rmSync(path.join(directory, name))
  throwsCode(() => readTombstones(directory, name, 20), 'INDEX_CORRUPT')
})

test.run()
