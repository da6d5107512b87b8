import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type ErrorCode, VillageError } from '../../../node/errors.ts'
import { bucketMeans, buckets } from '../../../node/federated/aggregate/bucketing.ts'
import { checkCombination, EXCLUSIONS } from '../../../node/federated/aggregate/exclusions.ts'
import {
  AGGREGATION_RULES,
  adversariesAmong,
  aggregateUpdates,
  checkClients,
  optionsOf,
  parseAggregation,
} from '../../../node/federated/aggregate/table.ts'
import { arrayUpdates, screenUpdates } from '../../../node/federated/aggregate/update-source.ts'

const throws = (act: () => unknown, code: ErrorCode, text: RegExp): void =>
  assert.throws(
    act,
    (error: unknown) => error instanceof VillageError && error.code === code && text.test(error.message),
  )

const updates = (...rows: number[][]) => arrayUpdates(rows.map((row) => Float32Array.from(row)))
const input = (clients: number) => ({
  weights: Array.from({ length: clients }, () => 1),
  previous: null,
  seed: 5,
  round: 2,
})

const reading = suite('configuration of aggregation')

reading('every rule is read with its defaults, and rows are complete', () => {
  const names = AGGREGATION_RULES.map(({ name }) => name)
  assert.is(new Set(names).size, names.length)
  for (const rule of AGGREGATION_RULES) {
    const spec = parseAggregation({ rule: rule.name })
    assert.is(spec.rule, rule.name)
    assert.is(spec.adversaryShare > 0, rule.isRobust)
    for (const [key, row] of Object.entries(rule.options)) assert.is(spec.options[key], row.default)
    for (const row of Object.values(optionsOf(rule)))
      assert.ok(row.doc.length > 10 && row.minimum < row.maximum)
    assert.ok(/arXiv \d{4}\.\d{5}/.test(rule.source))
  }
})

reading('what is wrong is named', () => {
  throws(() => parseAggregation({ rule: 'bulyen' }), 'INVALID_ARGUMENT', /did you mean `bulyan`/)
  throws(() => parseAggregation({ rule: 'median', advesaries: 1 }), 'INVALID_ARGUMENT', /`adversaries`/)
  throws(() => parseAggregation({ rule: 'median', adversaries: 1.5 }), 'INVALID_ARGUMENT', /whole/)
  throws(() => parseAggregation({ rule: 'median', adversaryShare: 0.5 }), 'INVALID_ARGUMENT', /0\.499/)
  throws(() => parseAggregation({ rule: 'mean', bucket: 2 }), 'INVALID_ARGUMENT', /buckets change nothing/)
  throws(() => parseAggregation({ rule: 'median', keep: 2 }), 'INVALID_ARGUMENT', /no such option/)
  throws(() => parseAggregation('median'), 'INVALID_ARGUMENT', /object/)
  throws(() => parseAggregation({ rule: 'norm-bound', bound: Number.NaN }), 'INVALID_ARGUMENT', /bound/)
})

reading('adversaries are counted against clients', () => {
  const share = parseAggregation({ rule: 'median' })
  assert.is(adversariesAmong(share, 15), 3)
  assert.is(adversariesAmong(share, 16), 4)
  const needs: [object, number][] = [
    [{ rule: 'mean' }, 1],
    [{ rule: 'median', adversaries: 2 }, 5],
    [{ rule: 'trimmed-mean', adversaries: 2 }, 5],
    [{ rule: 'krum', adversaries: 2 }, 7],
    [{ rule: 'multi-krum', adversaries: 2 }, 7],
    [{ rule: 'bulyan', adversaries: 2 }, 11],
    [{ rule: 'centred-clipping', adversaries: 2 }, 5],
    [{ rule: 'median', adversaries: 2, bucket: 3 }, 13],
  ]
  for (const [config, fewest] of needs) {
    const spec = parseAggregation(config)
    checkClients(spec, fewest)
    throws(() => checkClients(spec, fewest - 1), 'AGGREGATE_TOO_FEW_CLIENTS', /client/)
  }
  throws(
    () => checkClients(parseAggregation({ rule: 'mean', adversaries: 1 }), 99),
    'AGGREGATE_TOO_FEW_CLIENTS',
    /none/,
  )
})

