/** The stage that calibrates, on the real encoder: from its tasks to what the encoders make of it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readIndex } from '../../../node/compute/calibration/calibration-directory.ts'
import { hasTokenizer, openCalibrationData } from '../../../node/compute/calibration/data.ts'
import { decodeMoments, encodeMoments } from '../../../node/compute/calibration/moments-file.ts'
import {
  assembleCalibration,
  type Calibrated,
  groupActivations,
  partsOf,
  planCalibration,
} from '../../../node/compute/calibration/plan.ts'
import { planWithin } from '../../../node/compute/calibration/plan-within.ts'
import { CALIBRATION_SENTENCES } from '../../../node/compute/calibration/sentences.ts'
import { parseCompressParams } from '../../../node/compute/jobs/compress-params.ts'
import { probeStage } from '../../../node/compute/jobs/compress-stages.ts'
import { surveyStage } from '../../../node/compute/jobs/compress-survey.ts'
import type { JobContext, PlannedTask, TaskResult } from '../../../node/compute/jobs/job.ts'
import { limitsOf } from '../../../node/compute/resources.ts'
import { calibrateTask } from '../../../node/compute/tasks/calibrate-task.ts'
import { compressTask } from '../../../node/compute/tasks/compress-task.ts'
import { createKnownAnswers } from '../../../node/compute/tasks/known-answers.ts'
import type { TaskContext, TaskOutput } from '../../../node/compute/tasks/task.ts'
import { DEFAULT_CONFIG } from '../../../node/config.ts'
import type { JsonObject } from '../../../node/json.ts'
import { type JobNode, startJobNode, stopJobNodes } from '../../helpers/job-nodes.ts'
import { stopMeshNodes, TEST_LOG } from '../../helpers/mesh.ts'
import { rejectsCode, throwsCode } from '../../helpers/throws.ts'
import { seededRandom } from '../../helpers/weights.ts'

const test = suite('calibration stage')
const workDirectory = mkdtempSync(path.join(tmpdir(), 'village-calibration-'))
const TENSOR = 'layer1.attention.output.weight'
/** Enough for inputs of 256 and 512 columns, not for those of 1,536. */
const FEEDBACK_BYTES = 3 * 2 ** 20
/** What an edge box lends under a cap of 512 MiB. */
const EDGE_BYTES = limitsOf(
  { ...DEFAULT_CONFIG, profile: 'edge' },
  { cores: 2, memoryBytes: 2 ** 29 },
).memoryBytes
let node: JobNode
let context: TaskContext
let model = ''
let plan: PlannedTask[] = []
let results: TaskResult[] = []
let calibrated: Calibrated

const jobContext = () => ({ ...context, artifacts: node.artifacts, workDirectory, pin: 'job:test' })

test.before(async () => {
  node = await startJobNode()
  model = (await node.models.add({ embedded: 'encoder' })).cid
  context = {
    artifacts: node.artifacts,
    pool: node.pool,
    modelsDirectory: path.join(node.mesh.directory, 'models'),
    signal: AbortSignal.timeout(300_000),
    progress: () => undefined,
    known: createKnownAnswers({ random: () => 0.5 }),
    log: TEST_LOG,
  }
})

test.after(async () => {
  await stopJobNodes()
  await stopMeshNodes()
  rmSync(workDirectory, { recursive: true, force: true })
})

test('activations are grouped in order, within the memory where one fits at all', () => {
  const wide = { cols: 1000, feedback: true }
  const narrow = { cols: 10, feedback: false }
  assert.equal(groupActivations([wide, narrow, wide, wide], 30e6), [
    { first: 0, count: 3 },
    { first: 3, count: 1 },
  ])
  assert.equal(groupActivations([wide, wide], 1), [
    { first: 0, count: 1 },
    { first: 1, count: 1 },
  ])
  assert.equal(groupActivations([], 1), [])
})

test('large sums go to few peers, and no peer gets a handful of items', () => {
  assert.is(partsOf(512, 1000), 8)
  assert.is(partsOf(512, 30 * 2 ** 20), 2)
  assert.is(partsOf(512, 2 ** 30), 1)
  assert.is(partsOf(100, 1000), 1)
  assert.is(partsOf(1, 1000), 1)
})

