import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  createDuplicateFinder,
  type DuplicateFinder,
  readDuplicates,
} from '../../../../node/agents/rag/ingest/duplicate-finder.ts'
import { signature, similarity } from '../../../../node/agents/rag/ingest/near-duplicates.ts'
import { VillageError } from '../../../../node/errors.ts'

/** A generator of numbers that is the same in every run. */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

function words(count: number, random: () => number): string[] {
  return Array.from({ length: count }, () => `w${Math.floor(random() * 5_000).toString(36)}`)
}

/** With so many words replaced by others. */
function edited(text: readonly string[], edits: number, random: () => number): string[] {
  const copy = [...text]
  for (let i = 0; i < edits; i++)
    copy[Math.floor(random() * copy.length)] = `new${Math.floor(random() * 1e6)}`
  return copy
}

function jaccard(a: readonly string[], b: readonly string[]): number {
  const shingles = (text: readonly string[]) =>
    new Set(Array.from({ length: text.length - 3 }, (_, i) => text.slice(i, i + 4).join(' ')))
  const [first, second] = [shingles(a), shingles(b)]
  const shared = [...first].filter((shingle) => second.has(shingle)).length
  return shared / (first.size + second.size - shared)
}

function mark(text: readonly string[]): Uint16Array {
  const found = signature(text.join(' '))
  if (found === null) throw new Error('too short')
  return found
}

test('signatures estimate the similarity of texts', () => {
  const random = numbers(1)
  let error = 0
  for (let i = 0; i < 100; i++) {
    const text = words(100 + Math.floor(random() * 400), random)
    const other = edited(text, Math.floor(random() * 30), random)
    error += Math.abs(similarity(mark(text), mark(other)) - jaccard(text, other)) / 100
  }
  // The mean absolute error of 128 bins is about 0.03.
  assert.ok(error < 0.05, `mean error ${error}`)
})

test('case, marks and white space do not matter; a short text has no signature', () => {
  const text = words(50, numbers(2))
  assert.equal(signature(text.join(' ')), signature(text.join(',\n ').toUpperCase()))
  assert.is(signature('only a few words'), null)
  assert.ok(signature('这是一个很长的句子关于河流山脉树木房屋人民工作时间年月村庄知识') !== null)
})

test('nearly equal documents are found, others are not', () => {
  const random = numbers(3)
  const finder = createDuplicateFinder()
  const texts = Array.from({ length: 500 }, () => words(200, random))
  for (const [i, text] of texts.entries()) finder.add(`d${i}`, mark(text))
  let found = 0
  for (const [i, text] of texts.entries()) {
    // Two words of two hundred: a similarity of 0.92.
    if (finder.find(mark(edited(text, 2, random)))?.id === `d${i}`) found++
    assert.is(finder.find(mark(words(200, random))), null)
    // Thirty words: 0.4, not nearly equal.
    assert.is(finder.find(mark(edited(text, 30, random))), null)
  }
  assert.ok(found >= 495, `${found} of 500`)
})

const texts = Array.from({ length: 40 }, (_, i) => words(60, numbers(i)))
const marks = texts.map(mark)

test('whatever is added, replaced and removed: what is there is found, what is gone is not', () => {
  const step = fc.record({ isAdd: fc.boolean(), id: fc.nat(30), text: fc.nat(39) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      let finder: DuplicateFinder = createDuplicateFinder()
      const held = new Map<string, number>()
      for (const { isAdd, id, text } of steps) {
        if (isAdd) {
          finder.add(`id${id}`, marks[text]!)
          held.set(`id${id}`, text)
        } else {
          finder.remove(`id${id}`)
          held.delete(`id${id}`)
        }
      }
      for (const copy of [finder, readDuplicates(finder.encode())]) {
        finder = copy
        assert.is(finder.size, held.size)
        for (const [text, signature] of marks.entries()) {
          const twin = finder.find(signature)
          assert.is(twin !== null, [...held.values()].includes(text))
          if (twin !== null) assert.is(held.get(twin.id), text)
        }
      }
    }),
    { numRuns: 50, seed: 4 },
  )
})

test('it grows, and stops at its limit', () => {
  const random = numbers(6)
  const finder = createDuplicateFinder({ maxDocuments: 1_000 })
  const some = Array.from({ length: 1_100 }, () => mark(words(30, random)))
  for (const [i, signature] of some.entries()) finder.add(`${i}`, signature)
  assert.is(finder.size, 1_000)
  for (const [i, signature] of some.entries())
    assert.is(finder.find(signature)?.id ?? null, i < 1_000 ? `${i}` : null)
})

test('a thousand equal documents do not make it slow, and a damaged file is refused', () => {
  const finder = createDuplicateFinder()
  for (let i = 0; i < 1_000; i++) finder.add(`${i}`, marks[0]!)
  assert.is(finder.find(marks[0]!)?.similarity, 1)
  for (let i = 0; i < 1_000; i++) finder.remove(`${i}`)
  assert.is(finder.size, 0)
  assert.is(finder.find(marks[0]!), null)
  finder.add('x', marks[0]!)
  const bytes = finder.encode()
  for (const broken of [
    bytes.subarray(0, 100),
    bytes.subarray(0, 2),
    Uint8Array.of(9, ...bytes.subarray(1)),
    Uint8Array.of(),
  ]) {
    try {
      readDuplicates(broken)
      assert.unreachable()
    } catch (error) {
      assert.is(error instanceof VillageError && error.code, 'DATA_CORRUPT')
    }
  }
})

test.run()
