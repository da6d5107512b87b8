import { createHash } from 'node:crypto'
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { searchLexical } from '../../../../node/agents/rag/lexical/search-lexical.ts'
import { openSegment } from '../../../../node/agents/rag/segment/open-segment.ts'
import { NO_MORE } from '../../../../node/agents/rag/segment/postings-cursor.ts'
import {
  decodeHeader,
  encodeHeader,
  HEADER_FILE,
  SEGMENT_FILES,
  type SegmentFile,
  type SegmentHeader,
} from '../../../../node/agents/rag/segment/segment-format.ts'
import { verifySegment } from '../../../../node/agents/rag/segment/verify-segment.ts'
import { writeSegment } from '../../../../node/agents/rag/segment/write-segment.ts'
import { seededRandom } from '../../../../node/compute/evaluate/seeded-random.ts'
import { VillageError } from '../../../../node/errors.ts'
import { randomDocuments } from '../../../helpers/random-documents.ts'
import { throwsCode } from '../../../helpers/throws.ts'

const hostile = suite('segments of a stranger')
let folder = ''
let id = ''

hostile.before(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'village-hostile-'))
  // Enough for lists of several blocks, and a dictionary and texts of several blocks.
  const documents = randomDocuments(1, 160, 200).map((document) => ({
    ...document,
    vectors: new Float32Array(document.chunks.length * 2).fill(0.5),
  }))
  id = writeSegment(folder, documents).id
})
hostile.after(() => rmSync(folder, { recursive: true }))

/** The segment with one file replaced and a header that vouches for it, as a liar would write it. */
function forge(
  name: SegmentFile,
  bytes: Uint8Array,
  change: (header: SegmentHeader) => SegmentHeader = (h) => h,
): string {
  const work = path.join(folder, 'work')
  cpSync(path.join(folder, id), work, { recursive: true })
  writeFileSync(path.join(work, name), bytes)
  const known = decodeHeader(readFileSync(path.join(work, HEADER_FILE)))
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const header = change({ ...known, files: { ...known.files, [name]: { sizeBytes: bytes.length, sha256 } } })
  const encoded = encodeHeader(header)
  writeFileSync(path.join(work, HEADER_FILE), encoded)
  const forged = createHash('sha256').update(encoded).digest('hex')
  renameSync(work, path.join(folder, forged))
  return forged
}

/** Every way to read; returns how much came out. */
function readAll(segmentId: string): number {
  const segment = openSegment(folder, segmentId)
  let read = 0
  try {
    const terms = [...segment.terms()].map(({ term }) => term)
    for (const term of terms) {
      const cursor = segment.postings(term)
      for (let chunk = cursor?.chunk ?? NO_MORE; chunk !== NO_MORE; chunk = cursor!.next())
        read += cursor!.positions().length
    }
    const query = {
      terms: terms
        .slice(0, 20)
        .map((term, at) => ({ term, weight: 1, field: at % 5 === 0 ? ('title' as const) : null })),
      required: [],
      excluded: [{ alternatives: [terms.slice(3, 5)], field: null }],
    }
    const documentFrequency = new Map(terms.map((term) => [term, 5]))
    const statistics = { chunks: segment.header.chunks, totalLength: 5_000, documentFrequency }
    read += searchLexical([{ segment, accept: null }], query, statistics, 10).length
    for (let document = 0; document < segment.header.documents; document++)
      read += segment.indexedDocument(document).chunks.length
    return read + [...segment.documents()].length
  } finally {
    segment.close()
  }
}

/** Reads what can be read, or says SEGMENT_CORRUPT; any other end is a fault. */
function survives(segmentId: string): boolean {
  try {
    return readAll(segmentId) >= 0
  } catch (error) {
    if (error instanceof VillageError && error.code === 'SEGMENT_CORRUPT') return false
    throw error
  } finally {
    rmSync(path.join(folder, segmentId), { recursive: true })
  }
}

hostile('the untouched segment reads whole, so the tests below read something', () => {
  assert.ok(readAll(id) > 5_000)
  verifySegment(folder, id)
})

