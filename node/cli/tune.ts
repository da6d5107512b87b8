/** `village collection tune`: how much words and vectors count in the scores of a collection. */
import path from 'node:path'
import { VillageError } from '../errors.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { optionText } from './command.ts'
import { table } from './format.ts'

interface TunedView {
  readonly current: number
  readonly best: number
  readonly curve: readonly { weight: number; ndcg: number }[]
  readonly heldOut: { current: number; tuned: number; lexical: number; vectors: number }
  readonly gain: { value: number; low: number; high: number }
  readonly isBetter: boolean
  readonly isSaved: boolean
  readonly queries: number
  readonly folds: number
}

export async function tune(context: CommandContext): Promise<CommandResult> {
  const judged = optionText(context, 'judged')
  if (judged === null)
    throw new VillageError('USAGE', '--judged names the folder with queries and judgements')
  const [name = ''] = context.args
  const client = await context.client()
  const tuned = await client.send<TunedView>('POST', `/api/v1/collections/${encodeURIComponent(name)}/tune`, {
    judged: path.resolve(judged),
  })
  return { document: tuned, text: tunedText(tuned) }
}

function tunedText({ current, best, heldOut, gain, isBetter, isSaved, queries, folds }: TunedView): string {
  const figure = (value: number) => value.toFixed(4)
  const signed = (value: number) => `${value < 0 ? '' : '+'}${figure(value)}`
  const verdict = isSaved
    ? `The weight of the vectors is now ${best} (it was ${current}).`
    : isBetter
      ? `The weight stays ${current}, which is the best.`
      : `The weight stays ${current}: no other gains on queries that it was not chosen by.`
  return [
    table(
      ['nDCG@10 on held-out queries', 'value'],
      [
        ['words alone', figure(heldOut.lexical)],
        ['vectors alone', figure(heldOut.vectors)],
        [`both, weight ${current}`, figure(heldOut.current)],
        ['both, tuned', figure(heldOut.tuned)],
      ],
    ),
    `Gain ${signed(gain.value)} (95% interval ${signed(gain.low)} to ${signed(gain.high)}), ${queries} queries in ${folds} folds.`,
    ...(isSaved && gain.low <= 0 ? ['The interval reaches below 0: more judged queries would tell.'] : []),
    verdict,
  ].join('\n')
}
