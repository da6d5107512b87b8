/**
 * Which settings of a federation exclude each other, and why: one row a pair. A pair that is not here was looked at and goes together; what it
 * then means is in docs/federated.md. Checked before anything runs.
 */
import { VillageError } from '../../errors.ts'
import { type AggregationSpec, aggregationRule } from './table.ts'

export interface Combination {
  /** Of the clients and the server: `fedavg`, `fedprox`, `scaffold`, … */
  readonly strategy: string
  readonly aggregation: AggregationSpec
  /** Codec of single updates: `none`, `int8`, `topk`, `topk-int8`. */
  readonly compression: string
  /** Client-level differential privacy. */
  readonly privacy: boolean
  /** Secure aggregation. */
  readonly secure: boolean
}

export interface Exclusion {
  /** The two sides, as in a configuration. */
  readonly between: readonly [string, string]
  readonly why: string
  applies(combination: Combination): boolean
}

const ruleOf = ({ aggregation }: Combination) => aggregationRule(aggregation.rule)
const isSparse = ({ compression }: Combination) => compression.startsWith('topk')
const BY_COORDINATE = ['median', 'trimmed-mean', 'bulyan']

export const EXCLUSIONS: readonly Exclusion[] = [
  {
    between: ['secure', 'aggregation.rule: median, trimmed-mean, krum, multi-krum, bulyan, centred-clipping'],
    why: 'the rule compares single updates, and secure aggregation shows the server nothing but their sum',
    applies: (combination) => combination.secure && ruleOf(combination).needs === 'singles',
  },
  {
    between: ['secure', 'aggregation.rule: norm-bound without a bound'],
    why: 'the median norm of a round is known only to who sees single updates; set `bound`, and each client holds itself to it',
    applies: ({ secure, aggregation }) =>
      secure && aggregation.rule === 'norm-bound' && aggregation.options.bound === null,
  },
  {
    between: ['secure', 'aggregation.maxNorm'],
    why: 'the norm of a single update cannot be seen; a client holds itself to the range of the fixed-point numbers',
    applies: ({ secure, aggregation }) => secure && aggregation.maxNorm !== null,
  },
  {
    between: ['secure', 'aggregation.maxWeightRatio'],
    why: 'the weights of single clients cannot be seen, so there is no median of them; `maxWeight` of secure aggregation bounds each',
    applies: ({ secure, aggregation }) => secure && (aggregation.options.maxWeightRatio ?? null) !== null,
  },
  {
    between: ['secure', 'compression: topk, topk-int8'],
    why: 'every client keeps other coordinates, and which ones would tell of its data; masked, every coordinate has to be sent',
    applies: (combination) => combination.secure && isSparse(combination),
  },
  {
    between: ['secure', 'compression: int8'],
    why: 'integers with a scale for each block of each client do not add up; secure aggregation sends fixed-point numbers of its own width',
    applies: ({ secure, compression }) => secure && compression === 'int8',
  },
  {
    between: ['secure', 'strategy: scaffold'],
    why: 'the change of the control variates is a second vector about the data of one client, and only the update is summed securely',
    applies: ({ secure, strategy }) => secure && strategy === 'scaffold',
  },
  {
    between: ['privacy', 'aggregation.rule: all but mean'],
    why: 'the noise is set for a sum to which a client adds at most its clipped update; how far one client moves such a rule is not bounded like that',
    applies: ({ privacy, aggregation }) => privacy && aggregation.rule !== 'mean',
  },
  {
    between: ['privacy', 'strategy: scaffold'],
    why: 'the change of the control variates leaves the client without clipping and noise, and the proof does not count it',
    applies: ({ privacy, strategy }) => privacy && strategy === 'scaffold',
  },
  {
    between: ['aggregation.rule: median, trimmed-mean, bulyan', 'compression: topk, topk-int8'],
    why: 'a coordinate that fewer than half of the clients kept is 0 for the others, so the rule answers 0 whatever was sent',
    applies: (combination) => isSparse(combination) && BY_COORDINATE.includes(combination.aggregation.rule),
  },
  {
    between: ['aggregation.rule: the robust ones', 'strategy: scaffold'],
    why: 'the control variates of the server are a plain mean over the clients, through which one liar moves every later round',
    applies: (combination) => combination.strategy === 'scaffold' && ruleOf(combination).isRobust,
  },
]

/** Throws FEDERATE_EXCLUDED with the first pair that does not go together. */
export function checkCombination(combination: Combination): void {
  const found = EXCLUSIONS.find((row) => row.applies(combination))
  if (found === undefined) return
  const [one, other] = found.between
  throw new VillageError('FEDERATE_EXCLUDED', `\`${one}\` excludes \`${other}\`: ${found.why}`, {
    fields: { one, other },
  })
}
