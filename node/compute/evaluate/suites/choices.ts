/** Scoring of choices, and of whatever is right or wrong. */
import { VillageError } from '../../../errors.ts'
import type { ChoiceRecord, ItemRecord } from '../item-records.ts'
import type { Answer, ItemScore, Metric } from '../item-suite.ts'
import type { Interval } from '../scores.ts'
import { wilson } from '../statistics.ts'

/** The measure of what is right (1) or wrong (0). */
export const RIGHT = 'right'

export interface ChoiceScore extends ItemScore {
  readonly chosen: number
  readonly answer: number
  /** By choice. */
  readonly logProbabilities: readonly number[]
  /** Tokens of the context that did not fit the model. */
  readonly dropped: number
}

/** A record of the type that the suite's items have: whoever joined the results has checked them. */
export function recordOf<T extends ItemRecord['type']>(
  record: ItemRecord,
  type: T,
): Extract<ItemRecord, { type: T }> {
  if (record.type !== type)
    throw new VillageError(
      'EVALUATION_RESULT_MALFORMED',
      `The evaluation result has no "${type}" where one belongs`,
    )
  return record as Extract<ItemRecord, { type: T }>
}

/** The most likely choice; of equals the first, as numpy's argmax has it. */
export function mostLikely(record: ChoiceRecord, lengths?: readonly number[]): number {
  const likelihoods = record.choices.map(
    ({ logProbability }, index) => logProbability / (lengths?.[index] ?? 1),
  )
  return likelihoods.indexOf(Math.max(...likelihoods))
}

export function choiceScore({ id, group }: Answer, answer: number, given: ItemRecord): ChoiceScore {
  const record = recordOf(given, 'choice')
  const chosen = mostLikely(record)
  const logProbabilities = record.choices.map(({ logProbability }) => logProbability)
  const { dropped } = record
  const score = chosen === answer ? 1 : 0
  return { id, group, measure: RIGHT, score, weight: 1, chosen, answer, logProbabilities, dropped }
}

/** How many items lost a part of their beginning because the model's context is too short. */
export const truncated = (records: readonly ItemRecord[]): { readonly truncated: number } => ({
  truncated: records.filter((record) => 'dropped' in record && record.dropped > 0).length,
})

/** The share of items that are right, with Wilson's interval, in all and by group where there are several. */
export function shareMetric(
  name: string,
  title: string,
  scores: readonly Pick<ItemScore, 'group' | 'score'>[],
): Metric {
  const share = (part: readonly Pick<ItemScore, 'score'>[]): Interval =>
    wilson(
      part.reduce((sum, { score }) => sum + score, 0),
      part.length,
    )
  return { name, title, interval: share(scores), groups: byGroup(scores, share) }
}

/** Empty where all are of one group. */
export function byGroup<T extends Pick<ItemScore, 'group'>>(
  scores: readonly T[],
  measure: (part: readonly T[]) => Interval,
): Metric['groups'] {
  const groups = Map.groupBy(scores, ({ group }) => group)
  if (groups.size < 2) return {}
  return Object.fromEntries(
    [...groups].map(([group, part]) => [group, { ...measure(part), items: part.length }]),
  )
}
