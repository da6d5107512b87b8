/** What `auto` measures of a weight: the weighted error against the definition, the sample, and the probes of a real model. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { outputEnergy } from '../../../node/compute/calibration/energy.ts'
import { codecByName } from '../../../node/compute/codecs/table.ts'
import { statsOf } from '../../../node/compute/codecs/tensor-stats.ts'
import { readSlice } from '../../../node/compute/codecs/wire.ts'
import { candidatesFor, REFERENCE } from '../../../node/compute/compress-plan/candidates.ts'
import { PROBE_OPERATIONS } from '../../../node/compute/compress-plan/probe.ts'
import { sampledRows } from '../../../node/compute/compress-plan/sampled-rows.ts'
import { loadKernels } from '../../../node/compute/kernels.ts'
import { writeEmbeddedEncoder } from '../../../node/compute/models/embedded-encoder.ts'
import { FLOAT16, INT64 } from '../../../node/compute/onnx/data-types.ts'
import { float32Tensor } from '../../../node/compute/onnx/encode.ts'
import { createGraphBuilder, type GraphBuilder } from '../../../node/compute/onnx/write.ts'
import { floats, noise, writeGraph } from '../onnx/small-models.ts'

const signal = new AbortController().signal

/** H = A Aᵀ + I, and the upper factor U of its inverse, H⁻¹ = UᵀU, by plain Gauss and Cholesky. */
function factors(cols: number, random: () => number) {
  const a = Array.from({ length: cols }, () => Array.from({ length: cols }, random))
  const h = a.map((row, i) =>
    a.map((other, j) => row.reduce((sum, x, k) => sum + x * other[k]!, i === j ? 1 : 0)),
  )
  const work = h.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1 : 0))])
  for (let i = 0; i < cols; i++) {
    const pivot = work[i]![i]!
    for (let k = 0; k < 2 * cols; k++) work[i]![k]! /= pivot
    for (let j = 0; j < cols; j++) {
      if (j === i) continue
      const factor = work[j]![i]!
      for (let k = 0; k < 2 * cols; k++) work[j]![k]! -= factor * work[i]![k]!
    }
  }
  const inverse = work.map((row) => row.slice(cols))
  // Cholesky: inverse = L Lᵀ with L lower; U = Lᵀ.
  const l = inverse.map((row) => row.map(() => 0))
  for (let i = 0; i < cols; i++)
    for (let j = 0; j <= i; j++) {
      let sum = inverse[i]![j]!
      for (let k = 0; k < j; k++) sum -= l[i]![k]! * l[j]![k]!
      l[i]![j] = i === j ? Math.sqrt(sum) : sum / l[j]![j]!
    }
  const feedback = new Float32Array(cols * cols)
  for (let j = 0; j < cols; j++)
    for (let k = j + 1; k < cols; k++) feedback[j * cols + k] = l[k]![j]! / l[j]![j]!
  const conditional = Float32Array.from({ length: cols }, (_, j) => 1 / l[j]![j]! ** 2)
  return { h, feedback, conditional }
}

test('the weighted error is tr(E H Eᵀ)', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer(),
      (cols, rows, seed) => {
        const numbers = fc.sample(fc.double({ min: -1, max: 1, noNaN: true }), {
          seed,
          numRuns: cols * (cols + rows),
        })
        const { h, feedback, conditional } = factors(cols, () => numbers.pop()!)
        const errors = Float32Array.from({ length: rows * cols }, () => numbers.pop()!)
        let expected = 0
        for (let row = 0; row < rows; row++)
          for (let i = 0; i < cols; i++)
            for (let j = 0; j < cols; j++)
              expected += errors[row * cols + i]! * h[i]![j]! * errors[row * cols + j]!
        const found = outputEnergy(
          { rows, cols, data: errors },
          { cols, samples: 1, diagonal: conditional, conditional, feedback },
          loadKernels(),
        )
        assert.ok(Math.abs(found - expected) <= 1e-4 * Math.max(expected, 1e-6), `${found} for ${expected}`)
      },
    ),
    { numRuns: 100 },
  )
  const matrix = { rows: 2, cols: 2, data: Float32Array.of(1, 2, 3, 4) }
  const diagonal = Float32Array.of(2, 0.5)
  const calibration = { cols: 2, samples: 1, diagonal, conditional: null, feedback: null }
  assert.is(outputEnergy(matrix, calibration, loadKernels()), 2 + 2 + 18 + 8)
})

