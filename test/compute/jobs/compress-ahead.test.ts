/** Which slices of a `compress` job are made ready ahead, and where: on a worker thread, from the bytes of the result alone. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { codecByName } from '../../../node/compute/codecs/table.ts'
import { prepareResult } from '../../../node/compute/jobs/compress-ahead.ts'
import { parseCompressParams } from '../../../node/compute/jobs/compress-params.ts'
import { loadKernels } from '../../../node/compute/kernels.ts'
import { takePrepared } from '../../../node/compute/models/prepared-slices.ts'
import { FLOAT32 } from '../../../node/compute/onnx/data-types.ts'
import { openModel } from '../../../node/compute/onnx/read.ts'
import { quantizeTo8Bits } from '../../../node/compute/onnx/requantize.ts'
import { listWeights, readRows } from '../../../node/compute/onnx/weights.ts'
import { createPool } from '../../../node/compute/pool.ts'
import { createLog } from '../../../node/log.ts'
import { writeSmallModel } from '../onnx/small-models.ts'

const root = mkdtempSync(path.join(tmpdir(), 'village-compress-ahead-'))
const { signal } = new AbortController()
const pool = createPool({ log: createLog({ level: 'silent' }) }, { threads: 1 })
const kernels = loadKernels()
const test = suite('slices ahead')

test.before(async () => {
  writeSmallModel(path.join(root, 'model.onnx'))
  await pool.start(signal)
})
test.after(async () => {
  await pool.stop()
  rmSync(root, { recursive: true, force: true })
})

/** A result of the first rows of the first weight, and how often its bytes were read. */
function resultOf(codecName: string) {
  using model = openModel(path.join(root, 'model.onnx'))
  const plan = listWeights(model, { minElements: 64 })[0]!
  const codec = codecByName(codecName)
  const matrix = { rows: 5, cols: plan.cols, data: readRows(model, plan, 0, 5) }
  const packed = codec.encode(matrix, codec.parseParams({}), kernels)
  const params = { model: 'cid', tensor: plan.name, codec: codecName, codebook: null }
  const reads = { count: 0 }
  const read = async () => {
    reads.count += 1
    return packed
  }
  const task = { kind: 'compress', params, after: [], label: '' }
  return { result: { task, read }, reads, decoded: codec.decode(packed, kernels), cols: plan.cols }
}

const context = (file: string) => ({
  // Of the artifacts only this is used: where the model lies.
  artifacts: { materialize: async () => root } as unknown as Parameters<typeof prepareResult>[2]['artifacts'],
  pool,
  modelsDirectory: root,
  signal,
  file: path.join(root, file),
})
const params = (more: object) => parseCompressParams({ model: 'm', ...more })

test('a slice of a codec without a grid becomes the 8-bit form of its decoded rows', async () => {
  const { result, decoded, cols } = resultOf('trellis')
  const ready = await prepareResult(params({ codec: 'trellis' }), result, context('form'))
  const loss = { squaredError: 0, squaredNorm: 0 }
  const expected = quantizeTo8Bits(decoded.data, 5, cols, FLOAT32, loss)
  assert.equal(ready, { file: path.join(root, 'form'), ...loss })
  const taken = takePrepared(ready!.file, 5, cols)
  assert.ok(Buffer.from(taken.packed).equals(expected.packed))
  assert.equal(taken.scales, expected.scales)
})

test('slices that the build takes as they are, are not even read', async () => {
  const grid = resultOf('int8')
  assert.is(await prepareResult(params({ codec: 'int8' }), grid.result, context('grid')), null)
  const dense = resultOf('trellis')
  const asFloats = params({ codec: 'trellis', runtime: 'dense' })
  assert.is(await prepareResult(asFloats, dense.result, context('dense')), null)
  const other = { ...dense.result, task: { ...dense.result.task, kind: 'probe' } }
  assert.is(await prepareResult(params({ codec: 'trellis' }), other, context('probe')), null)
  assert.is(grid.reads.count + dense.reads.count, 0)
  for (const name of ['grid', 'dense', 'probe']) assert.not(existsSync(path.join(root, name)))
})

test('every codec says truly whether it runs as a grid', () => {
  for (const name of ['int8', 'int4', 'planes', 'trellis', 'seedlm']) {
    const codec = codecByName(name)
    const matrix = { rows: 4, cols: 64, data: new Float32Array(256).map((_, i) => Math.sin(i)) }
    const form = codec.runtimeForm(codec.encode(matrix, codec.parseParams({}), kernels), kernels)
    assert.is(form.kind, codec.runsAsGrid ? 'nbits' : 'dense', name)
  }
})

test.run()
