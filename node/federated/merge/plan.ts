/**
 * From a recipe and the shapes of the models to what every output tensor is made of. Pure: the same recipe and models give the same plan, on
 * every machine and however the work is shared.
 */
import { VillageError } from '../../errors.ts'
import { isBeforeLayers, isByToken, layerOf, layersOf, nameInLayer } from './layer-names.ts'
import type { MergeMethod, ParameterSpec, Parameters, ParameterValue } from './methods/method.ts'
import { methodNamed } from './methods/table.ts'
import { mergedSources, type Recipe, type RecipeSlice, type RecipeSource } from './recipe.ts'
import { invalidRecipe } from './recipe-fields.ts'
import { type Settings, settingFor } from './settings.ts'
import type { TensorSource } from './tensor-source.ts'

/** What the plan needs of a model. */
export type ModelShape = Pick<TensorSource, 'tensors' | 'config' | 'kind'>

export interface TensorRef {
  /** As the recipe names it. */
  readonly model: string
  readonly tensor: string
}

export interface PlannedTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly inputs: readonly TensorRef[]
  readonly base: TensorRef | null
  /** By input. */
  readonly parameters: readonly Parameters[]
  readonly globals: Parameters
  /** Its rows are tokens, and are put in the order of the output's tokenizer before they are merged. */
  readonly byToken: boolean
}

export interface MergePlan {
  readonly method: MergeMethod
  readonly seed: number
  readonly tensors: readonly PlannedTensor[]
  /** The model whose graph, configuration and files the output takes over. */
  readonly template: string
  /** Of the output; null where they are those of the template. */
  readonly layers: number | null
}

const HEAD = 'lm_head.weight'

interface Place {
  readonly slice: RecipeSlice
  /** 0 in the first layer of a slice, 1 in the last. */
  readonly t: number
  /** Which layer of the slice; null outside the layers. */
  readonly offset: number | null
}

const noLayer = (model: string, layer: number, layers: number): VillageError =>
  new VillageError(
    'MERGE_TENSOR_MISSING',
    `The model "${model}" has no layer ${layer}: its layers are 0 to ${layers - 1}`,
    { fields: { model } },
  )

function missing(model: string, tensor: string): VillageError {
  return new VillageError('MERGE_TENSOR_MISSING', `The model "${model}" has no tensor "${tensor}"`, {
    fields: { model, tensor },
  })
}

function lookUp(
  name: string,
  spec: ParameterSpec,
  layers: readonly (Settings | undefined)[],
  tensor: string,
  t: number,
): ParameterValue {
  for (const settings of layers) {
    const setting = settings !== undefined && Object.hasOwn(settings, name) ? settings[name] : undefined
    const value = setting === undefined ? undefined : settingFor(setting, tensor, t)
    if (value !== undefined) return value
  }
  if (spec.absent !== null) return spec.absent
  throw invalidRecipe(name, `has no default, and the recipe gives no value for the tensor "${tensor}"`)
}

const resolve = (
  specs: Readonly<Record<string, ParameterSpec>>,
  layers: readonly (Settings | undefined)[],
  tensor: string,
  t: number,
): Parameters =>
  Object.fromEntries(Object.entries(specs).map(([key, spec]) => [key, lookUp(key, spec, layers, tensor, t)]))

const ties = ({ config }: ModelShape): boolean => config?.tie_word_embeddings === true
const sameShape = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((size, axis) => size === b[axis])