test('sampled rows lie within the weight, in order, apart from one another', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100_000 }), fc.integer({ min: 1, max: 20_000 }), (rows, cols) => {
      let next = 0
      for (const block of sampledRows({ rows, cols })) {
        assert.ok(block.startRow >= next)
        assert.ok(block.rows > 0)
        assert.ok(block.startRow === 0 || block.startRow % 24 === 0)
        next = block.startRow + block.rows
      }
      assert.ok(next <= rows)
    }),
  )
})

test('the size that a probe foretells is that of the whole weight, for every candidate', async () => {
  const [rows, cols] = [96, 200]
  const data = Float32Array.from({ length: rows * cols }, (_, i) => Math.sin(i * 12.9898) * ((i % 7) + 1))
  const matrix = { rows, cols, data }
  const stats = statsOf(matrix)
  const candidates = candidatesFor({ ternary: false }).map(({ codec, params }) => ({
    codec,
    params: codecByName(codec).fit(params, stats),
  }))
  const blocks = [{ rows: 24, cols, data: data.subarray(0, 24 * cols) }]
  const probed = await PROBE_OPERATIONS['probe.candidates']({ blocks, candidates }, signal)
  let before = Number.POSITIVE_INFINITY
  for (const [index, { codec, params }] of candidates.entries()) {
    const { headerBytes, groupBytes, rowGroup, error } = probed[index]!
    const packed = codecByName(codec).encode(matrix, params, loadKernels())
    assert.is(headerBytes + groupBytes * Math.ceil(rows / rowGroup), packed.length, codec)
    assert.is(readSlice(packed).rows, rows)
    assert.ok(error > 0 && error < 1, `${codec} ${error}`)
    if (codec === 'trellis') {
      assert.ok(error < before, 'more bits lose less')
      before = error
    }
  }
})

test('a weight that the outputs depend on moves them, and a lossless candidate does not', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'village-probe-'))
  try {
    const modelDirectory = path.join(directory, 'encoder')
    await writeEmbeddedEncoder(modelDirectory)
    const probe = async (tensor: string, candidate: typeof REFERENCE) => {
      const { movement } = await PROBE_OPERATIONS['probe.sensitivity'](
        { modelDirectory, workDirectory: directory, dataPath: null, items: 8, tensor, candidate },
        signal,
      )
      return { movement: movement ?? Number.NaN }
    }
    const coarse = { codec: 'ternary', params: { ...codecByName('ternary').parseParams({ force: true }) } }
    const int8 = { codec: 'int8', params: codecByName('int8').parseParams({}) }
    const tensor = 'layer0.ffn.up.weight'
    const [a, b, c] = [await probe(tensor, int8), await probe(tensor, REFERENCE), await probe(tensor, coarse)]
    assert.ok(0 < a.movement && a.movement < b.movement && b.movement < c.movement, JSON.stringify([a, b, c]))
    assert.ok(c.movement < 2)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

/** x → MatMul → what `ending` makes of it, the output of the type. */
function writeEnding(
  directory: string,
  ending: (graph: GraphBuilder, product: string) => void,
  elementType: number,
) {
  const graph = createGraphBuilder()
  const weight = graph.tensor(float32Tensor('w', [8, 8], noise(64, 3)))
  ending(graph, graph.add('MatMul', ['x', weight]))
  mkdirSync(directory)
  writeGraph(path.join(directory, 'model.onnx'), graph, {
    inputs: [floats('x', ['n', 8])],
    outputs: [{ name: 'y', elementType, dims: ['n', elementType === INT64 ? 1 : 8] }],
  })
}

test('half floats move, and whole numbers have no movement', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'village-probe-'))
  try {
    const half = path.join(directory, 'half')
    const whole = path.join(directory, 'whole')
    writeEnding(
      half,
      (graph, product) => graph.add('Cast', [product], { to: { int: FLOAT16 } }, 'y'),
      FLOAT16,
    )
    writeEnding(
      whole,
      (graph, product) => graph.add('ArgMax', [product], { axis: { int: 1 }, keepdims: { int: 1 } }, 'y'),
      INT64,
    )
    const dataPath = path.join(directory, 'data.jsonl')
    writeFileSync(dataPath, JSON.stringify({ x: [[...noise(8, 9)], [...noise(8, 10)]] }))
    const movementOf = async (modelDirectory: string) =>
      (
        await PROBE_OPERATIONS['probe.sensitivity'](
          { modelDirectory, workDirectory: directory, dataPath, items: 1, tensor: 'w', candidate: REFERENCE },
          signal,
        )
      ).movement
    const moved = await movementOf(half)
    assert.ok(moved !== null && moved > 0 && moved < 0.1, `${moved}`)
    assert.is(await movementOf(whole), null)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

test.run()
