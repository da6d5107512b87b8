/** Every kind of task on the real encoder: an honest result passes every check, and no lie does. */
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { codebookHash } from '../../../node/compute/codecs/vptq-codebook.ts'
import { decodeResults, encodeResults } from '../../../node/compute/evaluate/results.ts'
import { createKnownAnswers } from '../../../node/compute/tasks/known-answers.ts'
import type { ProbeResult } from '../../../node/compute/tasks/probe-task.ts'
import { TASK_KINDS } from '../../../node/compute/tasks/table.ts'
import type { TaskContext, TaskKind, TaskOutput } from '../../../node/compute/tasks/task.ts'
import type { JsonObject } from '../../../node/json.ts'
import { JOBS_LIMITS } from '../../../node/mesh/protocols/jobs.ts'
import { type JobNode, startJobNode, stopJobNodes } from '../../helpers/job-nodes.ts'
import { stopMeshNodes, TEST_LOG } from '../../helpers/mesh.ts'
import { taskParams } from '../../helpers/task-params.ts'
import { rejectsCode } from '../../helpers/throws.ts'

let node: JobNode
let context: TaskContext
let model = ''
const honest = new Map<string, { params: JsonObject; output: TaskOutput }>()
const kindOf = (name: string): TaskKind => TASK_KINDS.find(({ kind }) => kind === name)!

/** 0.5, 0.25, …: a sample that is the same in every run. */
function fixedRandom(): () => number {
  let value = 1
  return () => {
    value = value > 0.01 ? value / 2 : 0.9
    return value
  }
}

test('the kinds run, and what they give stands every check', async () => {
  node = await startJobNode()
  const entry = await node.models.add({ embedded: 'encoder' })
  model = entry.cid
  context = {
    artifacts: node.artifacts,
    pool: node.pool,
    modelsDirectory: path.join(node.mesh.directory, 'models'),
    signal: AbortSignal.timeout(60_000),
    progress: () => undefined,
    known: createKnownAnswers({ random: () => 0.5 }),
    log: TEST_LOG,
  }
  const given = taskParams(model)
  // What is never leased to a peer is never a result of one: test/network/train.test.ts runs it.
  for (const kind of TASK_KINDS.filter(({ ownerOnly }) => ownerOnly !== true)) {
    const params = kind.parseParams(given[kind.kind]!)
    assert.equal(
      kind.parseParams(JSON.parse(JSON.stringify(params))),
      params,
      'parameters come back from JSON alike',
    )
    assert.equal(kind.inputs(params), [model])
    const output = await kind.run(params, context)
    const { maxOutputBytes, cost, memoryBytes } = kind.estimate(params)
    assert.ok(output.bytes.byteLength <= maxOutputBytes && cost > 0 && memoryBytes > 0)
    assert.ok(JSON.stringify(output.stats).length < JOBS_LIMITS.maxStatsBytes)
    for (const depth of ['spot', 'full'] as const)
      await kind.verify(params, output, context, depth, fixedRandom())
    await kind.inspect(params, output, context)
    assert.ok(kind.agree(output, { ...output, bytes: output.bytes.slice() }))
    honest.set(kind.kind, { params, output })
  }
})

/** The result of `probe` with other figures. */
const withFigures =
  (change: (result: ProbeResult) => object) =>
  ({ bytes, stats }: TaskOutput): TaskOutput => ({
    bytes: Buffer.from(JSON.stringify(change(JSON.parse(Buffer.from(bytes).toString('utf8'))))),
    stats,
  })

test('a spot check of a probe looks at what the outputs moved now and then', async () => {
  const kind = kindOf('probe')
  const { params, output } = honest.get('probe')!
  const lie = withFigures((result) => ({ ...result, movement: result.movement! * 2 }))(output)
  await rejectsCode(
    kind.verify(params, lie, context, 'spot', () => 0),
    'RESULT_INVALID',
  )
  assert.equal(await kind.verify(params, output, context, 'spot', () => 0), { exact: false })
})

