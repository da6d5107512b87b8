import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { bitsFor, pack, packedBytes, unpack } from '../../../../node/agents/rag/segment/bit-packing.ts'
import { ByteReader } from '../../../../node/agents/rag/segment/byte-reader.ts'
import { ByteWriter } from '../../../../node/agents/rag/segment/byte-writer.ts'
import { createPostingsEncoder } from '../../../../node/agents/rag/segment/encode-postings.ts'
import { FileWriter } from '../../../../node/agents/rag/segment/file-writer.ts'
import { PagedFile } from '../../../../node/agents/rag/segment/paged-file.ts'
import { PostingsBuilder } from '../../../../node/agents/rag/segment/postings-builder.ts'
import { NO_MORE, PostingsCursor } from '../../../../node/agents/rag/segment/postings-cursor.ts'
import { PostingsFile } from '../../../../node/agents/rag/segment/postings-list.ts'
import { throwsCode } from '../../../helpers/throws.ts'

const codecs = suite('postings codecs')

codecs('packed numbers of every width come back', () => {
  for (let width = 0; width <= 32; width++) {
    const largest = 2 ** width - 1
    fc.assert(
      fc.property(
        fc.uint32Array({ minLength: 128, maxLength: 128, max: largest }),
        fc.nat(5),
        (values, at) => {
          const bytes = new Uint8Array(at + packedBytes(width))
          pack(values, width, bytes, at)
          const out = new Uint32Array(128).fill(7)
          unpack(bytes, at, width, out)
          assert.equal(out, values)
          assert.ok(bitsFor(values, 128) <= width)
        },
      ),
      { numRuns: 15 },
    )
  }
})

codecs('numbers and texts of variable length come back, and nothing is read past the end', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 0xffff_ffff })),
      fc.string({ unit: 'binary' }),
      (numbers, text) => {
        const writer = new ByteWriter(1)
        for (const number of numbers) writer.varint(number)
        writer.text(text)
        const bytes = writer.view().slice()
        const reader = new ByteReader(bytes)
        assert.equal(
          numbers.map(() => reader.varint()),
          numbers,
        )
        assert.is(reader.text(), text)
        assert.is(reader.left, 0)
        throwsCode(() => reader.varint(), 'SEGMENT_CORRUPT')
      },
    ),
  )
  throwsCode(() => new ByteReader(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 1)).varint(), 'SEGMENT_CORRUPT')
  throwsCode(() => new ByteReader(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x10)).varint(), 'SEGMENT_CORRUPT')
  throwsCode(() => new ByteReader(Uint8Array.of(9, 65)).text(), 'SEGMENT_CORRUPT')
})

interface Posting {
  readonly chunk: number
  readonly positions: readonly number[]
}

/** Lists of 1 to some 700 chunks, dense and sparse. */
const list: fc.Arbitrary<Posting[]> = fc
  .tuple(fc.integer({ min: 1, max: 700 }), fc.constantFrom(1, 3, 40, 2_000), fc.infiniteStream(fc.nat()))
  .map(([df, spread, numbers]) => {
    const next = (below: number): number => numbers.next().value! % below
    let chunk = -1
    return Array.from({ length: df }, () => {
      chunk += 1 + next(spread)
      let position = -1
      const positions = Array.from({ length: 1 + (next(4) === 0 ? next(20) : 0) }, () => {
        position += 1 + next(300)
        return position
      })
      return { chunk, positions }
    })
  })

function* numbersOf(postings: readonly Posting[]): Generator<number> {
  let before = -1
  for (const { chunk, positions } of postings) {
    yield chunk - before
    yield positions.length
    yield positions[0]!
    for (let index = 1; index < positions.length; index++) yield positions[index]! - positions[index - 1]!
    before = chunk
  }
}

function withCursors(postings: readonly Posting[], use: (open: () => PostingsCursor) => void): void {
  const folder = mkdtempSync(path.join(tmpdir(), 'village-postings-'))
  const chunks = postings.at(-1)!.chunk + 3
  const lengths = new Uint32Array(chunks).map((_, chunk) => 20 + (chunk % 50))
  const numbers = numbersOf(postings)
  const encode = createPostingsEncoder(lengths, 40)
  const { bytes, peakFrequency, peakLength } = encode(postings.length, () => numbers.next().value!)
  const writer = new FileWriter(path.join(folder, 'list'))
  writer.write(bytes)
  const file = new PagedFile(path.join(folder, 'list'), writer.finish().sizeBytes)
  const opened = new PostingsFile(file, chunks, 40)
  try {
    const entry = {
      term: 'term',
      df: postings.length,
      peakFrequency,
      peakLength,
      listAt: 0,
      listBytes: bytes.length,
    }
    use(() => new PostingsCursor(opened.list(entry)))
  } finally {
    opened.close()
    file.close()
    rmSync(folder, { recursive: true })
  }
}

