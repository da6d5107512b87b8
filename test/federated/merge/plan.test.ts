import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { layerOf, layersOf, nameInLayer } from '../../../node/federated/merge/layer-names.ts'
import { type ModelShape, planMerge } from '../../../node/federated/merge/plan.ts'
import { parseRecipe } from '../../../node/federated/merge/recipe.ts'
import { createTensorCache } from '../../../node/federated/merge/tensor-cache.ts'
import type { JsonObject } from '../../../node/json.ts'
import { throwsCode } from '../../helpers/throws.ts'

function shape(layers: number, more: { tied?: boolean; width?: number } = {}): ModelShape {
  const { tied = true, width = 4 } = more
  const names = [
    'model.embed_tokens.weight',
    'model.norm.weight',
    ...(tied ? [] : ['lm_head.weight']),
    ...Array.from({ length: layers }, (_, layer) => [
      `model.layers.${layer}.self_attn.q_proj.weight`,
      `model.layers.${layer}.mlp.up_proj.weight`,
    ]).flat(),
  ]
  const tensors = names.map((name) => ({
    name,
    shape: [width, width],
    elements: width ** 2,
    dtype: 'float32' as const,
  }))
  return {
    kind: 'safetensors',
    config: { tie_word_embeddings: tied },
    tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])),
  }
}

const plan = (recipe: JsonObject, models: Record<string, ModelShape>) =>
  planMerge(parseRecipe(recipe), new Map(Object.entries(models)))

const MODELS = { base: shape(3), a: shape(3), b: shape(3) }

test('parameters: of the source, then of the slice, then of the recipe, then the default', () => {
  const { tensors } = plan(
    {
      merge_method: 'ties',
      base_model: 'base',
      slices: [
        {
          sources: [
            { model: 'base', layer_range: [0, 3] },
            {
              model: 'a',
              layer_range: [0, 3],
              parameters: { weight: [0, 1], density: [{ filter: 'mlp', value: 0.25 }] },
            },
            { model: 'b', layer_range: [0, 3] },
          ],
          parameters: { weight: 3, lambda: [2, 4] },
        },
      ],
      parameters: { weight: 9, density: 0.75, normalize: false },
    },
    MODELS,
  )
  const at = (name: string) => tensors.find((tensor) => tensor.name === name)!
  const middle = at('model.layers.1.mlp.up_proj.weight')
  assert.equal(middle.parameters, [
    { weight: 0.5, density: 0.25 },
    { weight: 3, density: 0.75 },
  ])
  assert.equal(middle.globals, { normalize: false, lambda: 3 })
  assert.is(at('model.layers.2.self_attn.q_proj.weight').parameters[0]!.density, 0.75, 'no condition holds')
  assert.is(at('model.embed_tokens.weight').parameters[0]!.weight, 0, 'before the first layer')
  assert.is(at('model.norm.weight').parameters[0]!.weight, 1, 'behind the last')
  assert.equal(at('model.norm.weight').base, { model: 'base', tensor: 'model.norm.weight' })
})

test('a parameter without a value and without a default is named', () => {
  const recipe = {
    merge_method: 'linear',
    models: [{ model: 'a', parameters: { weight: [{ filter: 'mlp', value: 1 }] } }],
  }
  const error = throwsCode(() => plan(recipe, MODELS), 'MERGE_RECIPE_INVALID')
  assert.match(error.message, /weight.*no value for the tensor/)
})

test('layers are counted on from slice to slice, whatever their numbers were', () => {
  const slices = [
    { sources: [{ model: 'a', layer_range: [1, 3] }] },
    { sources: [{ model: 'b', layer_range: [0, 2] }] },
  ]
  const made = plan({ merge_method: 'passthrough', slices }, MODELS)
  assert.is(made.layers, 4)
  assert.is(made.template, 'a')
  const from = (layer: number) =>
    made.tensors.find(({ name }) => name === `model.layers.${layer}.mlp.up_proj.weight`)!.inputs[0]
  assert.equal(
    [0, 1, 2, 3].map(from),
    ['a.1', 'a.2', 'b.0', 'b.1'].map((place) => ({
      model: place[0]!,
      tensor: `model.layers.${place[2]}.mlp.up_proj.weight`,
    })),
  )
  assert.is(plan({ merge_method: 'passthrough', models: [{ model: 'a' }] }, MODELS).layers, null)
})

