import { VillageError } from '../../errors.ts'
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
}

const SENTENCES = SENTENCE_GROUPS.flatMap((sentences, group) => sentences.map((text) => ({ text, group })))

export const SUITES: readonly Suite[] = [
  {
    id: 1,
    name: 'similarity',
    title: 'Sentence similarity: what a sentence encoder puts next to what',
    items: SENTENCES.length,
    text: (item) => SENTENCES[item]!.text,
    group: (item) => SENTENCES[item]!.group,
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