codecs('a list comes back chunk by chunk, with its positions', () => {
  fc.assert(
    fc.property(list, (postings) =>
      withCursors(postings, (open) => {
        const cursor = open()
        for (const { chunk, positions } of postings) {
          assert.is(cursor.chunk, chunk)
          assert.is(cursor.frequency, positions.length)
          assert.equal([...cursor.positions()], positions)
          cursor.next()
        }
        assert.is(cursor.chunk, NO_MORE)
        assert.is(cursor.next(), NO_MORE)
        assert.is(cursor.seek(0), NO_MORE)
      }),
    ),
    { numRuns: 40 },
  )
})

codecs('seek finds what a search through the list finds, and positions after it are right', () => {
  fc.assert(
    fc.property(list, fc.array(fc.nat(1_000_000), { minLength: 1, maxLength: 40 }), (postings, wanted) =>
      withCursors(postings, (open) => {
        const cursor = open()
        const last = postings.at(-1)!.chunk
        for (const target of wanted.map((number) => number % (last + 3)).sort((a, b) => a - b)) {
          const found = postings.find(({ chunk }) => chunk >= target)
          assert.is(cursor.seek(target), found?.chunk ?? NO_MORE)
          if (found !== undefined) assert.equal([...cursor.positions()], found.positions)
        }
      }),
    ),
    { numRuns: 60 },
  )
})

/** A cursor over bytes as a liar would write them. */
function cursorOver(
  bytes: Uint8Array,
  df: number,
  chunks: number,
  use: (cursor: PostingsCursor) => void,
): void {
  const folder = mkdtempSync(path.join(tmpdir(), 'village-postings-'))
  const writer = new FileWriter(path.join(folder, 'list'))
  writer.write(bytes)
  const file = new PagedFile(path.join(folder, 'list'), writer.finish().sizeBytes)
  const opened = new PostingsFile(file, chunks, 40)
  try {
    const entry = { term: 'term', df, peakFrequency: 1, peakLength: 1, listAt: 0, listBytes: bytes.length }
    use(new PostingsCursor(opened.list(entry)))
  } finally {
    opened.close()
    file.close()
    rmSync(folder, { recursive: true })
  }
}

codecs('chunks that do not exist, and frequencies without positions, are refused', () => {
  // One chunk: distance 4 with a frequency of 1, then its position.
  const honest = Uint8Array.of(1, 9, 0)
  cursorOver(honest, 1, 5, (cursor) => {
    assert.is(cursor.chunk, 4)
    assert.equal([...cursor.positions()], [0])
  })
  cursorOver(honest, 1, 4, (cursor) => throwsCode(() => cursor.chunk, 'SEGMENT_CORRUPT'))
  cursorOver(honest, 2, 5, (cursor) => throwsCode(() => cursor.chunk, 'SEGMENT_CORRUPT'))
  // Eight frequencies of 2^31: as many positions would take 64 GiB, more than an array can have.
  const boasts = Array.from({ length: 8 }, () => [0, 0xff, 0xff, 0xff, 0xff, 0xf]).flat()
  cursorOver(Uint8Array.of(boasts.length, ...boasts, 0), 8, 9, (cursor) => {
    assert.is(cursor.seek(7), 7)
    throwsCode(() => cursor.positions(), 'SEGMENT_CORRUPT')
  })
})

codecs('a skip table that does not agree with its blocks is refused', () => {
  const encode = createPostingsEncoder(new Uint32Array(300).fill(9), 9)
  const { bytes } = encode(300, () => 1)
  const honest = bytes.slice()
  cursorOver(honest, 300, 300, (cursor) => assert.is(cursor.seek(299), 299))
  for (const [at, value] of [
    [0, 126],
    [0, 255],
    [20, 200],
    [4, 255],
    [24, 255],
  ] as const) {
    const lying = honest.slice()
    lying[at] = value
    cursorOver(lying, 300, 300, (cursor) =>
      throwsCode(() => {
        for (let chunk = cursor.chunk; chunk !== NO_MORE; chunk = cursor.next()) cursor.seek(chunk)
      }, 'SEGMENT_CORRUPT'),
    )
  }
})

codecs('postings gathered in chains of slices come back in order', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.constantFrom('a', 'b', 'ä', 'rare', '🚀'), { maxLength: 30 }), { maxLength: 80 }),
      (chunks) => {
        const builder = new PostingsBuilder()
        for (const terms of chunks) {
          terms.forEach((term, position) => {
            builder.add(term, position * 200)
          })
          builder.endChunk()
        }
        const words = [...new Set(chunks.flat())].sort()
        assert.equal(
          builder.sorted().map(({ term }) => term),
          words,
        )
        for (const { term, id } of builder.sorted()) {
          const expected = chunks
            .map((terms, chunk) => ({
              chunk,
              positions: terms.flatMap((other, position) => (other === term ? [position * 200] : [])),
            }))
            .filter(({ positions }) => positions.length > 0)
          assert.is(builder.df(id), expected.length)
          const read = builder.read(id)
          for (const number of numbersOf(expected)) assert.is(read(), number)
        }
      },
    ),
  )
})

codecs.run()