test('a plan shares the items and is the same again', async () => {
  const request = { model, data: null, minElements: 16_384, feedbackBudgetBytes: FEEDBACK_BYTES }
  plan = await planCalibration(request, jobContext())
  assert.equal(await planCalibration(request, jobContext()), plan)
  assert.ok(plan.length > 1)
  let next = 0
  for (const { kind, params } of plan) {
    assert.is(kind, 'calibrate')
    assert.equal(calibrateTask.parseParams(params), params)
    assert.is(params.start, next)
    next += params.count as number
  }
  assert.is(next, CALIBRATION_SENTENCES)
  const small = await planCalibration({ ...request, memoryBudgetBytes: 2 ** 20 }, jobContext())
  assert.is(new Set(small.map(({ params }) => params.firstActivation)).size, 10)
  assert.equal(await planCalibration({ ...request, minElements: 2 ** 40 }, jobContext()), [])
})

test('a plan fits into the memory at hand, of this node first, or says what it needs', async () => {
  const request = { model, data: null, minElements: 16_384 }
  const usual = await planCalibration(request, jobContext())
  const inputBytes = (await node.artifacts.info(model))!.sizeBytes
  const most = (tasks: readonly PlannedTask[]) =>
    Math.max(...tasks.map(({ params }) => calibrateTask.estimate(params, inputBytes).memoryBytes))
  const neededBytes = most(usual)
  assert.equal(await planWithin(request, jobContext(), [neededBytes]), { tasks: usual })
  const edge = await planWithin(request, jobContext(), [EDGE_BYTES, neededBytes])
  assert.ok(EDGE_BYTES < neededBytes && 'tasks' in edge)
  assert.ok(most(edge.tasks) <= EDGE_BYTES)
  const covered = (tasks: readonly PlannedTask[]) =>
    tasks.reduce((sum, { params }) => sum + (params.activations as number) * (params.count as number), 0)
  assert.is(covered(edge.tasks), covered(usual))
  const tiny = 256 * 2 ** 20
  const refused = await planWithin(request, jobContext(), [tiny, 0])
  assert.ok('neededBytes' in refused && refused.neededBytes > tiny && refused.neededBytes <= neededBytes)
  assert.equal(await planWithin(request, jobContext(), [tiny, neededBytes]), { tasks: usual })
  assert.equal(await planWithin({ ...request, minElements: 2 ** 40 }, jobContext(), [0]), { tasks: [] })
})

test('a part with huge numbers is run again before it is believed', async () => {
  const params = { ...plan[0]!.params, count: 8 }
  const output = await calibrateTask.run(params, context)
  await calibrateTask.inspect(params, output, context)
  const moments = decodeMoments(output.bytes)
  const scaled = (factor: number, only: number | null): TaskOutput => {
    const changed = moments.map((one, index) => ({
      ...one,
      sums: only === null || only === index ? one.sums.map((sum) => sum * factor) : one.sums,
    }))
    return { ...output, bytes: encodeMoments(changed) }
  }
  // In every activation, in one, and less than one item alone gives.
  for (const [factor, only] of [
    [1e6, null],
    [100, 3],
    [1e-4, 0],
  ] as const)
    await rejectsCode(calibrateTask.inspect(params, scaled(factor, only), context), 'RESULT_INVALID')
})

test('the results make one artifact, the same for the same results', async () => {
  // Two of the parts are a calibration too.
  const parts = plan.slice(0, 2)
  const outputs: TaskOutput[] = []
  for (const { params } of parts) outputs.push(await calibrateTask.run(params, context))
  results = parts.map((task, index) => ({
    task,
    stats: outputs[index]!.stats,
    ahead: null,
    read: async () => outputs[index]!.bytes,
  }))
  calibrated = await assembleCalibration(results, jobContext())
  assert.is((await assembleCalibration(results, jobContext())).cid, calibrated.cid)
  const directory = await node.artifacts.materialize(calibrated.cid, context.modelsDirectory)
  const index = readIndex(directory)
  assert.is(
    index.items,
    parts.reduce((sum, { params }) => sum + (params.count as number), 0),
  )
  assert.is(index.weights.size, 10)
  for (const { cols, feedback } of index.activations) assert.is(feedback, cols <= 512)
  assert.is(calibrated.report.weights, 10)
  assert.equal((await node.artifacts.info(calibrated.cid))!.pins, ['job:test'])
})