reading.run()

const rounds = suite('aggregation of a round')

rounds('NaN, infinity and huge updates are refused and named before any rule sees them', () => {
  const source = updates([1, 2], [1, Number.NaN], [3, 4], [Number.NEGATIVE_INFINITY, 0], [3e38, 3e38], [2, 3])
  const { kept, refused, norms } = screenUpdates(source, 1e6)
  assert.equal(kept, [0, 2, 5])
  assert.equal(refused, [
    { client: 1, reason: 'not-finite', coordinate: 1 },
    { client: 3, reason: 'not-finite', coordinate: 0 },
    { client: 4, reason: 'too-large', coordinate: null },
  ])
  assert.ok(Number.isNaN(norms[1]!) && Number.isFinite(norms[4]!))
  const target = new Float32Array(2)
  for (const rule of ['mean', 'median', 'trimmed-mean', 'krum']) {
    const spec = parseAggregation({ rule, maxNorm: 1e6, adversaries: 0 })
    const report = aggregateUpdates(source, spec, input(6), target)
    assert.is(report.refused.length, 3)
    if (rule === 'mean') assert.equal([...target], [2, 3])
    assert.ok(report.used.every((client) => [0, 2, 5].includes(client)))
  }
})

rounds('too few are left after refusing', () => {
  const spec = parseAggregation({ rule: 'median', adversaries: 1 })
  const source = updates([1], [Number.NaN], [1])
  throws(
    () => aggregateUpdates(source, spec, input(3), new Float32Array(1)),
    'AGGREGATE_TOO_FEW_CLIENTS',
    /2 clients/,
  )
})

rounds('excluded and clipped clients keep their numbers, also behind refused ones', () => {
  const source = updates([Number.NaN], [1], [1.1], [0.9], [50], [1.05], [0.95])
  const spec = parseAggregation({ rule: 'multi-krum', adversaries: 1 })
  const report = aggregateUpdates(source, spec, input(7), new Float32Array(1))
  assert.ok(report.excluded.includes(4))
  assert.equal([...report.used, ...report.excluded].sort(), [1, 2, 3, 4, 5, 6])
  const bounded = aggregateUpdates(
    source,
    parseAggregation({ rule: 'norm-bound', bound: 10 }),
    input(7),
    new Float32Array(1),
  )
  assert.equal(bounded.clipped, [4])
})

rounds('weights count in the mean, and no more than the configured ratio', () => {
  const source = updates([0], [0], [12])
  const target = new Float32Array(1)
  const weighted = { ...input(3), weights: [1, 1, 2] }
  aggregateUpdates(source, parseAggregation({ rule: 'mean' }), weighted, target)
  assert.is(target[0], 6)
  const greedy = { ...input(3), weights: [1, 1, 1e9] }
  aggregateUpdates(source, parseAggregation({ rule: 'mean', maxWeightRatio: 2 }), greedy, target)
  assert.is(target[0], 6)
  for (const weights of [
    [1, 1],
    [1, 1, -1],
    [0, 0, 0],
    [1, 1, Number.NaN],
  ])
    throws(
      () => aggregateUpdates(source, parseAggregation({ rule: 'mean' }), { ...input(3), weights }, target),
      'INVALID_ARGUMENT',
      /weights/,
    )
})

rounds('updates and targets of another length are refused', () => {
  throws(() => updates([1, 2], [1]), 'UPDATE_INVALID', /coordinates/)
  const spec = parseAggregation({ rule: 'mean' })
  throws(
    () => aggregateUpdates(updates([1, 2]), spec, input(1), new Float32Array(3)),
    'INVALID_ARGUMENT',
    /coordinates/,
  )
})

