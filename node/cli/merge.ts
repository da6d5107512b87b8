/** `village merge`. */
import { existsSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { parse } from 'yaml'
import { VillageError } from '../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { optionText } from './command.ts'
import { submitJob } from './submit-job.ts'

const MAX_RECIPE_BYTES = 256 * 1024
/** Keys of a recipe whose value is the name of a model, wherever they are. */
const MODEL_KEYS = new Set(['model', 'base_model', 'source', 'tokenizer_source'])

async function readRecipe(file: string): Promise<JsonObject> {
  const stats = await stat(file).catch((error: NodeJS.ErrnoException) => {
    throw new VillageError('FILE_UNREADABLE', `${file} cannot be read (${error.code})`, { cause: error })
  })
  if (!stats.isFile()) throw new VillageError('FILE_UNREADABLE', `${file} is no file: a recipe is one`)
  if (stats.size > MAX_RECIPE_BYTES)
    throw new VillageError('MERGE_RECIPE_INVALID', `${file} has more than ${MAX_RECIPE_BYTES} bytes`)
  let recipe: JsonValue
  try {
    recipe = parse(await readFile(file, 'utf8'), { maxAliasCount: 50, logLevel: 'error' }) as JsonValue
  } catch (error) {
    const problem = error instanceof Error ? error.message.split('\n')[0]!.replace(/:$/, '') : ''
    throw new VillageError('MERGE_RECIPE_INVALID', `${file} is not valid YAML: ${problem}`, { cause: error })
  }
  if (isJsonObject(recipe)) return recipe
  throw new VillageError('MERGE_RECIPE_INVALID', `${file} holds no recipe`)
}

/**
 * The daemon has a working directory of its own: directories in a recipe become absolute, beginning at the recipe. A name that is no
 * directory there is an id or a CID.
 */
export function withAbsolutePaths(recipe: JsonValue, directory: string): JsonValue {
  const placed = (name: string): string => {
    const candidate = path.resolve(directory, name)
    const isPath = path.isAbsolute(name) || /^\.{1,2}([/\\]|$)/.test(name) || name.includes('/')
    return isPath && (path.isAbsolute(name) || existsSync(candidate)) ? candidate : name
  }
  const walk = (value: JsonValue): JsonValue => {
    if (Array.isArray(value)) return value.map(walk)
    if (!isJsonObject(value)) return value
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) => [
        key,
        MODEL_KEYS.has(key) && typeof one === 'string' ? placed(one) : walk(one),
      ]),
    )
  }
  return walk(recipe)
}

export async function merge(context: CommandContext): Promise<CommandResult> {
  const file = context.args[0] ?? null
  const replay = optionText(context, 'replay')
  const id = optionText(context, 'id')
  if ((file === null) === (replay === null))
    throw new VillageError('USAGE', 'Give a recipe, or with --replay a model that was merged')
  if (replay !== null && id !== null)
    throw new VillageError('USAGE', '--replay makes no new model: leave --id out')
  const recipe =
    file === null ? {} : withAbsolutePaths(await readRecipe(file), path.dirname(path.resolve(file)))
  return submitJob(context, {
    kind: 'merge',
    title: replay === null ? `merge ${path.basename(file!)}` : `replay ${replay}`,
    params: {
      recipe: recipe as JsonObject,
      ...(id !== null && { id }),
      ...(replay !== null && { replay }),
    },
  })
}