test('a part that was a lie costs quality, never the job', async () => {
  const lie = { ...results[0]!, read: async () => falsified(await results[0]!.read()) }
  const { report } = await assembleCalibration([lie, ...results.slice(1)], jobContext())
  assert.is(calibrated.report.withFeedback, 8)
  assert.ok((report.withFeedback as number) < 8)
})

/** An impossible correlation of the first two columns. */
function falsified(bytes: Uint8Array): Uint8Array {
  const changed = Uint8Array.from(bytes)
  new DataView(changed.buffer).setFloat32(32, 1e12, true)
  return changed
}

const taskFor = (calibration: string | null) =>
  compressTask.parseParams({
    model,
    tensor: TENSOR,
    startRow: 0,
    rows: 64,
    cols: 512,
    codec: 'int4',
    params: {},
    ...(calibration !== null && { calibration }),
  })

test('a calibrated slice loses less of the output, and stands every check', async () => {
  const plain = taskFor(null)
  const task = taskFor(calibrated.cid)
  assert.equal(compressTask.inputs(plain), [model])
  assert.equal(compressTask.inputs(task), [model, calibrated.cid])
  const output = await compressTask.run(task, context)
  const without = await compressTask.run(plain, context)
  assert.is(without.stats.weightedError, undefined)
  await compressTask.inspect(task, output, context)
  for (const depth of ['spot', 'full'] as const)
    await compressTask.verify(task, output, context, depth, seededRandom(1))
  assert.is(output.bytes.byteLength, without.bytes.byteLength)
  const modelDirectory = await node.artifacts.materialize(model, context.modelsDirectory)
  const directory = await node.artifacts.materialize(calibrated.cid, context.modelsDirectory)
  const matrix = await node.pool.run('model.readRows', {
    modelPath: path.join(modelDirectory, 'model.onnx'),
    name: TENSOR,
    startRow: 0,
    rows: 64,
  })
  const aids = { calibration: { directory, tensor: TENSOR } }
  const asked = { codec: 'int4', params: {}, matrix, packed: without.bytes, rows: [], aids }
  const { stats: uncalibrated } = await node.pool.run('codec.check', asked)
  assert.is(uncalibrated.weightedNorm, output.stats.weightedNorm)
  assert.ok(
    (output.stats.weightedError as number) < 0.7 * uncalibrated.weightedError!,
    `${output.stats.weightedError} against ${uncalibrated.weightedError}`,
  )
  // Without the feedback the plain error would be less: whoever leaves it out is found by his bytes.
  const careless = { bytes: without.bytes, stats: { ...uncalibrated } }
  await rejectsCode(compressTask.verify(task, careless, context, 'spot', seededRandom(1)), 'RESULT_INVALID')
  const lying = { ...output, stats: { ...output.stats, weightedError: 0 } }
  await rejectsCode(compressTask.verify(task, lying, context, 'spot', seededRandom(1)), 'RESULT_INVALID')
  assert.not(compressTask.agree(output, lying))
})

test('slices of a calibrated tensor join to what the whole gives', async () => {
  const whole = await compressTask.run(taskFor(calibrated.cid), context)
  const half = await compressTask.run({ ...taskFor(calibrated.cid), startRow: 32, rows: 32 }, context)
  const payload = (bytes: Uint8Array, length: number) =>
    Buffer.from(bytes.subarray(bytes.byteLength - length))
  const length = 32 * (512 / 2 + (512 / 32) * 2)
  assert.ok(payload(half.bytes, length).equals(payload(whole.bytes, length)))
})

test('a calibration of other columns is refused', async () => {
  const directory = await node.artifacts.materialize(calibrated.cid, context.modelsDirectory)
  const matrix = { rows: 2, cols: 64, data: new Float32Array(128).fill(0.5) }
  const aids = { calibration: { directory, tensor: TENSOR } }
  for (const codec of ['int4', 'ternary'])
    await rejectsCode(node.pool.run('codec.encode', { codec, params: {}, matrix, aids }), 'INVALID_ARGUMENT')
})

