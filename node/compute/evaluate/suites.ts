import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import type { Interval } from './scores.ts'
import { SENTENCE_GROUPS } from './sentences.ts'

/** A set of items that a model is evaluated on. The order of the items is part of the suite. */
export interface Suite {
  /** Stable number of the wire form. */
  readonly id: number
  readonly name: string
  readonly title: string
  readonly items: number
  text(item: number): string
  /** Items of one group mean the same. */
  group(item: number): number
  /** Whether the suite can be put to a model. */
  fits(model: { readonly kind: string }): boolean
  /**
   * Which share of the original's quality a model keeps: the smallest of these, each 1 for the original itself.
   * `scores` compare it with the original, `reference` are the original's own (operation evaluate.score).
   */
  kept(scores: JsonObject, reference: JsonObject): Interval[]
}

const SENTENCES = SENTENCE_GROUPS.flatMap((sentences, group) => sentences.map((text) => ({ text, group })))

const numberOf = (value: JsonValue | undefined): number => (typeof value === 'number' ? value : 0)

function intervalOf(value: JsonValue | undefined): Interval {
  const found = isJsonObject(value ?? null) ? (value as JsonObject) : {}
  return { value: numberOf(found.value), low: numberOf(found.low), high: numberOf(found.high) }
}

export const SUITES: readonly Suite[] = [
  {
    id: 1,
    name: 'similarity',
    title: 'Sentence similarity: what a sentence encoder puts next to what',
    items: SENTENCES.length,
    text: (item) => SENTENCES[item]!.text,
    group: (item) => SENTENCES[item]!.group,
    fits: ({ kind }) => kind === 'encoder',
    kept(scores, reference) {
      const ratio =
        numberOf(scores.groupAccuracy) / Math.max(numberOf(reference.groupAccuracy), Number.MIN_VALUE)
      const interval = intervalOf(scores.groupKept)
      return [intervalOf(scores.spearman), { ...interval, value: Math.min(1, ratio) }]
    },
  },
]

export function suiteById(id: number): Suite | undefined {
  return SUITES.find((suite) => suite.id === id)
}

/** The suite of that name; INVALID_ARGUMENT lists the names. */
export function suiteByName(name: string): Suite {
  const suite = SUITES.find((row) => row.name === name)
  if (suite !== undefined) return suite
  const names = SUITES.map((row) => row.name).join(', ')
  throw new VillageError('INVALID_ARGUMENT', `There is no suite of that name; there is ${names}.`, {
    fields: { names },
  })
}

/** The share of its quality that a model keeps by a suite: of what the suite looks at, what suffered most. */
export function keptOf(suite: Suite, scores: JsonObject, reference: JsonObject): Interval {
  return suite.kept(scores, reference).reduce((least, one) => (one.value < least.value ? one : least))
}
