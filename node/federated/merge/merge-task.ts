/**
 * Task kind `merge`: some output tensors of a recipe over models of the village. Merging is bit-deterministic (fixed order, float32 of
 * double sums, no functions whose last bit is left open), so that a result is checked by making a sample of its tensors again.
 */

import type { Pool } from '../../compute/pool.ts'
import { invalid, readParams } from '../../compute/tasks/read-params.ts'
import type { TaskContext, TaskKind, TaskOutput } from '../../compute/tasks/task.ts'
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import type { FederatedOperations } from '../operations.ts'
import type { MergeModel } from './merge-sources.ts'
import { parseRecipe, recipeModels } from './recipe.ts'

export interface MergeTask extends JsonObject {
  /** CID of the recipe as JSON, its models named by their CIDs. */
  readonly recipe: string
  /** CIDs of the model directories. */
  readonly models: readonly string[]
  /** Tensors of the plan, `end` not included. */
  readonly from: number
  readonly end: number
  /** Weights in them. */
  readonly elements: number
  /** Of the largest of them. */
  readonly largest: number
}

export interface MergeComponents {
  readonly pool: Pick<Pool<FederatedOperations>, 'run'>
}

const MAX_RECIPE_BYTES = 2 ** 20
const MAX_TENSORS = 100_000
const MAX_ELEMENTS = 2 ** 28
/** Of an untrusted peer's tensors one in this many is merged again, and at least two. */
const FULL_SAMPLE = 8
const MIN_FULL = 2

function parse(input: unknown): MergeTask {
  const reader = readParams(input)
  const task = {
    recipe: reader.text('recipe', 128),
    models: reader.texts('models', 128, 128),
    from: reader.integer('from', 0, MAX_TENSORS),
    end: reader.integer('end', 1, MAX_TENSORS),
    elements: reader.integer('elements', 1, MAX_ELEMENTS),
    largest: reader.integer('largest', 1, MAX_ELEMENTS),
  }
  reader.end()
  if (task.from >= task.end) throw invalid('end', 'larger than "from"')
  return task
}

/** The recipe and where its models lie. Everything of it may come from a stranger. */
async function requestOf(
  task: MergeTask,
  { artifacts, modelsDirectory }: TaskContext,
): Promise<{ recipe: JsonValue; models: MergeModel[] }> {
  const bytes = await artifacts.read(task.recipe)
  if (bytes.byteLength > MAX_RECIPE_BYTES) throw invalid('recipe', `at most ${MAX_RECIPE_BYTES} bytes`)
  let recipe: JsonValue
  try {
    recipe = JSON.parse(Buffer.from(bytes).toString('utf8')) as JsonValue
  } catch (error) {
    throw new VillageError('INVALID_ARGUMENT', 'The recipe of the task is not JSON', {
      cause: error,
      fields: { argument: 'recipe' },
    })
  }
  if (!isJsonObject(recipe)) throw invalid('recipe', 'an object')
  const models: MergeModel[] = []
  for (const name of recipeModels(parseRecipe(recipe))) {
    // A recipe may only name what the task was given: a path would be a file of this machine.
    if (!task.models.includes(name)) throw invalid('recipe', 'one whose models are inputs of the task')
    models.push({ name, cid: name, directory: await artifacts.materialize(name, modelsDirectory) })
  }
  return { recipe, models }
}

const wrong = (what: string) => new VillageError('RESULT_INVALID', `A merged slice is not right: ${what}`)

function inspect({ elements }: MergeTask, { bytes }: TaskOutput): void {
  if (bytes.byteLength !== elements * 4) throw wrong('it has another size than its tensors')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at < bytes.byteLength; at += 4)
    if (!Number.isFinite(view.getFloat32(at, true))) throw wrong('a value is no finite number')
}

function sample({ from, end }: MergeTask, depth: 'spot' | 'full', random: () => number): number[] {
  const count = end - from
  const wanted = depth === 'spot' ? 1 : Math.max(MIN_FULL, Math.ceil(count / FULL_SAMPLE))
  // The first of a shuffle: it ends whatever the random numbers are.
  const order = Array.from({ length: count }, (_, index) => from + index)
  const picked = Math.min(wanted, count)
  for (let at = 0; at < picked; at++) {
    const other = at + Math.floor(random() * (count - at))
    ;[order[at], order[other]] = [order[other]!, order[at]!]
  }
  return order.slice(0, picked).sort((a, b) => a - b)
}

export function mergeTask({ pool }: MergeComponents): TaskKind {
  return {
    kind: 'merge',
    check: 'verify',
    parseParams: parse,
    inputs(params) {
      const { recipe, models } = params as MergeTask
      return [recipe, ...models]
    },
    estimate(params) {
      const { elements, largest, models } = params as MergeTask
      return {
        // The slice, and of its largest tensor one copy by model, the base and what becomes of them.
        memoryBytes: 4 * (2 * elements + (models.length + 5) * largest) + 32 * 2 ** 20,
        cost: elements * models.length,
        maxOutputBytes: elements * 4,
      }
    },
    async run(params, context) {
      const task = params as MergeTask
      const { from, end } = task
      const merged = await pool.run(
        'merge.tensors',
        { ...(await requestOf(task, context)), from, end },
        { signal: context.signal, onProgress: (share) => context.progress(share) },
      )
      return { bytes: new Uint8Array(merged.buffer, merged.byteOffset, merged.byteLength), stats: {} }
    },
    async inspect(params, output) {
      inspect(params as MergeTask, output)
    },
    async verify(params, output, context, depth, random) {
      const task = params as MergeTask
      inspect(task, output)
      const { from, end } = task
      const chosen = sample(task, depth, random)
      const different = await pool.run(
        'merge.check',
        { ...(await requestOf(task, context)), from, end, chosen, bytes: output.bytes },
        { signal: context.signal },
      )
      if (different !== null) throw wrong(`the tensor "${different}" is not what the recipe gives`)
      return { exact: chosen.length === end - from }
    },
    agree: (a, b) => Buffer.compare(a.bytes, b.bytes) === 0,
  }
}
