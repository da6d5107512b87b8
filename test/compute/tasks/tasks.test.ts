/** Every kind of task on the real encoder: an honest result passes every check, and no lie does. */
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeResults, encodeResults } from '../../../node/compute/evaluate/results.ts'
import { readParams } from '../../../node/compute/tasks/read-params.ts'
import { TASK_KINDS } from '../../../node/compute/tasks/table.ts'
import type { TaskContext, TaskKind, TaskOutput } from '../../../node/compute/tasks/task.ts'
import type { JsonObject } from '../../../node/json.ts'
import { JOBS_LIMITS } from '../../../node/mesh/protocols/jobs.ts'
import { type JobNode, startJobNode, stopJobNodes } from '../../helpers/job-nodes.ts'
import { stopMeshNodes, TEST_LOG } from '../../helpers/mesh.ts'
import { rejectsCode, throwsCode } from '../../helpers/throws.ts'

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

const PARAMS: Record<string, () => JsonObject> = {
  compress: () => ({
    model,
    tensor: 'layer0.residual.weight',
    startRow: 16,
    rows: 32,
    cols: 256,
    codec: 'int4',
    params: {},
  }),
  evaluate: () => ({ model, suite: 'similarity', start: 4, count: 8 }),
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
    log: TEST_LOG,
  }
  const weights = await node.pool.run('model.weights', {
    modelPath: path.join(await node.artifacts.materialize(model, context.modelsDirectory), 'model.onnx'),
  })
  const weight = weights.find(({ name }) => name === 'layer0.residual.weight')!
  PARAMS.compress = () => ({
    model,
    tensor: weight.name,
    startRow: 16,
    rows: 32,
    cols: weight.cols,
    codec: 'int4',
    params: {},
  })
  for (const kind of TASK_KINDS) {
    const params = kind.parseParams(PARAMS[kind.kind]!())
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

const LIES: Record<string, Record<string, (output: TaskOutput) => TaskOutput>> = {
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

for (const [kind, field, value] of [
  ['compress', 'rows', 0],
  ['compress', 'rows', 2 ** 40],
  ['compress', 'startRow', -1],
  ['compress', 'codec', 'zip'],
  ['compress', 'tensor', ''],
  ['compress', 'params', { blockSize: 7 }],
  ['compress', 'model', 7],
  ['compress', 'script', 'rm'],
  ['evaluate', 'suite', 'none'],
  ['evaluate', 'count', 1e9],
  ['evaluate', 'start', -1],
  ['evaluate', 'model', null],
] as const)
  test(`${kind} refuses ${field} ${JSON.stringify(value)}`, () => {
    throwsCode(() => kindOf(kind).parseParams({ ...PARAMS[kind]!(), [field]: value }), 'INVALID_ARGUMENT')
  })

test('parameters that are no object are refused', () => {
  for (const input of [null, [], 'x', 7]) throwsCode(() => readParams(input), 'INVALID_ARGUMENT')
  throwsCode(() => readParams({ a: ['x', ''] }).texts('a', 3, 3), 'INVALID_ARGUMENT')
  throwsCode(() => readParams({ a: 1 }).flag('a'), 'INVALID_ARGUMENT')
  assert.is(readParams({}).optionalText('a', 3), null)
  assert.is(readParams({ constructor: 1 }).integer('toString', 0, 9, 5), 5)
})

test.after(async () => {
  await stopJobNodes()
  await stopMeshNodes()
})
test.run()
