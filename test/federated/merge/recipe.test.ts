import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  parseRecipe,
  type Recipe,
  readRecipeText,
  recipeModels,
} from '../../../node/federated/merge/recipe.ts'
import { renameModels } from '../../../node/federated/merge/rename-models.ts'
import { settingFor } from '../../../node/federated/merge/settings.ts'
import type { JsonObject } from '../../../node/json.ts'
import { throwsCode } from '../../helpers/throws.ts'

const recipeOf = (text: string): Recipe => parseRecipe(readRecipeText(text))

/** Recipes of the kinds that mergekit's users write. */
const GRADIENT_SLERP = `
slices:
  - sources:
      - model: orca
        layer_range: [0, 40]
      - model: wizard
        layer_range: [0, 40]
merge_method: slerp
base_model: orca
parameters:
  t:
    - filter: self_attn
      value: [0, 0.5, 0.3, 0.7, 1]
    - filter: mlp
      value: [1, 0.5, 0.7, 0.3, 0]
    - value: 0.5 # everything else
dtype: float16
`
const TIES = `
models:
  - model: base-13b
  - model: orca
    parameters:
      density: [1, 0.7, 0.1]
      weight: 1.0
  - model: math
    parameters:
      density: 0.33
      weight:
        - filter: mlp
          value: 0.5
        - value: 0
merge_method: ties
base_model: base-13b
parameters:
  normalize: true
dtype: bfloat16
tokenizer_source: union
`
const STACK = `
slices:
  - sources:
      - model: a
        layer_range: [0, 24]
  - sources:
      - model: b
        layer_range: [8, 32]
merge_method: passthrough
dtype: float16
`

test('recipes of mergekit are read', () => {
  const slerp = recipeOf(GRADIENT_SLERP)
  assert.is(slerp.method, 'slerp')
  assert.is(slerp.dtype, 'float16')
  assert.equal(
    slerp.slices[0]!.sources.map(({ layers }) => layers),
    [
      [0, 40],
      [0, 40],
    ],
  )
  const t = slerp.parameters.t!
  assert.is(settingFor(t, 'model.layers.0.self_attn.q_proj.weight', 0.125), 0.25)
  assert.is(settingFor(t, 'model.layers.0.mlp.up_proj.weight', 1), 0)
  assert.is(settingFor(t, 'model.norm.weight', 0.7), 0.5)

  const ties = recipeOf(TIES)
  assert.equal(recipeModels(ties), ['base-13b', 'orca', 'math'])
  assert.is(ties.dtype, 'bfloat16')
  assert.equal(ties.tokenizer, { kind: 'union', model: null, padToMultipleOf: 1, tokens: {} })
  assert.equal(ties.slices[0]!.sources[1]!.parameters.density, [1, 0.7, 0.1])

  assert.equal(recipeModels(recipeOf(STACK)), ['a', 'b'])
})

test('lists are interpolated from the first layer to the last', () => {
  assert.is(settingFor([0, 1], 'x', 0.25), 0.25)
  assert.is(settingFor([4], 'x', 0.6), 4)
  assert.is(settingFor([0, 10, 30], 'x', 0.75), 20)
  assert.is(settingFor([0, 10, 30], 'x', 1), 30)
  assert.is(settingFor([true, false], 'x', 0.9), true)
  assert.is(settingFor([{ filter: 'mlp', value: 3 }], 'attn', 0), undefined)
  assert.is(settingFor([{ filter: '*', value: [1, 2] }], 'attn', 0.5), 1.5)
})

const LINEAR: JsonObject = {
  merge_method: 'linear',
  models: [
    { model: 'a', parameters: { weight: 1 } },
    { model: 'b', parameters: { weight: 2 } },
  ],
}

test('an unknown key is refused with the one that was meant', () => {
  const cases: readonly (readonly [JsonObject, string])[] = [
    [{ ...LINEAR, merge_metod: 'ties' }, 'merge_method'],
    [{ ...LINEAR, base_modell: 'a' }, 'base_model'],
    [{ ...LINEAR, merge_method: 'linar' }, 'linear'],
    [{ ...LINEAR, models: [{ model: 'a', parameter: {} }] }, 'parameters'],
    [{ ...LINEAR, models: [{ model: 'a', parameters: { wieght: 1 } }] }, 'weight'],
    [{ ...LINEAR, dtype: 'bfloat61' }, 'bfloat16'],
  ]
  for (const [recipe, meant] of cases) {
    const error = throwsCode(() => parseRecipe(recipe), 'MERGE_RECIPE_INVALID')
    assert.is(error.fields.suggestion, meant, error.message)
  }
})

