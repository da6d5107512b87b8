/** The models of a recipe, opened together, and what follows from all of them: the plan, the type of the output, what its card says. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { aboutModel } from '../../compute/models/import/about-model.ts'
import { readAnyCard } from '../../compute/models/model-card.ts'
import { CARD_FILE } from '../../compute/models/model-files.ts'
import { VillageError } from '../../errors.ts'
import type { MergeAbout } from './merge-files.ts'
import type { ReadTensor } from './merge-tensor.ts'
import { type MergePlan, type PlannedTensor, planMerge, type TensorRef } from './plan.ts'
import { type FloatName, type Recipe, recipeModels } from './recipe.ts'
import type { TensorCache } from './tensor-cache.ts'
import { openTensorSource, type TensorSource } from './tensor-source.ts'
import { alignTokens, checkSameTokens, type TokenizerOfMerge } from './token-alignment.ts'
import { alignedReader } from './token-rows.ts'

export interface MergeModel {
  /** As the recipe names it. */
  readonly name: string
  readonly directory: string
  /** Null for a directory that is no artifact: it may change, and is never kept in memory. */
  readonly cid: string | null
}

export interface MergeSources extends Disposable {
  readonly recipe: Recipe
  readonly plan: MergePlan
  readonly models: readonly MergeModel[]
  source(model: string): TensorSource
  /** How the tensors of a planned one are read: as their models store them, or with their rows in the order of the output's tokens. */
  reader(tensor: PlannedTensor): ReadTensor
  /** Null where the tokenizer of the template stays, and is that of all. */
  readonly tokenizer: TokenizerOfMerge | null
  readonly dtype: FloatName
  about(): MergeAbout
}

const MAX_TITLE = 200

/** Throws INVALID_ARGUMENT for a model that is missing, and what readers and the plan throw. */
export function openMergeSources(
  recipe: Recipe,
  models: readonly MergeModel[],
  cache: TensorCache | null,
): MergeSources {
  const byName = new Map(models.map((model) => [model.name, model]))
  const sources = new Map<string, TensorSource>()
  const close = () => {
    for (const source of new Set(sources.values())) source[Symbol.dispose]()
  }
  try {
    for (const name of recipeModels(recipe)) {
      const model = byName.get(name)
      if (model === undefined)
        throw new VillageError('INVALID_ARGUMENT', `No directory was given for the model "${name}"`, {
          fields: { argument: 'models' },
        })
      sources.set(name, openTensorSource(model.directory))
    }
    const planned = planMerge(recipe, sources)
    const used = [...sources.keys()]
    const tokenizer = tokenizerOf(recipe, sources, planned)
    const plan = tokenizer === null ? planned : withRows(planned, tokenizer.alignment.rows)
    const first = sources.get(plan.template)!
    const read = ({ model, tensor }: TensorRef): Float32Array => {
      const { cid } = byName.get(model)!
      const values = () => sources.get(model)!.read(tensor)
      return cid === null || cache === null ? values() : cache.get(`${cid} ${tensor}`, values)
    }
    return {
      recipe,
      plan,
      models: used.map((name) => byName.get(name)!),
      source: (model) => sources.get(model)!,
      reader(tensor) {
        if (!tensor.byToken || tokenizer === null) return read
        return alignedReader(tensor, tokenizer.alignment, tensor.shape[1]!, read)
      },
      tokenizer,
      dtype: recipe.dtype ?? storedType(first),
      about: () =>
        aboutMerge(
          recipe,
          used.map((name) => sources.get(name)!.directory),
        ),
      [Symbol.dispose]: close,
    }
  } catch (error) {
    close()
    throw error
  }
}

function tokenizerOf(
  recipe: Recipe,
  sources: ReadonlyMap<string, TensorSource>,
  { template }: MergePlan,
): TokenizerOfMerge | null {
  if (recipe.tokenizer !== null) return alignTokens(recipe, recipe.tokenizer, sources, template)
  checkSameTokens([...sources].map(([name, { directory }]) => [name, directory]))
  return null
}

const withRows = (plan: MergePlan, rows: number): MergePlan => ({
  ...plan,
  tensors: plan.tensors.map((tensor) =>
    tensor.byToken ? { ...tensor, shape: [rows, ...tensor.shape.slice(1)] } : tensor,
  ),
})

/** The type of most of its weights: a few tensors of another type are usual. */
function storedType({ tensors }: TensorSource): FloatName {
  const counts = new Map<FloatName, number>()
  for (const { dtype, elements } of tensors.values()) counts.set(dtype, (counts.get(dtype) ?? 0) + elements)
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 'float32'
}

const said = (directory: string): { title: string; licence: string } =>
  existsSync(path.join(directory, CARD_FILE))
    ? readAnyCard(directory)
    : aboutModel(directory, path.basename(directory))

/** A function of the recipe and of the files of its models alone, so that the same merge gives the same bytes. */
function aboutMerge({ method }: Recipe, directories: readonly string[]): MergeAbout {
  const cards = directories.map(said)
  const licences = [...new Set(cards.map(({ licence }) => licence))]
  const titles = [...new Set(cards.map(({ title }) => title))]
  return {
    name: `merge-${method.replaceAll('_', '-')}`,
    title: `Merge by ${method} of ${titles.join('; ')}`.slice(0, MAX_TITLE),
    licence: licences.join(' and ').slice(0, MAX_TITLE),
    source: `merged by ${method}`,
  }
}
