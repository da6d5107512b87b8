/** The aggregation rules, one row each, and the two functions that use them: reading a configuration and aggregating a round. */
import { VillageError } from '../../errors.ts'
import { isJsonObject } from '../../json.ts'
import { nearest } from '../../nearest.ts'
import { bucketMeans, buckets } from './bucketing.ts'
import { bulyanRule } from './bulyan.ts'
import { centredClippingRule } from './centred-clipping.ts'
import { medianRule, trimmedMeanRule } from './coordinate-rules.ts'
import { krumRule, multiKrumRule } from './krum.ts'
import { meanRule, normBoundRule } from './mean.ts'
import type { AggregationRule, RuleOption, RuleOptions } from './rule.ts'
import { keepClients, type RefusedUpdate, screenUpdates, type UpdateSource } from './update-source.ts'

export const AGGREGATION_RULES: readonly AggregationRule[] = [
  meanRule,
  normBoundRule,
  medianRule,
  trimmedMeanRule,
  krumRule,
  multiKrumRule,
  bulyanRule,
  centredClippingRule,
]

const rows = new Map(AGGREGATION_RULES.map((rule) => [rule.name, rule]))

/** Throws INVALID_ARGUMENT with the nearest name. */
export function aggregationRule(name: string): AggregationRule {
  const row = rows.get(name)
  if (row !== undefined) return row
  const meant = nearest(name, [...rows.keys()])
  throw invalid(
    `There is no aggregation rule \`${name.slice(0, 64)}\``,
    meant === null ? `there are ${[...rows.keys()].join(', ')}` : `did you mean \`${meant}\`?`,
  )
}

/** How the updates of a federation become one: checked, with defaults filled in. */
export interface AggregationSpec {
  readonly rule: string
  /** How many clients of a round may lie; null: `adversaryShare` of those that answered, rounded up. */
  readonly adversaries: number | null
  readonly adversaryShare: number
  /** Clients a bucket (bucketing.ts); 1: none. */
  readonly bucket: number
  /** Updates with a larger norm are refused and their clients named; null: none is. */
  readonly maxNorm: number | null
  readonly options: RuleOptions
}

function invalid(what: string, why: string): VillageError {
  return new VillageError('INVALID_ARGUMENT', `${what}: ${why}`)
}

function readNumber(name: string, value: unknown, row: RuleOption): number | null {
  if (value === undefined || value === null) return row.default
  if (typeof value !== 'number' || !(value >= row.minimum && value <= row.maximum))
    throw invalid(`aggregation.${name}`, `it has to be a number from ${row.minimum} to ${row.maximum}`)
  if (row.integer && !Number.isInteger(value)) throw invalid(`aggregation.${name}`, 'it has to be whole')
  return value
}

/** For a rule that stands liars and was told of none. */
const DEFAULT_ADVERSARY_SHARE = 0.2

const COMMON = (rule: AggregationRule): Readonly<Record<string, RuleOption>> => ({
  adversaries: {
    default: null,
    minimum: 0,
    maximum: 65_536,
    integer: true,
    doc: 'how many clients of a round may send anything at all; null: by adversaryShare',
  },
  adversaryShare: {
    default: rule.isRobust ? DEFAULT_ADVERSARY_SHARE : 0,
    minimum: 0,
    maximum: 0.499,
    integer: false,
    doc: 'the same as a share of the clients that answered, rounded up',
  },
  bucket: {
    default: 1,
    minimum: 1,
    maximum: 1_024,
    integer: true,
    doc: 'clients that are averaged before the rule sees them; for data that differ much between clients',
  },
  maxNorm: {
    default: null,
    minimum: 1e-12,
    maximum: 1e30,
    integer: false,
    doc: 'an update with a larger Euclidean norm is refused; null: none is',
  },
})

/** All options of a rule, with those that every rule has: for documents and --help. */
export function optionsOf(rule: AggregationRule): Readonly<Record<string, RuleOption>> {
  return { ...COMMON(rule), ...rule.options }
}