test('a weight is not read where the task has other columns than it', async () => {
  const { params } = honest.get('probe')!
  const narrow = { ...params, rows: 2 ** 20, cols: 1 }
  await rejectsCode(kindOf('probe').run(narrow, context), 'INVALID_ARGUMENT')
  const [first] = honest.get('codebook')!.params.tensors as JsonObject[]
  const tensors = [{ ...first!, cols: 1 }]
  await rejectsCode(
    kindOf('codebook').run({ ...honest.get('codebook')!.params, tensors }, context),
    'INVALID_ARGUMENT',
  )
})

const LIES: Record<string, Record<string, (output: TaskOutput) => TaskOutput>> = {
  codebook: {
    'an entry that is another': ({ bytes, stats }) => {
      const changed = bytes.slice()
      changed[20]! ^= 1
      return { bytes: changed, stats: { ...stats, codebook: codebookHash(changed) } }
    },
    'an entry that is no number': ({ bytes, stats }) => {
      const changed = bytes.slice()
      changed.set([0xff, 0xff], 20)
      return { bytes: changed, stats: { ...stats, codebook: codebookHash(changed) } }
    },
    'the hash of other bytes': ({ bytes, stats }) => ({
      bytes,
      stats: { ...stats, codebook: codebookHash(bytes.subarray(1)) },
    }),
    'an error that is too small': ({ bytes, stats }) => ({ bytes, stats: { ...stats, distortion: 0 } }),
    'no bytes': ({ stats }) => ({ bytes: new Uint8Array(0), stats }),
    'no statistics': ({ bytes }) => ({ bytes, stats: {} }),
  },
  compress: {
    'a flipped bit': ({ bytes, stats }) => {
      const changed = bytes.slice()
      changed[changed.length - 1]! ^= 1
      return { bytes: changed, stats }
    },
    'no bytes': ({ stats }) => ({ bytes: new Uint8Array(0), stats }),
    'bytes cut short': ({ bytes, stats }) => ({ bytes: bytes.subarray(0, bytes.length - 5), stats }),
    'an error that is too small': ({ bytes, stats }) => ({
      bytes,
      stats: { ...stats, squaredError: (stats.squaredError as number) / 2 },
    }),
    'a size that is too small': ({ bytes, stats }) => ({ bytes, stats: { ...stats, packedBytes: 1 } }),
    'no statistics': ({ bytes }) => ({ bytes, stats: {} }),
  },
  evaluate: {
    'vectors of noise': ({ bytes, stats }) => {
      const results = decodeResults(bytes)
      return {
        bytes: encodeResults({ ...results, vectors: results.vectors.map((_, index) => Math.sin(index)) }),
        stats,
      }
    },
    'vectors of other items': ({ bytes, stats }) => {
      const results = decodeResults(bytes)
      return { bytes: encodeResults({ ...results, start: results.start + 1 }), stats }
    },
    'vectors turned round': ({ bytes, stats }) => {
      const results = decodeResults(bytes)
      return { bytes: encodeResults({ ...results, vectors: results.vectors.map((value) => -value) }), stats }
    },
    'no bytes': ({ stats }) => ({ bytes: new Uint8Array(0), stats }),
    'statistics of another result': ({ bytes }) => ({ bytes, stats: { dims: 1, items: 8 } }),
  },
  probe: {
    'a candidate that loses less': withFigures((result) => ({
      ...result,
      probed: result.probed.map((one) => ({ ...one, error: one.error / 2 })),
    })),
    'a candidate that is smaller': withFigures((result) => ({
      ...result,
      probed: result.probed.map((one) => ({ ...one, groupBytes: one.groupBytes - 1 })),
    })),
    'a weight that matters less': withFigures((result) => ({ ...result, movement: result.movement! / 2 })),
    'a figure that is no size': withFigures((result) => ({
      ...result,
      probed: result.probed.map((one) => ({ ...one, error: -1 })),
    })),
    'a candidate whose size has no end': withFigures((result) => ({
      ...result,
      probed: result.probed.map((one) => ({ ...one, groupBytes: 1e300 })),
    })),
    'other groups of rows': withFigures((result) => ({
      ...result,
      probed: result.probed.map((one) => ({ ...one, rowGroup: one.rowGroup + 1 })),
    })),
    'a weight that matters beyond measure': withFigures((result) => ({ ...result, movement: 1e300 })),
    'a candidate too few': withFigures((result) => ({ ...result, probed: result.probed.slice(1) })),
    'candidates that are none': withFigures((result) => ({ ...result, probed: [null, 7] })),
    'no bytes': ({ stats }) => ({ bytes: new Uint8Array(0), stats }),
    'statistics of another result': ({ bytes }) => ({ bytes, stats: { candidates: 3 } }),
  },
  calibrate: {
    'sums of another model': ({ bytes, stats }) => ({ bytes: withSums(bytes, (sum) => sum * 1.02), stats }),
    'sums that favour a column': ({ bytes, stats }) => ({
      bytes: withSums(bytes, (sum, at) => (at === 0 ? sum * 5 : sum)),
      stats,
    }),
    'a sum that is no number': ({ bytes, stats }) => ({ bytes: withSums(bytes, () => Number.NaN), stats }),
    'bytes cut short': ({ bytes, stats }) => ({ bytes: bytes.subarray(0, bytes.length - 4), stats }),
    'no bytes': ({ stats }) => ({ bytes: new Uint8Array(0), stats }),
    'statistics of another result': ({ bytes }) => ({ bytes, stats: { items: 8, samples: 1 } }),
  },
}

