/** The compress job as a whole: targets, single tensors, calibration data, codebooks, and the gate before publishing. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { JobSummary } from '../../node/compute/jobs/job.ts'
import type { JsonObject } from '../../node/json.ts'
import { type JobNode, startJobNode, startJobVillage, stopJobNodes } from '../helpers/job-nodes.ts'
import { layeredItems, writeLayeredModel } from '../helpers/layered-model.ts'
import { stopMeshNodes } from '../helpers/mesh.ts'
import { rejectsCode } from '../helpers/throws.ts'

const signal = AbortSignal.timeout(150_000)
let owner: JobNode
let helper: JobNode
let directory: string

interface Tensor {
  name: string
  codec: string
  params: JsonObject
  bitsPerWeight: number
  relativeError: number
}
interface Report extends JsonObject {
  id: string
  packed: { cid: string; sizeBytes: number }
  runnable: { cid: string; sizeBytes: number }
  totals: { originalBytes: number; packedBytes: number; ratio: number }
}

const tensorsOf = (report: JsonObject) => report.tensors as unknown as Tensor[]

async function compress(node: JobNode, params: JsonObject): Promise<JobSummary> {
  const job = await node.jobs.submit({ kind: 'compress', params })
  return node.jobs.wait(job.id, { signal })
}

async function report(node: JobNode, params: JsonObject): Promise<Report> {
  const summary = await compress(node, params)
  assert.is(summary.state, 'done', JSON.stringify(summary.error))
  return summary.result as Report
}

const layered = { model: 'layered', minElements: 512 }

test.before(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'village-auto-'))
  ;[owner, helper] = (await startJobVillage([{}, {}])) as [JobNode, JobNode]
  for (const node of [owner, helper]) {
    const file = path.join(directory, 'layered.onnx')
    writeLayeredModel(file)
    await node.models.add({ path: file })
  }
  const ternary = path.join(directory, 'half-ternary.onnx')
  writeLayeredModel(ternary, { ternary: true })
  await owner.models.add({ path: ternary })
})

test.after(async () => {
  await stopJobNodes()
  await stopMeshNodes()
  await rm(directory, { recursive: true, force: true })
})

test('auto meets a size with everything counted, and gives each weight its own codec', async () => {
  const { totals } = await report(owner, { ...layered, codec: 'int8' })
  let before = Number.POSITIVE_INFINITY
  for (const share of [0.9, 0.75, 0.6]) {
    const sizeBytes = Math.floor(totals.packedBytes * share)
    const made = await report(owner, { ...layered, codec: 'auto', target: { sizeBytes } })
    assert.ok(made.totals.packedBytes <= sizeBytes, `${made.totals.packedBytes} of ${sizeBytes}`)
    assert.ok(made.totals.packedBytes < before)
    before = made.totals.packedBytes
    const { rounds, expectedLoss } = made.auto as unknown as {
      rounds: { packedBytes: number }[]
      expectedLoss: number
    }
    assert.is(rounds.at(-1)!.packedBytes, made.totals.packedBytes)
    assert.ok(expectedLoss > 0)
    assert.is((made.calibration as JsonObject).why, 'the model has no tokenizer and no data was given')
    assert.match(String((made.quality as JsonObject).why), /^no suite fits this kind of model/)
    assert.is(tensorsOf(made).length, 3)
  }
})

test('the same target gives the same bytes wherever the job runs', async () => {
  const target = { ratio: 4.5 }
  const here = await report(owner, { ...layered, codec: 'auto', target })
  const there = await report(helper, { ...layered, codec: 'auto', target })
  assert.ok(here.totals.ratio >= 4.5)
  assert.is(here.packed.cid, there.packed.cid)
  assert.is(here.runnable.cid, there.runnable.cid)
})

test('a target that cannot be met says what can, before anything is compressed', async () => {
  const failed = await compress(owner, { ...layered, codec: 'auto', target: { sizeBytes: 3_000 } })
  assert.is(failed.state, 'failed')
  assert.is(failed.error!.code, 'COMPRESS_TARGET_UNREACHABLE')
  const [, text] = /the nearest is ([\d.]+) kB, a ratio of [\d.]+$/.exec(failed.error!.message) ?? []
  const nearest = Math.round(Number(text) * 1000)
  assert.ok(nearest > 3_000 && nearest >= Number(failed.error!.fields.nearestBytes))
  assert.is(failed.total, 3, 'only the probes were made')
  const sizeBytes = Math.ceil(nearest * 1.1)
  const made = await report(owner, { ...layered, codec: 'auto', target: { sizeBytes } })
  assert.ok(made.totals.packedBytes <= sizeBytes)
})

test('a weight can be given a codec of its own, with auto and without', async () => {
  const tensors = { third: { codec: 'int8', params: { blockSize: 32 } } }
  const fixed = await report(owner, { ...layered, codec: 'int4', tensors })
  assert.equal(
    tensorsOf(fixed).map(({ name, codec }) => [name, codec]),
    [
      ['first', 'int4'],
      ['second', 'int4'],
      ['third', 'int8'],
    ],
  )
  const auto = await report(owner, { ...layered, codec: 'auto', target: { ratio: 5 }, tensors })
  const third = tensorsOf(auto).find(({ name }) => name === 'third')!
  assert.is(third.codec, 'int8')
  assert.is(third.params.blockSize, 32)
  const vector = { third: { codec: 'vptq', params: { bits: 4 } } }
  const mixed = await report(owner, { ...layered, codec: 'auto', target: { ratio: 3 }, tensors: vector })
  assert.is(tensorsOf(mixed).find(({ name }) => name === 'third')!.codec, 'vptq')
  assert.ok(mixed.totals.ratio >= 3)
  const { losses } = mixed.auto as unknown as { losses: { name: string }[] }
  assert.equal(
    losses.map(({ name }) => name).sort(),
    ['first', 'second'],
    'nothing was measured of the third',
  )
  const unknown = { codec: 'int4', tensors: { fourth: { codec: 'int8' } } }
  await owner.jobs.submit({ kind: 'compress', params: { ...layered, ...unknown } }).then(
    () => assert.unreachable('a weight that is not there was accepted'),
    (error: { code: string }) => assert.is(error.code, 'INVALID_ARGUMENT'),
  )
})

test('weights that are ternary already are kept as they are', async () => {
  const made = await report(owner, {
    model: 'half-ternary',
    minElements: 512,
    codec: 'auto',
    target: { ratio: 4.5 },
  })
  const second = tensorsOf(made).find(({ name }) => name === 'second')!
  assert.is(second.codec, 'ternary')
  assert.is(second.relativeError, 0)
  assert.ok(second.bitsPerWeight < 2.2, `${second.bitsPerWeight} bits`)
})

test('a quality that nothing can measure is refused, and one that data can measure is met', async () => {
  const params = { ...layered, codec: 'auto', target: { quality: 0.97 } }
  await owner.jobs.submit({ kind: 'compress', params }).then(
    () => assert.unreachable('a target was accepted that nothing measures'),
    (error: { code: string }) => assert.is(error.code, 'INVALID_ARGUMENT'),
  )
  const data = await owner.artifacts.addBytes(Buffer.from(layeredItems(32)), { name: 'items.jsonl' })
  // The search keeps what it built last, and not a model for each round.
  const counts: Promise<number>[] = []
  const stop = owner.mesh.events.subscribe(({ type }) => {
    if (type !== 'artifact:added') return
    const packed = ({ name, pins }: { name: string | null; pins: readonly string[] }) =>
      name?.endsWith('.packed') === true && pins.some((pin) => /^job:.*:tasks$/.test(pin))
    counts.push(owner.artifacts.list().then((all) => all.filter(packed).length))
  })
  const made = await report(owner, { ...params, calibrate: data.cid })
  stop()
  assert.is(Math.max(...(await Promise.all(counts))), 1)
  const { kept } = made.quality as unknown as { kept: { value: number } }
  assert.ok(kept.value >= 0.97, `kept ${kept.value}`)
  const { rounds } = made.auto as unknown as { rounds: { packedBytes: number; kept: number }[] }
  assert.ok(rounds.length > 1)
  const enough = rounds.filter((round) => round.kept >= 0.97).map(({ packedBytes }) => packedBytes)
  assert.is(made.totals.packedBytes, Math.min(...enough), 'the smallest that was tried and keeps enough')
  const impossible = { ...params, target: { quality: 1 }, calibrate: data.cid }
  const failed = await compress(owner, impossible)
  assert.is(failed.error!.code, 'COMPRESS_TARGET_UNREACHABLE', JSON.stringify(failed.error))
})

test('calibrated with data of its own, a model is compressed for the inputs that it sees', async () => {
  const data = await owner.artifacts.addBytes(Buffer.from(layeredItems(64)), { name: 'items.jsonl' })
  const params = { ...layered, codec: 'auto', target: { ratio: 4.5 }, calibrate: data.cid, keep: 0.9 }
  const made = await report(owner, params)
  const { why, weights, items } = made.calibration as JsonObject
  assert.is(why, null)
  assert.is(weights, 3)
  assert.is(items, 64)
  assert.ok(Number((made.auto as JsonObject).expectedLoss) > 0)
  const quality = made.quality as unknown as { measure: string; kept: { value: number } }
  assert.is(quality.measure, 'the outputs on the calibration data')
  assert.ok(quality.kept.value > 0.9 && quality.kept.value < 1, `${quality.kept.value}`)
  const refused = await compress(owner, { ...params, keep: 0.99999 })
  assert.is(refused.error!.code, 'COMPRESS_QUALITY_LOW', JSON.stringify(refused.error))
  const forced = await report(owner, { ...params, keep: 0.99999, force: true })
  const low = forced.quality as unknown as { kept: { value: number }; keep: number }
  assert.ok(low.kept.value < 0.99999 && low.keep === 0.99999)
  assert.ok((await owner.models.list()).some(({ id }) => id === forced.id))
  const missing = {
    ...layered,
    codec: 'int4',
    calibrate: 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy',
  }
  await owner.jobs.submit({ kind: 'compress', params: missing }).then(
    () => assert.unreachable('data that is not there was accepted'),
    (error: { code: string }) => assert.is(error.code, 'ARTIFACT_MISSING'),
  )
  const wrong = await owner.artifacts.addBytes(Buffer.from('{"y": [[1]]}'), { name: 'wrong.jsonl' })
  const failed = await compress(owner, { ...layered, codec: 'int4', calibrate: wrong.cid })
  assert.is(failed.error!.code, 'CALIBRATION_DATA_INVALID')
})

test('a model that gives classes is compressed by its errors alone, and no quality is promised of it', async () => {
  const file = path.join(directory, 'classes.onnx')
  writeLayeredModel(file, { classes: true })
  await owner.models.add({ path: file })
  const data = await owner.artifacts.addBytes(Buffer.from(layeredItems(16)), { name: 'items.jsonl' })
  const params = { model: 'classes', minElements: 512, codec: 'auto', calibrate: data.cid }
  const made = await report(owner, { ...params, target: { ratio: 4 } })
  assert.is((made.calibration as JsonObject).why, null)
  assert.match(String((made.quality as JsonObject).why), /its outputs are no floats/)
  const failed = await compress(owner, { ...params, target: { quality: 0.9 } })
  assert.is(failed.error!.code, 'INVALID_ARGUMENT', JSON.stringify(failed.error))
  assert.match(failed.error!.message, /cannot be measured/)
})

test('a tensor that needs force is refused when the job is submitted', async () => {
  const tensors = { third: { codec: 'ternary' } }
  // A tensor's first rows are looked at while the client waits.
  await rejectsCode(compress(owner, { ...layered, codec: 'int4', tensors }), 'CODEC_NEEDS_FORCE')
  await rejectsCode(
    compress(owner, { ...layered, codec: 'auto', target: { ratio: 4 }, tensors }),
    'CODEC_NEEDS_FORCE',
  )
  const forced = await report(owner, { ...layered, codec: 'int4', tensors, force: true })
  assert.is(tensorsOf(forced).find(({ name }) => name === 'third')!.codec, 'ternary')
})

test('weights of vptq share a codebook that is trained as a stage of the job', async () => {
  const made = await report(owner, { ...layered, codec: 'vptq', params: { bits: 4 } })
  const codebooks = new Set(tensorsOf(made).map(({ params }) => params.codebook))
  assert.is(codebooks.size, 1)
  assert.match(String([...codebooks][0]), /^[0-9a-f]{64}$/)
})

test('a job that its node was stopped in goes on with the next stage after a restart, to the same bytes', async () => {
  const params = { ...layered, codec: 'auto', target: { ratio: 5.5 } }
  const expected = await report(helper, params)
  const home = await mkdtemp(path.join(directory, 'home-'))
  let node = await startJobNode({ directory: home })
  await node.models.add({ path: path.join(directory, 'layered.onnx') })
  const { id } = await node.jobs.submit({ kind: 'compress', params })
  const seen: string[] = []
  for (let starts = 1; ; starts++) {
    // It is stopped wherever it is when it has come to a stage that was not seen before.
    const stage = await new Promise<string | null>((resolve) => {
      const look = () => {
        const job = node.jobs.get(id)!
        if (job.state !== 'running') resolve(null)
        else if (job.stage !== null && !seen.includes(job.stage)) resolve(job.stage)
      }
      node.mesh.events.subscribe(look)
      look()
    })
    if (stage === null) break
    seen.push(stage)
    await node.stop()
    node = await startJobNode({ directory: home })
    assert.ok(starts < 10)
  }
  const { state, error, result } = await node.jobs.wait(id, { signal })
  assert.is(state, 'done', JSON.stringify(error))
  assert.ok(seen.includes('plan') && seen.includes('compress'), seen.join())
  assert.is((result as Report).packed.cid, expected.packed.cid)
  assert.is((result as Report).runnable.cid, expected.runnable.cid)
  await node.stop()
})

test('a model that keeps too little is not published, and the refusal names what cost most', async () => {
  await owner.models.add({ embedded: 'encoder' })
  const before = (await owner.models.list()).map(({ id }) => id)
  const params = { model: 'encoder', codec: 'int4', calibrate: 'none', keep: 0.999 }
  const failed = await compress(owner, params)
  assert.is(failed.state, 'failed')
  assert.is(failed.error!.code, 'COMPRESS_QUALITY_LOW')
  assert.match(failed.error!.fix!, /lower --keep/)
  assert.is(failed.error!.fields.keep, 0.999)
  assert.match(
    failed.error!.message,
    /keeps \d+\.\d% of the suite "similarity", and 99\.9% is asked for; most is lost in embeddings,/,
  )
  assert.equal(
    (await owner.models.list()).map(({ id }) => id),
    before,
  )
  const left = (await owner.artifacts.list()).filter(({ pins }) =>
    pins.some((pin) => pin.includes(failed.id)),
  )
  assert.equal(left, [], 'nothing of it is kept')
})

test('auto at ratio 8 keeps at least 95% of the embedded encoder', async () => {
  const made = await report(owner, {
    model: 'encoder',
    codec: 'auto',
    target: { ratio: 8 },
    calibrate: 'none',
  })
  assert.ok(made.totals.ratio >= 8, `ratio ${made.totals.ratio}`)
  const { kept } = made.quality as unknown as { kept: { value: number; low: number; high: number } }
  assert.ok(kept.value >= 0.95, `kept ${kept.value}`)
  assert.ok(kept.low <= kept.value && kept.value <= kept.high)
})

test.run()