/** Reads `{ rule, … }` of a configuration. Throws INVALID_ARGUMENT naming the option. */
export function parseAggregation(input: unknown): AggregationSpec {
  if (!isJsonObject(input)) throw invalid('aggregation', 'it has to be an object with a `rule`')
  const { rule: name = 'mean', ...given } = input
  if (typeof name !== 'string') throw invalid('aggregation.rule', 'it has to be a name')
  const rule = aggregationRule(name)
  const known = optionsOf(rule)
  for (const key of Object.keys(given))
    if (!Object.hasOwn(known, key)) {
      const meant = nearest(key, Object.keys(known))
      throw invalid(
        `aggregation.${key.slice(0, 64)}`,
        `${name} has no such option${meant === null ? '' : `, did you mean \`${meant}\`?`}`,
      )
    }
  const read = (key: string): number | null => readNumber(key, given[key], known[key]!)
  const bucket = read('bucket')!
  if (bucket > 1 && rule.needs !== 'singles')
    throw invalid('aggregation.bucket', `${name} is a mean already, buckets change nothing`)
  return {
    rule: name,
    adversaries: read('adversaries'),
    adversaryShare: read('adversaryShare')!,
    bucket,
    maxNorm: read('maxNorm'),
    options: Object.fromEntries(Object.keys(rule.options).map((key) => [key, read(key)])),
  }
}

/** How many of `clients` may lie. */
export function adversariesAmong(spec: AggregationSpec, clients: number): number {
  // 0.2 of 15 clients is 3.0000000000000004 in floating point.
  return spec.adversaries ?? Math.ceil(spec.adversaryShare * clients - 1e-9)
}

/** Throws AGGREGATE_TOO_FEW_CLIENTS when the rule cannot stand the liars that the spec allows for among so many clients. */
export function checkClients(spec: AggregationSpec, clients: number): void {
  const adversaries = adversariesAmong(spec, clients)
  const needed = aggregationRule(spec.rule).minimumClients(adversaries)
  const voices = Math.ceil(clients / spec.bucket)
  if (clients >= 1 && voices >= needed) return
  const inBuckets = spec.bucket > 1 ? ` in ${voices} buckets` : ''
  const why = Number.isFinite(needed)
    ? `needs ${Math.max(1, needed)} to stand ${adversaries} that lie`
    : 'stands none that lies'
  throw new VillageError(
    'AGGREGATE_TOO_FEW_CLIENTS',
    `${clients} client${clients === 1 ? '' : 's'}${inBuckets}: ${spec.rule} ${why}`,
    { fields: { rule: spec.rule, clients, adversaries } },
  )
}

export interface AggregationReport {
  readonly adversaries: number
  /** Clients whose updates could not be used, with the reason. */
  readonly refused: readonly RefusedUpdate[]
  /** Clients that the rule gave no say; with buckets, all of a bucket. Ascending. */
  readonly excluded: readonly number[]
  /** Clients whose update (or bucket) was scaled down. Ascending. */
  readonly clipped: readonly number[]
  /** Clients that were neither refused nor excluded. Ascending. */
  readonly used: readonly number[]
}

export interface AggregationInput {
  /** By client: tokens or examples; finite and not negative, one positive. */
  readonly weights: readonly number[]
  /** The aggregate of the last round; null in the first. */
  readonly previous: Float32Array | null
  /** For bucketing: unknown to the clients before they sent their updates. */
  readonly seed: number
  readonly round: number
}

function checkWeights(weights: readonly number[], clients: number): void {
  const isValid = weights.every((weight) => Number.isFinite(weight) && weight >= 0)
  if (weights.length !== clients || !isValid || !weights.some((weight) => weight > 0))
    throw invalid('weights', 'there has to be one for each client, none negative, at least one above 0')
}

/**
 * Aggregates a round into `target` (all coordinates). Updates with NaN or infinity, or above `maxNorm`, are refused and named in the report; the
 * rule then works on the others. Clients come in a fixed order (that of their peer IDs): sums and ties follow it. Throws
 * AGGREGATE_TOO_FEW_CLIENTS, INVALID_ARGUMENT.
 */
export function aggregateUpdates(
  source: UpdateSource,
  spec: AggregationSpec,
  input: AggregationInput,
  target: Float32Array,
): AggregationReport {
  if (target.length !== source.coordinates || (input.previous?.length ?? target.length) !== target.length)
    throw invalid('target', `an update has ${source.coordinates} coordinates`)
  const { kept, refused } = screenUpdates(source, spec.maxNorm)
  checkClients(spec, kept.length)
  const weights = kept.map((client) => input.weights[client] ?? Number.NaN)
  checkWeights(weights, kept.length)
  const adversaries = adversariesAmong(spec, kept.length)
  // Voice i of the rule is heard for the clients `members[i]` of the kept ones.
  const members =
    spec.bucket > 1
      ? buckets(kept.length, spec.bucket, input.seed, input.round)
      : kept.map((_, client) => [client])
  const singles = keepClients(source, kept)
  const { excluded, clipped } = aggregationRule(spec.rule).aggregate(
    spec.bucket > 1 ? bucketMeans(singles, members) : singles,
    { weights, options: spec.options, adversaries, previous: input.previous },
    target,
  )
  const named = (voices: readonly number[]): number[] =>
    voices.flatMap((voice) => members[voice]!.map((client) => kept[client]!)).sort((a, b) => a - b)
  const out = named(excluded)
  return {
    adversaries,
    refused,
    excluded: out,
    clipped: named(clipped),
    used: kept.filter((client) => !out.includes(client)),
  }
}
