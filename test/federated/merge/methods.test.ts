import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { counterRandom } from '../../../node/compute/training/philox.ts'
import { arcCosine, sineCosine } from '../../../node/federated/merge/angles.ts'
import { fillWords } from '../../../node/federated/merge/keep-words.ts'
import type { MergeMethod, Parameters } from '../../../node/federated/merge/methods/method.ts'
import { MERGE_METHODS } from '../../../node/federated/merge/methods/table.ts'
import { countOf, keepRanks } from '../../../node/federated/merge/rank-magnitude.ts'
import { createRowRanks } from '../../../node/federated/merge/rank-rows.ts'
import { mergeInput, relatedTensors } from '../../helpers/merge-inputs.ts'
import { throwsCode } from '../../helpers/throws.ts'

const NAME = 'model.layers.0.mlp.down_proj.weight'
const DIMS = [32, 48]
const ELEMENTS = 32 * 48
const SETTINGS: Parameters = { weight: 0.5, density: 0.625, epsilon: 0.125, gamma: 0.0625, scale: 0.5 }
const GLOBALS: Parameters = { t: 0.375, select_topk: 0.5 }
const ROWS = Object.values(MERGE_METHODS)

function known(method: MergeMethod, values: Parameters, specs: 'byModel' | 'global'): Parameters {
  return Object.fromEntries(Object.entries(values).filter(([key]) => Object.hasOwn(method[specs], key)))
}

/** As many models as the method takes, at most three. */
function run(
  method: MergeMethod,
  init: { seed?: number; tensors?: Float32Array[]; base?: Float32Array } = {},
) {
  const related = relatedTensors({ models: 3, elements: ELEMENTS, seed: 5 })
  const tensors = (init.tensors ?? related.tensors).slice(0, method.models.max)
  return method.merge(
    mergeInput(method, {
      name: NAME,
      dims: DIMS,
      tensors,
      base: method.base === 'none' ? null : (init.base ?? related.base),
      parameters: tensors.map(() => known(method, SETTINGS, 'byModel')),
      globals: known(method, GLOBALS, 'global'),
      seed: init.seed ?? 3,
    }),
  )
}

const hashOf = ({ buffer, byteOffset, byteLength }: Float32Array): string =>
  createHash('sha256')
    .update(new Uint8Array(buffer, byteOffset, byteLength))
    .digest('hex')
    .slice(0, 16)

/** Bits of every method: they may change only together with the version of recipes, for old merges are replayed with them. */
const BITS: Readonly<Record<string, string>> = {
  linear: 'c52fca01b232852e',
  slerp: '6581291d79ee6c74',
  nuslerp: 'e612c1325efc5f99',
  karcher: '34b1f9bb7794d8ff',
  task_arithmetic: '0ba447dd09e140a0',
  ties: 'a355f3e4364abf6d',
  dare_linear: 'ff5066d67b17b4ff',
  dare_ties: '51a64a1eeab1955c',
  della_linear: 'ef13c805ae4dc9b1',
  della: '9677f28f101f7e18',
  breadcrumbs: '219c3641a8240faf',
  breadcrumbs_ties: '9fbef0d5516e4e98',
  model_stock: '5c24c208f77e95d5',
  sce: '1e4ecdb419ad54c7',
  passthrough: 'cae2e05f88909241',
}

for (const method of ROWS) {
  test(`${method.name} gives the same bits again, and those it always gave`, () => {
    const first = hashOf(run(method))
    assert.is(hashOf(run(method)), first)
    assert.is(first, BITS[method.name])
  })

  test(`${method.name} writes to none of its inputs`, () => {
    const { base, tensors } = relatedTensors({ models: 3, elements: ELEMENTS, seed: 5 })
    const before = [base, ...tensors].map(hashOf)
    run(method, { base, tensors })
    assert.equal([base, ...tensors].map(hashOf), before)
  })

  test(`${method.name} states what it needs`, () => {
    assert.ok(method.source.length > 10 && method.title.length > 0)
    for (const spec of [...Object.values(method.byModel), ...Object.values(method.global)])
      assert.ok(spec.doc.endsWith('.'), spec.doc)
  })
}

