/** Routes of recipes: reading what a person wrote before it is started, and the examples. */
import path from 'node:path'
import { VillageError } from '../../errors.ts'
import { goalsIn } from '../../federated/self-evolution/self-evolution.ts'
import { refuseOwnFiles } from '../../own-files.ts'
import { listExamples, MAX_RECIPE_BYTES, RECIPE_KINDS, type RecipeKind, readRecipe } from '../recipes.ts'
import { anyObject, anyText, flag, listOf, object, oneOf, orNull, text } from '../schemas.ts'
import { type Route, route } from './route.ts'

const tag = 'recipes'
type None = Record<string, never>
interface RecipeBody {
  readonly kind: RecipeKind
  readonly text: string
  readonly directory?: string | null
}

function absolutePath(file: string): string {
  if (!path.isAbsolute(file) || file.includes('\0'))
    throw new VillageError('INVALID_ARGUMENT', 'body.path must be an absolute path', {
      fields: { field: 'body.path' },
    })
  return file
}

export const RECIPE_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/api/v1/examples',
    scope: 'read',
    tag,
    id: 'listExamples',
    summary: 'The recipes of the documentation, as texts to begin with.',
    response: {
      kind: 'json',
      status: 200,
      schema: object({
        examples: listOf(
          object({
            name: anyText,
            kind: oneOf(...RECIPE_KINDS),
            title: anyText,
            text: anyText,
            directory: anyText,
          }),
        ),
      }),
    },
    errors: ['FILE_UNREADABLE'],
    handle: async () => ({ examples: await listExamples() }),
  }),
  route<None, None, RecipeBody>({
    method: 'POST',
    path: '/api/v1/recipes',
    scope: 'operate',
    tag,
    id: 'readRecipe',
    summary:
      'Reads a recipe (YAML or JSON) of an evolution, a federation or a merge and says what it comes to, or what is wrong; nothing is started. ' +
      'Start it with POST /api/v1/runs, /api/v1/federations or /api/v1/jobs.',
    body: {
      kind: 'json',
      schema: object(
        { kind: oneOf(...RECIPE_KINDS), text: text(MAX_RECIPE_BYTES), directory: orNull(text(4096)) },
        ['directory'],
      ),
    },
    response: {
      kind: 'json',
      status: 200,
      schema: object({
        document: anyObject,
        files: listOf(
          object({
            at: listOf({ anyOf: [{ type: 'string' }, { type: 'integer' }] }),
            path: anyText,
          }),
        ),
        models: listOf(anyText),
        simulate: flag,
      }),
    },
    errors: [
      'EVOLVE_CONFIG_INVALID',
      'FEDERATION_CONFIG_INVALID',
      'FEDERATE_EXCLUDED',
      'MERGE_RECIPE_INVALID',
    ],
    handle: async ({ body }) => readRecipe(body.kind, body.text, body.directory ?? null),
  }),
  route<None, None, { path: string }>({
    method: 'POST',
    path: '/api/v1/recipes/goals',
    scope: 'operate',
    tag,
    id: 'readGoals',
    summary:
      'Reads a file of goals of self-evolution on the daemon’s machine and says which goals it holds, or what is wrong: with a wrong one the daemon would not start.',
    body: { kind: 'json', schema: object({ path: text(4096) }) },
    response: {
      kind: 'json',
      status: 200,
      schema: object({ goals: listOf(object({ goal: anyText, kind: anyText, target: anyText })) }),
    },
    errors: ['SELF_EVOLUTION_GOALS_INVALID', 'FILE_REFUSED', 'API_SCOPE'],
    handle: async ({ body, principal }, { directory }) => {
      // What is wrong with a file tells of what is in it, and selfEvolution.goals is the owner's to set.
      if (principal.kind !== 'owner')
        throw new VillageError('API_SCOPE', 'A file of goals is read for the node’s own token alone')
      const file = absolutePath(body.path)
      await refuseOwnFiles([file], directory)
      const { goals } = await goalsIn(file)
      return {
        goals: goals.map(({ name, target }) => ({ goal: name, kind: target.kind, target: target.name })),
      }
    },
  }),
]
