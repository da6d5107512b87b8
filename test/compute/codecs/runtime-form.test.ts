/** The runtime form of every codec, run by onnxruntime. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { CodecParams } from '../../../node/compute/codecs/codec.ts'
import { CODECS, codecByName } from '../../../node/compute/codecs/table.ts'
import { loadKernels } from '../../../node/compute/kernels.ts'
import { float32Tensor } from '../../../node/compute/onnx/encode.ts'
import { openModel } from '../../../node/compute/onnx/read.ts'
import { rewriteModel } from '../../../node/compute/onnx/rewrite.ts'
import { createSessions } from '../../../node/compute/onnx/sessions.ts'
import { createGraphBuilder } from '../../../node/compute/onnx/write.ts'
import { neededAids } from '../../helpers/codebooks.ts'
import { gaussianMatrix } from '../../helpers/weights.ts'
import { floats, writeGraph } from '../onnx/small-models.ts'

const ROWS = 24
const COLS = 160
const BATCH = 3
const kernels = loadKernels()
const sessions = createSessions()
const directory = mkdtempSync(join(tmpdir(), 'village-runtime-'))
const source = join(directory, 'source.onnx')
const test = suite('runtime forms on onnxruntime')

test.before(() => {
  // x [n, K] times a constant [K, N]: rows of the matrix are its columns.
  const graph = createGraphBuilder()
  const weight = graph.tensor(float32Tensor('weight', [COLS, ROWS], gaussianMatrix(COLS, ROWS).data))
  graph.add('MatMul', ['x', weight], {}, 'out')
  writeGraph(source, graph, { inputs: [floats('x', ['n', COLS])], outputs: [floats('out', ['n', ROWS])] })
})

test.after(async () => {
  await sessions.close()
  rmSync(directory, { recursive: true, force: true })
})

const VARIANTS: [string, CodecParams, string][] = [
  ['int8', {}, 'MatMulNBits'],
  ['int8', { blockSize: 32, zeroPoints: true }, 'MatMulNBits'],
  ['int4', {}, 'MatMulNBits'],
  ['int4', { blockSize: 64, zeroPoints: true }, 'MatMulNBits'],
  ['int4', { blockSize: 16, scaleType: 'fp32' }, 'MatMulNBits'],
  ['ternary', { force: true }, 'MatMulNBits'],
  ['ternary', { force: true, scales: 'row' }, 'MatMulNBits'],
  ['planes', {}, 'MatMulNBits'],
  ['seedlm', {}, 'dense'],
  ['trellis', {}, 'dense'],
  ['vptq', { bits: 2, layout: 'small' }, 'dense'],
]

test('every codec is run', () => {
  for (const { name } of CODECS) assert.ok(VARIANTS.some(([variant]) => variant === name))
})

for (const [index, [name, params, runtime]] of VARIANTS.entries())
  test(`${name} ${JSON.stringify(params)} computes with its decoded values`, async () => {
    const codec = codecByName(name)
    const aids = neededAids(codec, params)
    const packed = codec.encode(gaussianMatrix(ROWS, COLS, 5), codec.parseParams(params), kernels, aids)
    const decoded = codec.decode(packed, kernels, aids.codebook).data
    const path = join(directory, `${index}.onnx`)
    {
      using model = openModel(source)
      const [written] = await rewriteModel(
        model,
        path,
        new Map([['weight', () => [codec.runtimeForm(packed, kernels, aids.codebook)]]]),
      )
      assert.is(written!.runtime, runtime)
    }
    const x = gaussianMatrix(BATCH, COLS, 9, 1).data
    const feeds = { x: { type: 'float32' as const, dims: [BATCH, COLS], data: x } }
    const outputs = await sessions.run({ modelPath: path, feeds }, new AbortController().signal)
    const actual = outputs.out!.data as Float32Array
    let error = 0
    let norm = 0
    for (let n = 0; n < BATCH; n++)
      for (let row = 0; row < ROWS; row++) {
        let expected = 0
        for (let col = 0; col < COLS; col++) expected += x[n * COLS + col]! * decoded[row * COLS + col]!
        error += (actual[n * ROWS + row]! - expected) ** 2
        norm += expected ** 2
      }
    // accuracy_level 4 rounds the activations to 8 bits.
    assert.ok(
      Math.sqrt(error / norm) < (runtime === 'dense' ? 1e-5 : 0.01),
      `off by ${Math.sqrt(error / norm)}`,
    )
  })

test.run()