test('a base outside the slice has the layers of its first source', () => {
  const slices = [{ sources: [{ model: 'a', layer_range: [2, 3], parameters: { weight: 1 } }] }]
  const made = plan({ merge_method: 'task_arithmetic', base_model: 'base', slices }, MODELS)
  const [tensor] = made.tensors.filter(({ name }) => name.endsWith('up_proj.weight'))
  assert.is(tensor!.name, 'model.layers.0.mlp.up_proj.weight')
  assert.equal(tensor!.base, { model: 'base', tensor: 'model.layers.2.mlp.up_proj.weight' })
})

test('a base that is merely listed counts for linear, and not against the base', () => {
  const models = ['base', 'a'].map((model) => ({ model, parameters: { weight: 1 } }))
  const inputs = (recipe: JsonObject) => plan(recipe, MODELS).tensors[0]!.inputs.map(({ model }) => model)
  assert.equal(inputs({ merge_method: 'linear', base_model: 'base', models }), ['base', 'a'])
  assert.equal(inputs({ merge_method: 'task_arithmetic', base_model: 'base', models }), ['a'])
})

test('shapes and tensors that do not fit are named with their model', () => {
  const recipe = {
    merge_method: 'linear',
    models: ['a', 'b'].map((model) => ({ model, parameters: { weight: 1 } })),
  }
  const wide = throwsCode(
    () => plan(recipe, { a: shape(2), b: shape(2, { width: 8 }) }),
    'MERGE_SHAPE_MISMATCH',
  )
  assert.is(wide.fields.model, 'b')
  const short = throwsCode(() => plan(recipe, { a: shape(3), b: shape(2) }), 'MERGE_TENSOR_MISSING')
  assert.equal(short.fields, { model: 'b', tensor: 'model.layers.2.self_attn.q_proj.weight' })
  const own = throwsCode(
    () => plan(recipe, { a: shape(2, { tied: false }), b: { ...shape(2), config: null } }),
    'MERGE_TENSOR_MISSING',
  )
  assert.equal(own.fields, { model: 'b', tensor: 'lm_head.weight' })
})

test('layers are told by the names of every family', () => {
  for (const name of [
    'model.layers.7.mlp.up_proj.weight',
    'h.7.ln_1.bias',
    'transformer.h.7.attn.c_attn.weight',
    'bert.encoder.layer.7.output.dense.weight',
  ]) {
    const found = layerOf(name)!
    assert.is(found.layer, 7)
    assert.is(nameInLayer(found, 7), name)
    assert.is(nameInLayer(found, 12), name.replace('.7.', '.12.').replace(/^h\.7/, 'h.12'))
  }
  for (const name of ['model.norm.weight', 'wte.weight', 'layers.weight', 'graph.3.weight'])
    assert.is(layerOf(name), null)
  assert.is(layersOf(['model.layers.0.a', 'model.layers.3.a', 'b']), 4)
})

test('the cache holds what was used last, and nothing that is too large for it', () => {
  const cache = createTensorCache({ maxBytes: 100 })
  let reads = 0
  const get = (key: string, elements: number) =>
    cache.get(key, () => {
      reads++
      return new Float32Array(elements)
    })
  get('a', 10)
  get('b', 10)
  get('a', 10)
  assert.is(reads, 2)
  get('c', 12)
  assert.is(cache.sizeBytes, 88, 'b went')
  get('a', 10)
  assert.is(reads, 3)
  get('b', 10)
  assert.is(reads, 4)
  get('large', 13)
  assert.is(cache.sizeBytes, 80)
  cache.clear()
  assert.is(cache.sizeBytes, 0)
})

test.run()
