/** Statistics of weights: in order, each weight of a model read once, and nothing remembered of what failed. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { EMPTY_STATS, type TensorStats } from '../../../node/compute/codecs/tensor-stats.ts'
import { createKnownStats, statsOfWeights } from '../../../node/compute/jobs/weight-stats.ts'
import type { Pool } from '../../../node/compute/pool.ts'
import { VillageError } from '../../../node/errors.ts'
import { rejectsCode } from '../../helpers/throws.ts'

const { signal } = new AbortController()
const WEIGHTS = ['a', 'b', 'c', 'd'].map((name) => ({ name, rows: 2 ** 12, cols: 2 ** 11 }))
/** Told apart by its largest weight. */
const statsFor = (name: string): TensorStats => ({ ...EMPTY_STATS, maxAbs: name.charCodeAt(0) })

/** A pool that notes what is read. `fails` names a weight that cannot be. */
function recorder(fails?: string) {
  const read: string[][] = []
  const run = async (operation: string, { names }: { names: readonly string[] }) => {
    assert.is(operation, 'model.weightStats')
    if (fails !== undefined && names.includes(fails)) throw new VillageError('CODEC_NON_FINITE')
    read.push([...names])
    return names.map(statsFor)
  }
  // Only this operation is run, and its input and output are those of the table's row.
  return { pool: { run } as unknown as Pick<Pool, 'run'>, read }
}

test('the weights are read in parts and come back in their order', async () => {
  const { pool, read } = recorder()
  const model = { cid: 'm', modelPath: '/m' }
  const stats = await statsOfWeights({ pool, known: createKnownStats() }, model, WEIGHTS, signal)
  assert.equal(
    stats,
    WEIGHTS.map(({ name }) => statsFor(name)),
  )
  assert.equal(read, [
    ['a', 'b'],
    ['c', 'd'],
  ])
})

test('a weight of a model is read once, that of another model is another', async () => {
  const { pool, read } = recorder()
  const known = createKnownStats()
  const model = { cid: 'm', modelPath: '/m' }
  await statsOfWeights({ pool, known }, model, WEIGHTS.slice(1, 3), signal)
  const stats = await statsOfWeights({ pool, known }, model, WEIGHTS, signal)
  assert.equal(
    stats,
    WEIGHTS.map(({ name }) => statsFor(name)),
  )
  assert.equal(read, [
    ['b', 'c'],
    ['a', 'd'],
  ])
  await statsOfWeights({ pool, known }, { ...model, cid: 'other' }, WEIGHTS.slice(0, 1), signal)
  assert.equal(read[2], ['a'])
})

test('what could not be read is read again', async () => {
  const known = createKnownStats()
  const model = { cid: 'm', modelPath: '/m' }
  const failing = recorder('d')
  await rejectsCode(statsOfWeights({ pool: failing.pool, known }, model, WEIGHTS, signal), 'CODEC_NON_FINITE')
  const { pool, read } = recorder()
  await statsOfWeights({ pool, known }, model, WEIGHTS, signal)
  assert.equal(read, [['c', 'd']])
})

test('the oldest are forgotten beyond the limit', () => {
  const known = createKnownStats(2)
  for (const { name } of WEIGHTS.slice(0, 3)) known.add('m', name, statsFor(name))
  assert.is(known.get('m', 'a'), undefined)
  assert.equal(known.get('m', 'c'), statsFor('c'))
})

test.run()