test('only random methods depend on the seed', () => {
  const random = ROWS.filter((method) => hashOf(run(method, { seed: 4 })) !== hashOf(run(method)))
  const names = random.map(({ name }) => name).sort()
  assert.equal(names, ['dare_linear', 'dare_ties', 'della', 'della_linear'])
})

test('models that are all the base give the base', () => {
  const { base } = relatedTensors({ models: 1, elements: ELEMENTS, seed: 8 })
  const same = [base, base, base]
  for (const method of ROWS) {
    if (method.name === 'passthrough' || method.name === 'karcher') continue
    const merged = run(method, { base, tensors: same })
    for (const [at, value] of base.entries())
      assert.ok(Math.abs(merged[at]! - value) <= 2e-7 * Math.abs(value), `${method.name} at ${at}`)
  }
})

test('nuslerp without a base is slerp', () => {
  const { base, tensors } = relatedTensors({ models: 1, elements: ELEMENTS, seed: 2 })
  const [other] = tensors
  const { slerp, nuslerp } = MERGE_METHODS
  const globals = { t: 0.25 }
  const arc = slerp!.merge(mergeInput(slerp!, { name: NAME, dims: DIMS, tensors: [other!], base, globals }))
  const parameters = [{ weight: 3 }, { weight: 1 }]
  const same = mergeInput(nuslerp!, {
    name: NAME,
    dims: DIMS,
    tensors: [base, other!],
    base: null,
    parameters,
  })
  const merged = nuslerp!.merge(same)
  for (const [at, value] of arc.entries()) assert.ok(Math.abs(merged[at]! - value) < 1e-8)
  const none = [{ weight: 1 }, { weight: -1 }]
  const input = mergeInput(nuslerp!, {
    name: NAME,
    dims: DIMS,
    tensors: [base, other!],
    base: null,
    parameters: none,
  })
  throwsCode(() => nuslerp!.merge(input), 'MERGE_RECIPE_INVALID')
})

test('model_stock stays at the base where task vectors point apart', () => {
  const base = new Float32Array([1, 2, 3, 4])
  const away = base.map((value, at) => value + (at % 2 === 0 ? 1 : -1))
  const back = base.map((value, at) => value - (at % 2 === 0 ? 1 : -1))
  const method = MERGE_METHODS.model_stock!
  assert.equal(method.merge(mergeInput(method, { name: NAME, dims: [4], tensors: [away, back], base })), base)
})

test('DARE keeps about its density and divides by it, not by the share that stayed', () => {
  const base = new Float32Array(40_000)
  const moved = base.map(() => 1)
  const method = MERGE_METHODS.dare_linear!
  const parameters = [{ weight: 1, density: 0.25 }]
  const merged = method.merge(
    mergeInput(method, { name: NAME, dims: [200, 200], tensors: [moved], base, parameters }),
  )
  const kept = merged.filter((value) => value !== 0)
  assert.ok(kept.every((value) => value === 4))
  // Five standard deviations.
  assert.ok(Math.abs(kept.length / base.length - 0.25) < 0.011)
})

test('at the ends of the density everything goes, or everything stays', () => {
  const { base, tensors } = relatedTensors({ models: 2, elements: 60, seed: 4 })
  const at = (name: string, density: number) => {
    const method = MERGE_METHODS[name]!
    const parameters = tensors.map(() => ({ weight: 1, density }))
    return method.merge(mergeInput(method, { name: NAME, dims: [6, 10], tensors, base, parameters }))
  }
  const all = at('task_arithmetic', 1)
  for (const name of ['dare_linear', 'della_linear', 'breadcrumbs']) {
    const whole = at(name, 1)
    for (const [i, value] of all.entries()) assert.ok(Math.abs(whole[i]! - value) < 1e-7, `${name} ${i}`)
  }
  for (const name of ['dare_linear', 'dare_ties', 'ties', 'breadcrumbs', 'breadcrumbs_ties'])
    assert.equal(at(name, 0), base, name)
})

test('DELLA refuses a range of probabilities that leaves 0 to 1', () => {
  const method = MERGE_METHODS.della!
  const { base, tensors } = relatedTensors({ models: 1, elements: 8, seed: 1 })
  const parameters = [{ weight: 1, density: 0.1, epsilon: 0.2 }]
  const input = mergeInput(method, { name: NAME, dims: [2, 4], tensors, base, parameters })
  throwsCode(() => method.merge(input), 'MERGE_RECIPE_INVALID')
})