test("data of the user's own are an artifact that the tasks name", async () => {
  const text = 'The first item.\n\nA second one, a little longer.\r\n  And a third. \n'
  const { cid } = await node.artifacts.addBytes(Buffer.from(text), { name: 'data.txt' })
  const request = { model, data: cid, minElements: 16_384, feedbackBudgetBytes: 0 }
  const [task, ...more] = await planCalibration(request, jobContext())
  assert.is(more.length, 0)
  assert.is(task!.params.count, 3)
  assert.equal(calibrateTask.inputs(task!.params), [model, cid])
  const output = await calibrateTask.run(task!.params, context)
  await calibrateTask.inspect(task!.params, output, context)
  const { maxOutputBytes } = calibrateTask.estimate(task!.params, 1)
  assert.is(output.bytes.byteLength, maxOutputBytes, 'diagonals only')
  const empty = await node.artifacts.addBytes(Buffer.from(' \n'), { name: 'empty.txt' })
  await rejectsCode(
    planCalibration({ ...request, data: empty.cid }, jobContext()),
    'CALIBRATION_DATA_INVALID',
  )
  const good = '{"input_ids": [[1, 2]], "attention_mask": [[1, 1]]}'
  const items = await node.artifacts.addBytes(Buffer.from(`${good}\n${good}`), { name: 'good.jsonl' })
  assert.is((await planCalibration({ ...request, data: items.cid }, jobContext()))[0]!.params.count, 2)
  const other = await node.artifacts.addBytes(Buffer.from(`${good}\n{"x": [1]}`), { name: 'other.jsonl' })
  const failure = await rejectsCode(
    planCalibration({ ...request, data: other.cid }, jobContext()),
    'CALIBRATION_DATA_INVALID',
  )
  assert.match(failure.message, /Line 2/)
})

test('a model without a tokenizer needs data of its own', async () => {
  assert.not(hasTokenizer(workDirectory))
  throwsCode(() => openCalibrationData(workDirectory, null), 'CALIBRATION_DATA_INVALID')
  const modelDirectory = await node.artifacts.materialize(model, context.modelsDirectory)
  assert.ok(hasTokenizer(modelDirectory))
  const data = openCalibrationData(modelDirectory, null)
  const runs = [...data.runs(0, 40)]
  assert.is(
    runs.reduce((sum, { items }) => sum + items, 0),
    40,
  )
  // Texts of one length share a run, so that nothing is padded.
  for (const { feeds } of runs)
    assert.ok(Object.values(feeds).every(({ data }) => !data.includes(0n as never)))
})

test('probes run the changed model for all weights where there is memory for it, else for none', async () => {
  const params = parseCompressParams({ model: 'encoder', codec: 'auto', target: { ratio: 6 } })
  const given = { models: node.models, stagePin: 'job:test', memberMemoryBytes: 0 }
  // Of a job's context only what the planning of these stages asks.
  const contextOf = (memoryBytes: number) =>
    ({ ...jobContext(), ...given, memoryBytes }) as unknown as JobContext
  const survey = await surveyStage(params, contextOf(2 ** 40))
  const stages = [
    { ...survey, results: [] },
    { name: 'calibration', facts: { cid: calibrated.cid }, results: [] },
  ]
  const runs = async (memoryBytes: number) => {
    const { tasks } = await probeStage({ params, stages, context: contextOf(memoryBytes) })
    return tasks.filter(({ params }) => params.sensitivity === true).length
  }
  assert.ok((await runs(2 ** 40)) > 1)
  assert.is(await runs(300 * 2 ** 20), 0)
})

test('where nobody has the memory a compression goes on without and says so, unless it brought data', async () => {
  node.resources.lend(300 * 2 ** 20)
  const compress = async (more: JsonObject) => {
    const params = { model: 'encoder', codec: 'int4', keep: 0, ...more }
    const { id } = await node.jobs.submit({ kind: 'compress', params })
    return node.jobs.wait(id, { signal: context.signal })
  }
  const made = await compress({})
  assert.is(made.state, 'done', JSON.stringify(made.error))
  const { cid, why } = made.result!.calibration as { cid: string | null; why: string }
  assert.is(cid, null)
  assert.match(why, /^it takes about \d+ MiB of memory, and no member at hand lends more than 300 MiB$/)
  const { cid: calibrate } = await node.artifacts.addBytes(Buffer.from('One.\nTwo.\n'), { name: 'own.txt' })
  const failed = await compress({ calibrate, id: 'with-data' })
  assert.is(failed.error?.code, 'RESOURCES_INSUFFICIENT')
  assert.match(failed.error!.message, 'The calibration cannot be made: it takes about')
})

test.run()
