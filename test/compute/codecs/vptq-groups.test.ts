import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { codebookBytes } from '../../../node/compute/codecs/vptq-codebook.ts'
import {
  type CodebookWeight,
  codebookGroups,
  layoutForSize,
  sampleGroup,
} from '../../../node/compute/codecs/vptq-groups.ts'
import { VPTQ_LAYOUTS, type VptqBits } from '../../../node/compute/codecs/vptq-layouts.ts'
import { trainingVectors } from '../../../node/compute/codecs/vptq-sample.ts'
import { codebookTask, codebookTaskParams } from '../../../node/compute/tasks/codebook-task.ts'
import { JOBS_LIMITS } from '../../../node/mesh/protocols/jobs.ts'
import { gaussianMatrix } from '../../helpers/weights.ts'

/** A language model's matrices, from its width and layers. */
function transformer(width: number, layers: number, words: number): CodebookWeight[] {
  const matrix = (name: string, rows: number, cols: number) => ({ name, rows, cols, uses: ['MatMul'] })
  return [
    { name: 'embeddings', rows: words, cols: width, uses: ['Gather'] },
    ...Array.from({ length: layers }, (_, layer) => [
      matrix(`layers.${layer}.attention.qkv`, 3 * width, width),
      matrix(`layers.${layer}.attention.out`, width, width),
      matrix(`layers.${layer}.up`, 4 * width, width),
      matrix(`layers.${layer}.down`, width, 4 * width),
    ]).flat(),
  ]
}

const anyWeights: fc.Arbitrary<CodebookWeight[]> = fc.array(
  fc.record({
    name: fc.string({ minLength: 1, maxLength: 40 }),
    rows: fc.integer({ min: 1, max: 60_000 }),
    cols: fc.integer({ min: 1, max: 12_000 }),
    uses: fc.constantFrom<string[]>(['MatMul'], ['Gather'], ['Conv'], ['Gemm', 'MatMul']),
  }),
  { minLength: 1, maxLength: 90 },
)
const bits = fc.constantFrom<VptqBits>(2, 3, 4)

test('every weight is in one group, in the order of the model', () => {
  fc.assert(
    fc.property(anyWeights, bits, (weights, wanted) => {
      const groups = codebookGroups(weights, { bits: wanted })
      const grouped = groups.flatMap((group) => [...group.weights])
      assert.is(grouped.length, weights.length)
      assert.is(new Set(grouped).size, weights.length)
      for (const { layout, weights: members } of groups) {
        assert.is(layout.bits, wanted)
        const places = members.map((weight) => weights.indexOf(weight))
        assert.equal(
          places,
          places.toSorted((a, b) => a - b),
        )
      }
      assert.equal(codebookGroups(weights, { bits: wanted }), groups)
    }),
    { seed: 1, numRuns: 100 },
  )
  assert.equal(codebookGroups([], { bits: 2 }), [])
})

test('small models share one codebook, larger ones have one by kind and shape, and it costs little', () => {
  const tiny = codebookGroups(transformer(64, 5, 512), { bits: 2 })
  assert.equal(
    tiny.map(({ layout }) => layout.name),
    ['small'],
  )
  const encoder = codebookGroups(transformer(512, 2, 8002), { bits: 2 })
  assert.equal(
    encoder.map(({ layout }) => layout.name),
    ['large'],
  )
  const large = codebookGroups(transformer(2048, 22, 32_000), { bits: 2 })
  assert.ok(large.length >= 4)
  assert.equal(
    large[0]!.weights.map(({ name }) => name),
    ['embeddings'],
  )
  for (const model of [transformer(768, 12, 50_257), transformer(2048, 22, 32_000)])
    for (const wanted of [2, 3, 4] as const) {
      const size = model.reduce((sum, { rows, cols }) => sum + rows * cols, 0)
      const cost = codebookGroups(model, { bits: wanted }).reduce(
        (sum, { layout }) => sum + codebookBytes(layout) * 8,
        0,
      )
      assert.ok(cost / size <= 0.0101, `${cost / size} bits a weight`)
    }
})