for (const name of SEGMENT_FILES) {
  hostile(`${name}: a changed byte is a damaged segment or other data, never a crash`, () => {
    const random = seededRandom(name.length)
    const original = readFileSync(path.join(folder, id, name))
    let refused = 0
    for (let run = 0; run < 60; run++) {
      const bytes = Uint8Array.from(original)
      const changes = 1 + Math.floor(random() * 3)
      // Half of them near the end, where the tables are.
      const from = run % 2 === 0 ? 0 : Math.max(0, bytes.length - 200)
      for (let change = 0; change < changes; change++) {
        const at = from + Math.floor(random() * (bytes.length - from))
        bytes[at] = run % 3 === 0 ? 0xff : Math.floor(random() * 256)
      }
      if (!survives(forge(name, bytes))) refused++
    }
    // Vectors are numbers, of which any will do.
    if (name !== 'vectors.bin') assert.ok(refused > 5, `${refused} of 60 were noticed`)
  })

  hostile(`${name}: cut short or made longer`, () => {
    const original = readFileSync(path.join(folder, id, name))
    const random = seededRandom(7)
    for (const length of [
      0,
      1,
      15,
      16,
      17,
      original.length - 1,
      ...Array.from({ length: 8 }, () => Math.floor(random() * original.length)),
    ])
      assert.not(survives(forge(name, original.subarray(0, length))), `${length} bytes`)
    const longer = survives(forge(name, Buffer.concat([original, Buffer.alloc(16)])))
    // Lists are found by the dictionary: bytes behind the last one are in nobody's way.
    assert.is(longer, name === 'postings.bin', '16 bytes more')
  })

  hostile(`${name}: a header that does not vouch for it`, () => {
    const file = path.join(folder, id, name)
    const original = readFileSync(file)
    const changed = Uint8Array.from(original)
    changed[changed.length >>> 1]! ^= 1
    try {
      writeFileSync(file, changed)
      throwsCode(() => verifySegment(folder, id), 'SEGMENT_CORRUPT')
      writeFileSync(file, original.subarray(1))
      throwsCode(() => verifySegment(folder, id), 'SEGMENT_CORRUPT')
      throwsCode(() => readAll(id), 'SEGMENT_CORRUPT')
    } finally {
      writeFileSync(file, original)
    }
  })
}

hostile('a header that claims more than there is', () => {
  const columns = readFileSync(path.join(folder, id, 'columns.bin'))
  const claims: ((header: SegmentHeader) => SegmentHeader)[] = [
    (header) => ({ ...header, chunks: 4_000_000, dims: null, files: withoutVectors(header) }),
    (header) => ({ ...header, documents: 4_000_000 }),
    (header) => ({ ...header, terms: 4_000_000_000 }),
    (header) => ({ ...header, totalLength: 9 }),
  ]
  for (const claim of claims) assert.not(survives(forge('columns.bin', columns, claim)))
})

function withoutVectors(header: SegmentHeader): SegmentHeader['files'] {
  return Object.fromEntries(Object.entries(header.files).filter(([name]) => name !== 'vectors.bin'))
}

hostile('headers that are none', () => {
  const good = JSON.parse(readFileSync(path.join(folder, id, HEADER_FILE), 'utf8')) as Record<string, unknown>
  const decode = (value: unknown) => () => decodeHeader(new TextEncoder().encode(JSON.stringify(value)))
  const changed = (changes: Record<string, unknown>) => decode({ ...good, ...changes })
  for (const bad of [null, [], 'text', {}]) assert.throws(decode(bad))
  throwsCode(changed({ version: 2 }), 'SEGMENT_VERSION_UNSUPPORTED')
  for (const changes of [
    { chunks: -1 },
    { chunks: 1.5 },
    { chunks: 5_000_000 },
    { documents: null },
    { totalLength: '1' },
    { terms: 2 ** 40 },
    { languages: 'en' },
    { languages: [1] },
    { dims: 0 },
    { dims: 3 },
    { analyzer: 0 },
    { files: null },
    { files: { ...(good.files as object), 'terms.bin': { sizeBytes: 1, sha256: 'x' } } },
    { files: { ...(good.files as object), '../key': { sizeBytes: 1, sha256: '0'.repeat(64) } } },
  ])
    throwsCode(changed(changes), 'SEGMENT_CORRUPT')
  throwsCode(() => decodeHeader(new Uint8Array(70_000)), 'SEGMENT_CORRUPT')
  throwsCode(() => decodeHeader(Uint8Array.of(0xff, 0xfe)), 'SEGMENT_CORRUPT')
})

hostile.run()
