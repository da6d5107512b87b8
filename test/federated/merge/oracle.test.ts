import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { counterRandom } from '../../../node/compute/training/philox.ts'
import { maskStream } from '../../../node/federated/merge/methods/dare.ts'
import type { Parameters } from '../../../node/federated/merge/methods/method.ts'
import { MERGE_METHODS } from '../../../node/federated/merge/methods/table.ts'
import { mergeInput, relatedTensors } from '../../helpers/merge-inputs.ts'
import type { OracleOptions } from '../../helpers/merge-oracle/input.ts'
import { ORACLE } from '../../helpers/merge-oracle/oracle.ts'

const SEED = 2 ** 40 + 77
const NAME = 'model.layers.3.mlp.up_proj.weight'

interface Case {
  readonly method: string
  readonly models?: number
  readonly base?: boolean
  readonly parameters?: readonly Parameters[]
  readonly globals?: Parameters
  readonly options?: OracleOptions
  /** Which shapes mean the same in both: a vector has no columns here, and a negative mean cosine is taken for none. */
  readonly shapes?: readonly (readonly number[])[]
}

const thirds = [{ weight: 0.5 }, { weight: 0.3 }, { weight: 0.9 }]
const dense = thirds.map((one, at) => ({ ...one, density: [0.5, 0.25, 0.8125][at]! }))
const signed = dense.map((one, at) => ({ ...one, weight: [0.7, -0.4, 0.6][at]! }))
const ranged = dense.map((one, at) => ({
  ...one,
  density: [0.5, 0.25, 0.75][at]!,
  epsilon: [0.125, 0.0625, 0.25][at]!,
}))
const crumbs = dense.map((one, at) => ({ ...one, gamma: [0.03125, 0.125, 0.5][at]! }))

const CASES: readonly Case[] = [
  { method: 'linear', base: false, parameters: thirds, options: { normalize: true } },
  {
    method: 'linear',
    base: false,
    parameters: thirds,
    globals: { normalize: false },
    options: { normalize: false },
  },
  { method: 'slerp', models: 1, globals: { t: 0.3 }, options: { t: 0.3 } },
  { method: 'slerp', models: 1, globals: { t: 1 }, options: { t: 1 } },
  { method: 'nuslerp', models: 2, base: false, parameters: thirds.slice(0, 2) },
  { method: 'nuslerp', models: 2, parameters: thirds.slice(0, 2) },
  {
    method: 'nuslerp',
    models: 2,
    parameters: thirds.slice(0, 2),
    globals: { nuslerp_flatten: false },
    options: { flatten: false },
    shapes: [
      [24, 36],
      [40, 1],
      [3, 8, 20],
    ],
  },
  {
    method: 'nuslerp',
    models: 2,
    base: false,
    parameters: thirds.slice(0, 2),
    globals: { nuslerp_flatten: false, nuslerp_row_wise: true },
    options: { flatten: false, rowWise: true },
  },
  { method: 'karcher', base: false, parameters: thirds },
  { method: 'karcher', base: false, globals: { max_iter: 3, tol: 0 }, options: { maxIterations: 3, tol: 0 } },
  { method: 'task_arithmetic', parameters: signed, globals: { lambda: 0.75 }, options: { lambda: 0.75 } },
  {
    method: 'task_arithmetic',
    parameters: thirds,
    globals: { normalize: true },
    options: { normalize: true },
  },
  { method: 'ties', parameters: dense, options: { normalize: true } },
  { method: 'ties', parameters: signed, options: { normalize: true } },
  {
    method: 'ties',
    parameters: dense,
    globals: { normalize: false, lambda: 1.5 },
    options: { normalize: false, lambda: 1.5 },
  },
  { method: 'dare_linear', parameters: dense },
  { method: 'dare_linear', parameters: dense, globals: { rescale: false }, options: { rescale: false } },
  { method: 'dare_ties', parameters: dense },
  { method: 'della_linear', parameters: ranged },
  { method: 'della', parameters: ranged, options: { normalize: true } },
  { method: 'breadcrumbs', parameters: crumbs },
  { method: 'breadcrumbs_ties', parameters: crumbs },
  { method: 'model_stock' },
  {
    method: 'model_stock',
    globals: { filter_wise: true },
    options: { filterWise: true },
    shapes: [
      [24, 36],
      [3, 8, 64],
    ],
  },
  { method: 'sce' },
  { method: 'sce', globals: { select_topk: 0.375 }, options: { selectTopk: 0.375 } },
  { method: 'passthrough', models: 1, base: false, parameters: [{ scale: 0.25 }], options: { scale: 0.25 } },
]

const SHAPES = [[24, 36], [97], [1, 5], [40, 1], [3, 8, 20]]

/** Words of the generator as the oracle wants them; its definition is tested by itself. */
function uniformsOf(models: number, elements: number): number[][] {
  return Array.from({ length: models }, (_, model) => {
    const random = counterRandom(SEED, maskStream(NAME, model))
    return Array.from({ length: elements }, (_, at) => random.word(at) / 2 ** 32)
  })
}

test('every method is compared', () => {
  const compared = new Set(CASES.map(({ method }) => method))
  assert.equal([...compared].sort(), Object.keys(MERGE_METHODS).sort())
})

for (const { method, models = 3, base = true, parameters, globals, options, shapes = SHAPES } of CASES)
  test(`${method} ${JSON.stringify(globals ?? {})} equals the independent implementation`, () => {
    for (const dims of shapes) {
      const elements = dims.reduce((product, size) => product * size, 1)
      const all = relatedTensors({ models, elements, seed: elements })
      const input = mergeInput(MERGE_METHODS[method]!, {
        name: NAME,
        dims,
        tensors: all.tensors,
        base: base ? all.base : null,
        seed: SEED,
        ...(parameters && { parameters }),
        ...(globals && { globals }),
      })
      const merged = MERGE_METHODS[method]!.merge(input)
      const numbers = (key: string) => input.parameters.map((one) => one[key] as number)
      const expected = ORACLE[method]!({
        tensors: all.tensors,
        dims,
        base: base ? all.base : null,
        ...(input.parameters[0]!.weight !== undefined && { weights: numbers('weight') }),
        ...(input.parameters[0]!.density !== undefined && { densities: numbers('density') }),
        options: { ...options, epsilons: numbers('epsilon'), gammas: numbers('gamma') },
        uniforms: uniformsOf(models, elements),
      })
      const scale = Math.sqrt(expected.reduce((sum, value) => sum + value * value, 0) / elements)
      for (const [at, value] of expected.entries())
        assert.ok(
          Math.abs(merged[at]! - value) <= 1e-6 * Math.max(Math.abs(value), scale),
          `${method} [${dims}] element ${at}: ${merged[at]} and ${value}`,
        )
    }
  })

test.run()