test('keepRanks keeps what a stable sort by magnitude would', () => {
  const value = fc.oneof(fc.float({ noNaN: true }), fc.constantFrom(0, -0, 1, -1, 2))
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 60 }), fc.nat(60), fc.nat(60), (list, a, b) => {
      const [from, end] = [Math.min(a, b, list.length), Math.min(Math.max(a, b), list.length)]
      const values = Float32Array.from(list)
      const order = [...values.keys()].sort((x, y) => Math.abs(values[x]!) - Math.abs(values[y]!) || x - y)
      const expected = new Float32Array(values.length)
      for (const at of order.slice(from, end)) expected[at] = values[at]!
      keepRanks(values, from, end)
      // Zeros have no sign that would matter.
      assert.equal(
        [...values].map((one) => one + 0),
        [...expected].map((one) => one + 0),
      )
    }),
  )
})

test('ranks within rows are those of a stable sort by magnitude', () => {
  const value = fc.oneof(fc.float({ noNaN: true }), fc.constantFrom(0, -0, 1, -1, 2))
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.array(value, { maxLength: 400 }), (columns, list) => {
      const values = Float32Array.from(list.slice(0, list.length - (list.length % columns)))
      const words = new Uint32Array(values.buffer)
      const { batch, ranksOf } = createRowRanks(columns)
      assert.is(batch % columns, 0)
      for (let start = 0; start < words.length; start += batch) {
        const count = Math.min(batch, words.length - start)
        const ranks = ranksOf(words, start, count)
        for (let row = start; row < start + count; row += columns) {
          const order = Array.from({ length: columns }, (_, at) => row + at)
          order.sort((x, y) => Math.abs(values[x]!) - Math.abs(values[y]!) || x - y)
          for (const [rank, at] of order.entries()) assert.is(ranks[at - start], rank)
        }
      }
    }),
  )
})

test('a mean by weights that cancel out is refused, a sum is not', () => {
  const method = MERGE_METHODS.linear!
  const { tensors } = relatedTensors({ models: 2, elements: 8, seed: 1 })
  const parameters = [{ weight: 1 }, { weight: -1 }]
  const init = { name: NAME, dims: [2, 4], tensors, base: null, parameters }
  const mean = mergeInput(method, { ...init, globals: { normalize: true } })
  assert.match(throwsCode(() => method.merge(mean), 'MERGE_RECIPE_INVALID').message, /adds up to 0/)
  const sum = method.merge(mergeInput(method, { ...init, globals: { normalize: false } }))
  assert.is(sum[3], Math.fround(tensors[0]![3]! - tensors[1]![3]!))
})

test('a share is counted without the errors of its product', () => {
  assert.is(countOf(0.29, 100), 29)
  assert.is(countOf(0.3, 10), 3)
  assert.is(countOf(0.299, 10), 2)
  assert.is(countOf(1, 7), 7)
  assert.is(countOf(0, 7), 0)
})

test('words in bulk are the words of the counter-based generator', () => {
  const max = Number.MAX_SAFE_INTEGER
  fc.assert(
    fc.property(fc.nat(max), fc.nat(max), fc.nat(2 ** 30), (seed, stream, block) => {
      const words = new Uint32Array(12)
      fillWords(seed, stream, block, words)
      const random = counterRandom(seed, stream)
      assert.equal(
        [...words],
        Array.from({ length: 12 }, (_, at) => random.word(4 * block + at)),
      )
    }),
  )
})

test('sines and angles are those of the language to the last digits', () => {
  fc.assert(
    fc.property(fc.double({ min: -20, max: 20, noNaN: true }), (angle) => {
      const { sine, cosine } = sineCosine(angle)
      assert.ok(Math.abs(sine - Math.sin(angle)) < 4e-15 && Math.abs(cosine - Math.cos(angle)) < 4e-15)
    }),
  )
  fc.assert(
    fc.property(fc.double({ min: -1, max: 1, noNaN: true }), (cosine) => {
      assert.ok(Math.abs(arcCosine(cosine) - Math.acos(cosine)) <= 2e-15 * Math.max(1, Math.acos(cosine)))
    }),
  )
  assert.is(arcCosine(1 + 1e-12), 0)
  assert.is(arcCosine(-2), Math.PI)
})

test.run()
