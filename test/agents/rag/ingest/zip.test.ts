import * as fc from 'fast-check'
import { zipSync } from 'fflate'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openZip } from '../../../../node/agents/rag/ingest/formats/zip.ts'
import { isErrorCode, VillageError } from '../../../../node/errors.ts'

const MIB = 2 ** 20

function archive(members: Record<string, Uint8Array>): Buffer {
  return Buffer.from(zipSync(members))
}

function codeOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (error instanceof VillageError && isErrorCode(error.code)) return error.code
    throw error
  }
  return 'none'
}

/** Noise does not pack. */
function noise(length: number): Uint8Array {
  let state = 1
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 24
  })
}

test('members come out as they went in, packed or stored', () => {
  const members = {
    'a.txt': Buffer.from('text '.repeat(100)),
    'b/c.bin': noise(5_000),
    empty: new Uint8Array(0),
  }
  const zip = openZip(archive(members), MIB)
  assert.equal([...zip.names].sort(), ['a.txt', 'b/c.bin', 'empty'])
  for (const [name, bytes] of Object.entries(members)) assert.equal(zip.read(name), Buffer.from(bytes))
  assert.is(zip.read('missing'), null)
  assert.is(zip.has('a.txt'), true)
})

test('all members together may not unpack to more than is allowed', () => {
  const zip = openZip(archive({ a: noise(600), b: noise(600) }), 1_000)
  zip.read('a')
  assert.is(
    codeOf(() => zip.read('b')),
    'ARCHIVE_BOMB',
  )
  // The same member again counts again: members of a bomb overlap.
  const again = openZip(archive({ a: noise(600) }), 1_000)
  again.read('a')
  assert.is(
    codeOf(() => again.read('a')),
    'ARCHIVE_BOMB',
  )
})

test('a member that packs too well, and one that lies about its size', () => {
  assert.is(
    codeOf(() => openZip(archive({ a: new Uint8Array(4 * MIB) }), 100 * MIB).read('a')),
    'ARCHIVE_BOMB',
  )
  const bytes = archive({ a: new Uint8Array(4 * MIB) })
  const at = bytes.indexOf(Buffer.from([0x50, 0x4b, 0x01, 0x02]))
  bytes.writeUInt32LE(1_000, at + 24)
  assert.is(
    codeOf(() => openZip(bytes, 100 * MIB).read('a')),
    'ARCHIVE_BOMB',
  )
  bytes.writeUInt32LE(4 * MIB + 1, at + 24)
  assert.is(
    codeOf(() => openZip(bytes, 2 * MIB).read('a')),
    'ARCHIVE_BOMB',
  )
})

test('too many members, encryption, and wrong checksums', () => {
  const many = Object.fromEntries(Array.from({ length: 10_001 }, (_, i) => [`${i}`, new Uint8Array(0)]))
  assert.is(
    codeOf(() => openZip(archive(many), MIB)),
    'ARCHIVE_BOMB',
  )
  const at = (bytes: Buffer) => bytes.indexOf(Buffer.from([0x50, 0x4b, 0x01, 0x02]))
  const locked = archive({ a: noise(100) })
  locked[at(locked) + 8] = 1
  assert.is(
    codeOf(() => openZip(locked, MIB).read('a')),
    'DOCUMENT_ENCRYPTED',
  )
  const wrong = archive({ a: noise(100) })
  wrong[at(wrong) + 16]! ^= 1
  assert.is(
    codeOf(() => openZip(wrong, MIB).read('a')),
    'ARCHIVE_MALFORMED',
  )
})

test('whatever is changed or cut off: the bytes that went in, or a code of the table', () => {
  const original = { a: noise(300), 'b.xml': Buffer.from('<a>text</a>'.repeat(20)) }
  const whole = archive(original)
  const change = fc.record({ at: fc.nat(whole.length - 1), value: fc.nat(255) })
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 4 }),
      fc.integer({ min: 0, max: whole.length }),
      (changes, length) => {
        const bytes = Buffer.from(changes.length === 0 ? whole.subarray(0, length) : whole)
        for (const { at, value } of changes) bytes[at] = value
        codeOf(() => {
          const zip = openZip(bytes, MIB)
          for (const name of zip.names) assert.ok((zip.read(name)?.length ?? 0) <= MIB)
        })
      },
    ),
    { numRuns: 500, seed: 9 },
  )
})

test.run()