/** Throws MERGE_TENSOR_MISSING, MERGE_SHAPE_MISMATCH and MERGE_RECIPE_INVALID, each naming model and tensor or key. */
export function planMerge(recipe: Recipe, models: ReadonlyMap<string, ModelShape>): MergePlan {
  const method = methodNamed(recipe.method)!
  const shapeOf = (model: string): ModelShape => models.get(model)!
  const template = recipe.base ?? recipe.slices[0]!.sources[0]!.model
  const isSliced = recipe.slices[0]!.sources[0]!.layers !== null
  const isUnified = recipe.tokenizer !== null

  function refIn(model: string, tensor: string): TensorRef {
    const { tensors } = shapeOf(model)
    if (tensors.has(tensor)) return { model, tensor }
    // A tied head is stored once, as the embedding.
    const embedding = [...tensors.keys()].find((name) => isByToken(name) && name !== HEAD)
    if (tensor === HEAD && ties(shapeOf(model)) && embedding !== undefined)
      return { model, tensor: embedding }
    throw missing(model, tensor)
  }

  /** The same tensor in a source, whose layers may have other numbers. */
  function refOf(source: RecipeSource, tensor: string, offset: number | null): TensorRef {
    const layer = offset === null ? null : layerOf(tensor)
    const name = layer === null ? tensor : nameInLayer(layer, (source.layers?.[0] ?? 0) + offset!)
    return refIn(source.model, name)
  }

  function baseRef(slice: RecipeSlice, tensor: string, offset: number | null): TensorRef | null {
    if (recipe.base === null || method.base === 'none') return null
    const listed = slice.sources.find(({ model }) => model === recipe.base)
    // A base that is not in the slice has the layers of its first source: models of one family, one beside another.
    const source = listed ?? { ...slice.sources[0]!, model: recipe.base }
    return refOf(source, tensor, offset)
  }

  function checkShapes(name: string, refs: readonly TensorRef[], byToken: boolean): readonly number[] {
    const shapes = refs.map(({ model, tensor }) => shapeOf(model).tensors.get(tensor)!.shape)
    const wrong = shapes.findIndex(
      (shape) => !sameShape(byToken ? shape.slice(1) : shape, shapes[0]!.slice(byToken ? 1 : 0)),
    )
    if (wrong < 0) return shapes[0]!
    const [first, other] = [refs[0]!, refs[wrong]!]
    const text = (index: number) => `[${shapes[index]!.join(', ')}]`
    throw new VillageError(
      'MERGE_SHAPE_MISMATCH',
      `The tensor "${name}" is ${text(0)} in "${first.model}" and ${text(wrong)} in "${other.model}"${
        isByToken(name) ? '; with tokenizer_source: union their tokens are put together' : ''
      }`,
      { fields: { tensor: name, model: other.model } },
    )
  }

  function planTensor(name: string, tensor: string, { slice, t, offset }: Place): PlannedTensor {
    const sources = mergedSources(recipe, slice)
    const inputs = sources.map((source) => refOf(source, tensor, offset))
    const base = baseRef(slice, tensor, offset)
    const byToken = isUnified && isByToken(name)
    const shape = checkShapes(name, base === null ? inputs : [base, ...inputs], byToken)
    const shared = [slice.parameters, recipe.parameters]
    return {
      name,
      shape,
      inputs,
      base,
      parameters: sources.map((source) => resolve(method.byModel, [source.parameters, ...shared], name, t)),
      globals: resolve(method.global, shared, name, t),
      byToken,
    }
  }

  /** Names outside the layers, of the first source of the first slice. */
  function outside(): PlannedTensor[] {
    const first = recipe.slices[0]!
    const last = recipe.slices.at(-1)!
    const { tensors } = shapeOf(first.sources[0]!.model)
    const isTied = ties(shapeOf(template))
    return [...tensors.keys()]
      .filter((name) => layerOf(name) === null && !(name === HEAD && isTied))
      .map((name) =>
        planTensor(
          name,
          name,
          isBeforeLayers(name) ? { slice: first, t: 0, offset: null } : { slice: last, t: 1, offset: null },
        ),
      )
  }

  function inside(): PlannedTensor[] {
    const planned: PlannedTensor[] = []
    let out = 0
    for (const slice of recipe.slices) {
      const lead = slice.sources[0]!
      const names = [...shapeOf(lead.model).tensors.keys()]
      const [from, end] = lead.layers ?? [0, layersOf(names)]
      for (let offset = 0; offset < end - from; offset++, out++) {
        const t = end - from === 1 ? 1 : offset / (end - from - 1)
        const inLayer = names.filter((name) => layerOf(name)?.layer === from + offset)
        if (inLayer.length === 0) throw noLayer(lead.model, from + offset, layersOf(names))
        for (const tensor of inLayer)
          planned.push(planTensor(nameInLayer(layerOf(tensor)!, out), tensor, { slice, t, offset }))
      }
    }
    return planned
  }

  /** Whole models have to have the same tensors: what only one of them has would be lost without a word. */
  function checkSame(planned: readonly PlannedTensor[]): void {
    if (isSliced) return
    const names = new Set(planned.map(({ name }) => name))
    const lead = recipe.slices[0]!.sources[0]!.model
    for (const { model } of recipe.slices[0]!.sources)
      for (const name of shapeOf(model).tensors.keys())
        if (!names.has(name) && name !== HEAD) throw missing(lead, name)
  }

  const tensors = [...outside(), ...inside()]
  checkSame(tensors)
  const layers = layersOf(tensors.map(({ name }) => name))
  const before = layersOf(shapeOf(template).tensors.keys())
  return { method, seed: recipe.seed, tensors, template, layers: layers === before ? null : layers }
}
