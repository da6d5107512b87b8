/**
 * What the curriculum is made of. Every generator is a pure function of a seed, a split and a number, so that item 7
 * of a domain is the same on every machine, whoever asks for it and in whatever order.
 */
import { createHash } from 'node:crypto'
import { seededRandom } from '../../../node/compute/evaluate/seeded-random.ts'

export type Split = 'train' | 'held-out'

/** A question with its one right answer. `prompt + completion` is the text that a model sees in training. */
export interface TaskItem {
  /** Ends right after `Answer:`, so that the answer begins with a space. */
  readonly prompt: string
  readonly completion: string
  /** What is compared: the text (or the number) that must come out. */
  readonly answer: string
  /** The kind of question, to report scores by. */
  readonly group: string
  /** For a multiple choice: the continuations to choose from. */
  readonly choices?: readonly string[]
}

/** What a model learns from: a question and its answer, or a text alone. */
export interface Document {
  /** What is given; empty for a text. */
  readonly prompt: string
  readonly text: string
}

export interface Domain {
  readonly name: string
  readonly title: string
  /** What decides the split, in words for the model card. */
  readonly heldOut: string
  item(seed: number, split: Split, index: number): TaskItem
  /** Documents beside the questions that teach what the questions rest on; also pure by (seed, index). */
  support?(seed: number, index: number): Document
  /** What is hard and rare in the questions, for the specialist alone. */
  drill?(seed: number, index: number): Document
}

/** One part in so many of the contents is held out. */
const HELD_OUT_PART = 8

/**
 * Whether a content (an operand pair, a word, a question about a fact) belongs to the held-out part: decided by its
 * SHA-256 alone, so that no seed and no order of generation can let it leak into training.
 */
export function isHeldOut(content: string): boolean {
  let known = decided.get(content)
  if (known === undefined) {
    known = createHash('sha256').update(content).digest().readUInt32BE(0) % HELD_OUT_PART === 0
    if (decided.size > 500_000) decided.clear()
    decided.set(content, known)
  }
  return known
}
const decided = new Map<string, boolean>()

/** The draws of one item. */
export interface Draw {
  /** An integer in [low, high]. */
  integer(low: number, high: number): number
  pick<T>(list: readonly T[]): T
  /** True with probability `share`. */
  chance(share: number): boolean
  shuffle<T>(list: readonly T[]): T[]
}

/** The generator of item `index` of the stream `name`: independent of every other item. */
export function drawFor(seed: number, name: string, index: number): Draw {
  const state = createHash('sha256').update(`${seed}/${name}/${index}`).digest().readUInt32BE(0)
  const random = seededRandom(state)
  const integer = (low: number, high: number) => low + Math.floor(random() * (high - low + 1))
  const draw: Draw = {
    integer,
    pick: (list) => list[integer(0, list.length - 1)]!,
    chance: (share) => random() < share,
    shuffle: (list) => {
      const copy = [...list]
      for (let last = copy.length - 1; last > 0; last--) {
        const other = integer(0, last)
        const held = copy[last]!
        copy[last] = copy[other]!
        copy[other] = held
      }
      return copy
    },
  }
  return draw
}

/** Draws until a candidate belongs to the split: rejection keeps each split's distribution that of the domain. */
export function drawForSplit<T>(split: Split, make: () => T, heldOut: (candidate: T) => boolean): T {
  for (let attempt = 0; attempt < 10_000; attempt++) {
    const candidate = make()
    if (heldOut(candidate) === (split === 'held-out')) return candidate
  }
  throw new Error(`no candidate of the split ${split} in 10,000 draws`)
}