rounds('buckets hold every client once, differ by round and seed, and are averaged', () => {
  const members = buckets(11, 3, 4, 1)
  assert.equal(
    members.map((bucket) => bucket.length),
    [3, 3, 3, 2],
  )
  assert.equal(
    members.flat().sort((a, b) => a - b),
    Array.from({ length: 11 }, (_, i) => i),
  )
  assert.equal(members, buckets(11, 3, 4, 1))
  assert.not.equal(members, buckets(11, 3, 4, 2))
  assert.not.equal(members, buckets(11, 3, 5, 1))
  const rows = Array.from({ length: 11 }, (_, i) => [i, i * i])
  const means = bucketMeans(updates(...rows), members)
  const row = new Float32Array(1)
  for (const [bucket, clients] of members.entries()) {
    means.read(bucket, 1, row)
    const expected = clients.reduce((sum, client) => sum + client * client, 0) / clients.length
    assert.ok(Math.abs(row[0]! - expected) < 1e-4)
  }
})

rounds('a liar in a bucket is outvoted, and its bucket named', () => {
  const rows = Array.from({ length: 14 }, (_, i) => [i === 3 ? 1e9 : 1 + i / 100])
  const spec = parseAggregation({ rule: 'multi-krum', adversaries: 1, bucket: 2 })
  const target = new Float32Array(1)
  const report = aggregateUpdates(updates(...rows), spec, input(14), target)
  assert.ok(target[0]! > 0.9 && target[0]! < 1.2)
  assert.ok(report.excluded.includes(3) && report.excluded.length % 2 === 0)
})

rounds.run()

const exclusions = suite('exclusions')

const free = {
  strategy: 'fedavg',
  aggregation: parseAggregation({ rule: 'mean' }),
  compression: 'none',
  privacy: false,
  secure: false,
}
const rule = (name: string, options = {}) => ({ aggregation: parseAggregation({ rule: name, ...options }) })

exclusions('what goes together is let through', () => {
  const allowed = [
    free,
    { ...free, secure: true, privacy: true },
    { ...free, privacy: true, compression: 'topk-int8' },
    { ...free, ...rule('krum'), compression: 'int8', strategy: 'fedadam' },
    { ...free, ...rule('centred-clipping'), compression: 'topk' },
    { ...free, ...rule('norm-bound', { bound: 1, maxWeightRatio: null }), strategy: 'scaffold' },
  ]
  for (const combination of allowed) checkCombination(combination)
})

exclusions('every row excludes something, by both names', () => {
  const excluded = [
    { ...free, ...rule('median'), secure: true },
    { ...free, ...rule('norm-bound'), secure: true },
    { ...free, ...rule('mean', { maxNorm: 5 }), secure: true },
    { ...free, ...rule('mean', { maxWeightRatio: 5 }), secure: true },
    { ...free, compression: 'topk', secure: true },
    { ...free, compression: 'int8', secure: true },
    { ...free, strategy: 'scaffold', secure: true },
    { ...free, ...rule('trimmed-mean'), privacy: true },
    { ...free, strategy: 'scaffold', privacy: true },
    { ...free, ...rule('bulyan'), compression: 'topk-int8' },
    { ...free, ...rule('krum'), strategy: 'scaffold' },
  ]
  assert.is(excluded.length, EXCLUSIONS.length)
  for (const [index, combination] of excluded.entries()) {
    assert.ok(EXCLUSIONS[index]!.applies(combination), EXCLUSIONS[index]!.why)
    throws(() => checkCombination(combination), 'FEDERATE_EXCLUDED', /excludes/)
  }
})

exclusions('every rule that needs single updates is excluded by secure aggregation', () => {
  for (const row of AGGREGATION_RULES.filter(({ needs }) => needs === 'singles'))
    throws(
      () => checkCombination({ ...free, ...rule(row.name), secure: true }),
      'FEDERATE_EXCLUDED',
      /secure/,
    )
})

exclusions.run()
