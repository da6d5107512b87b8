/** Parameters of a `merge` job, and how the names of a recipe become models of this node. */
import { stat } from 'node:fs/promises'
import path from 'node:path'
import type { JobContext } from '../../compute/jobs/job.ts'
import { checkModelId } from '../../compute/models/model-ids.ts'
import { invalid, readParams } from '../../compute/tasks/read-params.ts'
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject } from '../../json.ts'
import { parseRecipe, recipeModels } from './recipe.ts'

/** What a name in a recipe stands for. */
export interface SettledModel extends JsonObject {
  /** Null for a directory that is no model of this node. */
  readonly cid: string | null
  readonly directory: string | null
  /** Id here, for people. */
  readonly id: string | null
}

export interface MergeParams extends JsonObject {
  /** In the keys of the recipe file; empty for a replay until the job is settled. */
  readonly recipe: JsonObject
  /** Id of the result; null makes one of base or first model and method. */
  readonly id: string | null
  /** A merged model that is made again and compared, or null. */
  readonly replay: string | null
  /** CID that a replay has to give. */
  readonly expected: string | null
  /** By the name in the recipe; empty until the job is settled. */
  readonly models: Readonly<Record<string, SettledModel>>
  /** Weights of a task. */
  readonly sliceElements: number
}

/** 64 MiB of float32. */
const SLICE_ELEMENTS = 2 ** 24
const MAX_SLICE_ELEMENTS = 2 ** 26
const MAX_NAME = 1_000

function readModels(given: JsonObject): Record<string, SettledModel> {
  return Object.fromEntries(
    Object.entries(given).map(([name, value]): [string, SettledModel] => {
      const reader = readParams(value)
      const cid = reader.optionalText('cid', 128)
      const directory = reader.optionalText('directory', 4_096)
      const id = reader.optionalText('id', 64)
      reader.end()
      if ((cid === null) === (directory === null)) throw invalid('models', 'a CID or a directory each')
      return [name, { cid, directory, id }]
    }),
  )
}

/** Throws INVALID_ARGUMENT and MERGE_RECIPE_INVALID. */
export function parseMergeParams(input: unknown): MergeParams {
  const reader = readParams(input)
  const recipe = reader.object('recipe')
  const id = reader.optionalText('id', 64)
  if (id !== null) checkModelId(id)
  const replay = reader.optionalText('replay', 128)
  const expected = reader.optionalText('expected', 128)
  const models = readModels(reader.object('models'))
  const sliceElements = reader.integer('sliceElements', 1, MAX_SLICE_ELEMENTS, SLICE_ELEMENTS)
  reader.end()
  const isEmpty = Object.keys(recipe).length === 0
  if (replay !== null && id !== null) throw invalid('id', 'left out: a replay gives the same model again')
  if (isEmpty && replay === null) throw invalid('recipe', 'a merge recipe')
  if (!isEmpty) parseRecipe(recipe)
  return { recipe, id, replay, expected, models, sliceElements }
}

async function settleModel(name: string, context: JobContext): Promise<SettledModel> {
  if (path.isAbsolute(name)) {
    const stats = await stat(name).catch((error: NodeJS.ErrnoException) => {
      throw new VillageError('FILE_UNREADABLE', `${name} cannot be read (${error.code})`, { cause: error })
    })
    if (!stats.isDirectory()) throw new VillageError('FILE_UNREADABLE', `${name} is no directory`)
    return { cid: null, directory: name, id: null }
  }
  const { cid, id } = await context.models.need(name)
  if (!(await context.artifacts.has(cid)))
    throw new VillageError('ARTIFACT_MISSING', `The files of the model "${id}" are not on this node`, {
      fields: { model: id, cid },
    })
  return { cid, directory: null, id }
}

/** What the report of a merge says that a replay needs. */
function recorded(report: JsonObject | null, model: string): { recipe: JsonObject; files: JsonObject } {
  const { recipe, files } = report ?? {}
  if (isJsonObject(recipe ?? null) && isJsonObject(files ?? null))
    return { recipe: recipe as JsonObject, files: files as JsonObject }
  throw new VillageError('INVALID_ARGUMENT', `"${model}" was not made by a merge on this node`, {
    fields: { argument: 'replay', model },
  })
}

/** Ids become CIDs; a replay takes its recipe from the model's report. Throws MODEL_UNKNOWN, ARTIFACT_MISSING, FILE_UNREADABLE. */
export async function settleMerge(params: MergeParams, context: JobContext): Promise<MergeParams> {
  let { recipe, expected } = params
  if (params.replay !== null) {
    const entry = await context.models.need(params.replay)
    recipe = recorded(entry.report, entry.id).recipe
    expected = entry.cid
  }
  const names = recipeModels(parseRecipe(recipe))
  if (names.some((name) => name.length > MAX_NAME)) throw invalid('recipe', 'one with shorter names')
  const models: [string, SettledModel][] = []
  for (const name of names) models.push([name, await settleModel(name, context)])
  return { ...params, recipe, expected, models: Object.fromEntries(models) }
}
