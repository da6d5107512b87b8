/**
 * Recipes that people write: what a text of YAML or JSON says, checked as far as that is possible without doing anything, and the
 * examples of the documentation.
 */
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { toVillageError, VillageError } from '../errors.ts'
import { parseConfigText, readEvolveConfig } from '../evolve-config.ts'
import { readFederateConfig } from '../federated/learn/read-federate-spec.ts'
import { parseRecipe, readRecipeText, recipeModels } from '../federated/merge/recipe.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts'
import { PACKAGE_ROOT } from '../package-root.ts'

export const RECIPE_KINDS = ['evolution', 'federation', 'merge'] as const
export type RecipeKind = (typeof RECIPE_KINDS)[number]

/** Longer than any kind of recipe may be; each has a limit of its own. */
export const MAX_RECIPE_BYTES = 256 * 1024

export interface ReadRecipe {
  /** As the route that starts it takes it, but for the files. */
  readonly document: JsonObject
  /** Files of this machine that it names: keys and indexes to the value from the workload's options, and the path. */
  readonly files: readonly { readonly at: readonly (string | number)[]; readonly path: string }[]
  /** Models that it names, by id, CID or directory. */
  readonly models: readonly string[]
  /** Of a federation: its clients are virtual. */
  readonly simulate: boolean
}

export interface Example {
  readonly name: string
  readonly kind: RecipeKind
  /** What its first comment says, in a few words. */
  readonly title: string
  readonly text: string
  /** What paths in it are relative to. */
  readonly directory: string
}

/** Keys of a federation whose values are files that the daemon reads. */
const FEDERATION_FILES = ['test', 'texts'] as const
const EXAMPLES = new URL('docs/examples/', PACKAGE_ROOT)
const EXAMPLE_NAMES: readonly (readonly [RegExp, RecipeKind])[] = [
  [/^evolve-/, 'evolution'],
  [/^federate/, 'federation'],
  [/^merge-/, 'merge'],
]

const placed = (directory: string | null, file: string): string =>
  directory === null ? file : path.resolve(directory, file)

function readEvolution(text: string, directory: string | null): ReadRecipe {
  const { spec, files } = readEvolveConfig(text, 'evolution')
  const { options } = spec.workload as { options: JsonObject }
  return {
    document: spec,
    files: files.map(({ at, path: file }) => ({ at, path: placed(directory, file) })),
    models: [options.base, options.model, ...(Array.isArray(options.parents) ? options.parents : [])].filter(
      (name) => typeof name === 'string',
    ),
    simulate: false,
  }
}

function federationDocument(text: string, directory: string | null): JsonObject {
  let value: JsonObject
  try {
    value = parseConfigText(text)
  } catch (error) {
    throw new VillageError('FEDERATION_CONFIG_INVALID', toVillageError(error).message, { cause: error })
  }
  const files = FEDERATION_FILES.flatMap((key): [string, JsonValue][] => {
    const named = value[key]
    if (!Array.isArray(named)) return []
    return [[key, named.map((one) => (typeof one === 'string' ? placed(directory, one) : one))]]
  })
  return { name: 'federation', ...value, ...Object.fromEntries(files) }
}

function readFederation(text: string, directory: string | null): ReadRecipe {
  const document = federationDocument(text, directory)
  // Only a simulation has virtual clients, or a task without a model.
  const simulate = document.simulation !== undefined || document.model === undefined
  const { spec } = readFederateConfig(document, simulate)
  return { document, files: [], models: spec.model === null ? [] : [spec.model], simulate }
}

function readMerge(text: string): ReadRecipe {
  const document = readRecipeText(text)
  const models = recipeModels(parseRecipe(document))
  if (!isJsonObject(document)) throw new VillageError('MERGE_RECIPE_INVALID', 'The recipe must have keys')
  return { document, files: [], models, simulate: false }
}

/**
 * Throws EVOLVE_CONFIG_INVALID, FEDERATION_CONFIG_INVALID, FEDERATE_EXCLUDED or MERGE_RECIPE_INVALID, naming what is wrong. `directory`:
 * what relative paths are relative to, as those of an example are.
 */
export function readRecipe(kind: RecipeKind, text: string, directory: string | null): ReadRecipe {
  if (kind === 'evolution') return readEvolution(text, directory)
  return kind === 'federation' ? readFederation(text, directory) : readMerge(text)
}

/** What the first line of comment says up to the first stop or colon. */
const titleOf = (text: string, name: string): string => /^#\s*(.+?)(?:[.:] .*)?\.?$/m.exec(text)?.[1] ?? name

/** By name. Throws FILE_UNREADABLE where the documentation is not part of the installation. */
export async function listExamples(): Promise<Example[]> {
  const directory = fileURLToPath(EXAMPLES)
  try {
    const names = (await readdir(directory))
      .filter((file) => file.endsWith('.yaml'))
      .map((file) => path.parse(file).name)
      .sort()
    const found = names.flatMap((name) => {
      const kind = EXAMPLE_NAMES.find(([pattern]) => pattern.test(name))?.[1]
      return kind === undefined ? [] : [{ name, kind }]
    })
    return await Promise.all(
      found.map(async ({ name, kind }) => {
        const text = await readFile(path.join(directory, `${name}.yaml`), 'utf8')
        return { name, kind, title: titleOf(text, name), text, directory }
      }),
    )
  } catch (error) {
    throw new VillageError('FILE_UNREADABLE', `The examples in ${directory} cannot be read`, { cause: error })
  }
}