test('a layout that was asked for is kept', () => {
  for (const layout of VPTQ_LAYOUTS)
    for (const group of codebookGroups(transformer(512, 4, 9000), { bits: layout.bits, layout: layout.name }))
      assert.is(group.layout, layout)
  assert.is(layoutForSize(2, 1e5).name, 'small')
  assert.is(layoutForSize(2, 1e8).name, 'large')
})

test('a sample lies within its tensors, in whole groups, and fits the parameters of a task', () => {
  fc.assert(
    fc.property(anyWeights, bits, fc.nat(), (weights, wanted, seed) => {
      for (const group of codebookGroups(weights, { bits: wanted })) {
        const { vector } = group.layout
        const tensors = sampleGroup(group, seed, 2 ** 16)
        assert.ok(tensors.length > 0)
        let vectors = 0
        for (const { name, cols, rows, startRows } of tensors) {
          const weight = group.weights.find((one) => one.name === name && one.cols === cols)!
          for (const [index, start] of startRows.entries()) {
            assert.is(start % vector, 0)
            const whole = weights.filter((one) => one.name === name && one.cols === cols)
            assert.ok(start + rows <= Math.max(...whole.map((one) => one.rows)))
            if (index > 0) assert.ok(start >= startRows[index - 1]! + rows, 'runs do not overlap')
          }
          assert.ok(rows % vector === 0 || (rows < vector && startRows.length === 1))
          vectors += (rows / vector) * cols * startRows.length
          assert.ok(weight !== undefined)
        }
        // A tensor gives at least one group of rows, however wide it is.
        const least = tensors.reduce((sum, { cols }) => sum + cols, 0)
        assert.ok(vectors <= 2 ** 16 * 1.5 + least)
        const params = codebookTaskParams(group, { model: 'x'.repeat(128), calibration: null, seed: 7 })
        assert.ok(JSON.stringify(params).length <= JOBS_LIMITS.maxParamsBytes)
      }
    }),
    { seed: 3, numRuns: 60 },
  )
})

test('the task of a group is one that peers take', () => {
  for (const model of [transformer(64, 5, 512), transformer(768, 12, 50_257), transformer(2048, 22, 32_000)])
    for (const wanted of [2, 3, 4] as const)
      for (const group of codebookGroups(model, { bits: wanted })) {
        const params = codebookTaskParams(group, { model: 'cid', calibration: 'other', seed: 7 })
        assert.equal(codebookTask.parseParams(JSON.parse(JSON.stringify(params))), params)
        assert.equal(codebookTask.inputs(params), ['cid', 'other'])
        const { memoryBytes, cost } = codebookTask.estimate(params)
        assert.ok(memoryBytes < 2 ** 28 && cost > 0 && cost < 60)
      }
})

test('vectors are in units of their rows, and count as their columns and rows do', () => {
  const matrix = gaussianMatrix(4, 50, 3)
  for (let at = 0; at < 100; at++) matrix.data[at] = matrix.data[at]! * 8
  matrix.data.fill(0, 150)
  const columnWeights = Float32Array.from({ length: 50 }, (_, col) => (col === 0 ? 25.5 : 0.5))
  const { points, weights } = trainingVectors([{ matrix, columnWeights }], 2)
  assert.is(weights.length, 100)
  for (const [from, d] of [
    [0, 0],
    [0, 1],
    [50, 0],
  ] as const) {
    let power = 0
    for (let i = from; i < from + 50; i++) power += points[2 * i + d]! ** 2
    assert.ok(Math.abs(power / 50 - 1) < 0.01)
  }
  for (let i = 50; i < 100; i++) assert.is(points[2 * i + 1], 0)
  assert.ok(Math.abs(weights[0]! / weights[1]! - 51) < 0.01)
  // Two rows eight times as large against one and one of zeros.
  assert.ok(weights[1]! / weights[51]! > 60)
  const few = trainingVectors([{ matrix: gaussianMatrix(1, 9) }, { matrix: gaussianMatrix(5, 4) }], 4)
  assert.is(few.weights.length, 9 + 4)
})

test.run()