/** The result of `calibrate` with the sums of its first activation changed. */
function withSums(bytes: Uint8Array, change: (sum: number, at: number) => number): Uint8Array {
  const changed = Uint8Array.from(bytes)
  const view = new DataView(changed.buffer)
  for (let at = 0; at < (256 * 257) / 2; at++)
    view.setFloat32(28 + 4 * at, change(view.getFloat32(28 + 4 * at, true), at), true)
  return changed
}

for (const [kind, lies] of Object.entries(LIES))
  for (const [name, lie] of Object.entries(lies))
    test(`${kind}: ${name} is found out`, async () => {
      const { params, output } = honest.get(kind)!
      const claimed = lie(output)
      await rejectsCode(
        kindOf(kind).verify(params, claimed, context, 'full', fixedRandom()),
        'RESULT_INVALID',
      )
      // What the statistics alone claim does not make two results differ for `evaluate`.
      if (name !== 'statistics of another result') assert.not(kindOf(kind).agree(output, claimed))
    })

/** What is refused without a look at the inputs, even of a peer that is believed. */
const IMPOSSIBLE = [
  'a flipped bit',
  'no bytes',
  'bytes cut short',
  'a size that is too small',
  'no statistics',
  'vectors of other items',
  'statistics of another result',
  'a sum that is no number',
  'an entry that is no number',
  'the hash of other bytes',
  'a figure that is no size',
  'a candidate too few',
  'candidates that are none',
]

for (const [kind, lies] of Object.entries(LIES))
  for (const [name, lie] of Object.entries(lies).filter(([name]) => IMPOSSIBLE.includes(name)))
    test(`${kind}: ${name} is not taken on anybody's word`, async () => {
      const { params, output } = honest.get(kind)!
      await rejectsCode(kindOf(kind).inspect(params, lie(output), context), 'RESULT_INVALID')
    })

test('a slice of another shape or with other parameters than asked for is not taken on a word', async () => {
  const { params, output } = honest.get('compress')!
  const kind = kindOf('compress')
  for (const other of [{ rows: 16 }, { codec: 'int8' }, { params: { blockSize: 128 } }])
    await rejectsCode(kind.inspect({ ...params, ...other }, output, context), 'RESULT_INVALID')
})

test('rows that were encoded carelessly are found by encoding a sample again', async () => {
  const { params } = honest.get('compress')!
  const kind = kindOf('compress')
  // Honest statistics, honest container, another block size than asked for.
  const careless = await kind.run({ ...params, params: { blockSize: 128 } }, context)
  await rejectsCode(kind.verify(params, careless, context, 'spot', fixedRandom()), 'RESULT_INVALID')
})

test('a check that cannot be made is no verdict', async () => {
  const { params, output } = honest.get('compress')!
  const kind = kindOf('compress')
  await rejectsCode(
    kind.verify({ ...params, tensor: 'not there' }, output, context, 'full', fixedRandom()),
    'INVALID_ARGUMENT',
  )
})

test.after(async () => {
  await stopJobNodes()
  await stopMeshNodes()
})
test.run()