test('what cannot be done is refused by name', () => {
  const against = { ...LINEAR, merge_method: 'task_arithmetic' }
  const sliced = (ranges: readonly (readonly number[])[]): JsonObject => ({
    merge_method: 'linear',
    slices: [{ sources: ranges.map((layer_range, at) => ({ model: `m${at}`, layer_range })) }],
  })
  const cases: readonly (readonly [JsonObject, RegExp])[] = [
    [{ ...LINEAR, parameters: { int8_mask: true } }, /int8_mask.*leave it out/],
    [{ ...LINEAR, int8_mask: true }, /leave it out/],
    [{ ...LINEAR, chat_template: 'chatml' }, /can only be auto/],
    [against, /base_model.*missing/],
    [{ ...LINEAR, slices: [] }, /slices/],
    [{ merge_method: 'linear' }, /models/],
    [{ ...LINEAR, parameters: { density: 0.5 } }, /density/],
    [{ ...LINEAR, parameters: { normalize: 1 } }, /true or false/],
    [{ ...against, base_model: 'c', parameters: { lambda: 'much' } }, /lambda/],
    [
      {
        merge_method: 'ties',
        base_model: 'c',
        models: [{ model: 'a', parameters: { weight: 1, density: 1.5 } }],
      },
      /from 0 to 1/,
    ],
    [
      { merge_method: 'slerp', base_model: 'a', models: [{ model: 'b' }, { model: 'c' }] },
      /must be 1 for slerp/,
    ],
    [{ merge_method: 'model_stock', base_model: 'a', models: [{ model: 'b' }] }, /must be 2 to/],
    [
      sliced([
        [0, 2],
        [0, 3],
      ]),
      /different lengths/,
    ],
    [sliced([[2, 2]]), /layer_range/],
    [{ ...LINEAR, random_seed: -1 }, /random_seed/],
    [{ ...LINEAR, tokenizer_source: 'union', tokenizer: { source: 'base' } }, /leave one/],
    [{ ...LINEAR, tokenizer: { source: 'union', tokens: { '<x>': { source: { kind: 'zeros' } } } } }, /zero/],
  ]
  for (const [recipe, pattern] of cases)
    assert.match(throwsCode(() => parseRecipe(recipe), 'MERGE_RECIPE_INVALID').message, pattern)
})

test('a file that is no recipe is refused, and one full of aliases does not fill the memory', () => {
  throwsCode(() => readRecipeText('a: [1,'), 'MERGE_RECIPE_INVALID')
  throwsCode(() => readRecipeText(`a: ${'x'.repeat(300_000)}`), 'MERGE_RECIPE_INVALID')
  throwsCode(() => parseRecipe(readRecipeText('just text')), 'MERGE_RECIPE_INVALID')
  const levels = Array.from({ length: 20 }, (_, at) =>
    at === 0
      ? 'l0: &l0 [x, x]'
      : `l${at}: &l${at} [${Array(9)
          .fill(`*l${at - 1}`)
          .join(', ')}]`,
  )
  throwsCode(() => readRecipeText(levels.join('\n')), 'MERGE_RECIPE_INVALID')
})

test('models are renamed wherever they stand', () => {
  const recipe: JsonObject = {
    merge_method: 'ties',
    base_model: 'a',
    slices: [{ sources: [{ model: 'b', layer_range: [0, 1], parameters: { weight: 1 } }] }],
    tokenizer: {
      source: 'b',
      tokens: { x: { source: 'a' }, y: { source: { kind: 'model_token', model: 'b', token: 'z' } } },
    },
  }
  const renamed = renameModels(recipe, (name) => `cid-${name}`)
  assert.equal(recipeModels(parseRecipe(renamed)), ['cid-a', 'cid-b'])
  assert.equal(
    renameModels(renamed, (name) => name.slice(4)),
    recipe,
  )
  assert.is(renameModels({ ...LINEAR, tokenizer_source: 'union' }, () => 'x').tokenizer_source, 'union')
})

test.run()
