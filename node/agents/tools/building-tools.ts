/** Tools that start jobs on models: compress, evaluate, compare, merge, train, measure. Each waits until its job has ended. */
import { CODECS } from '../../compute/codecs/table.ts'
import type { Evaluations } from '../../compute/evaluate/evaluations.ts'
import { AUTO } from '../../compute/jobs/compress-params.ts'
import { VillageError } from '../../errors.ts'
import type { ParameterSpec } from '../../federated/merge/methods/method.ts'
import { MERGE_METHODS, methodNamed } from '../../federated/merge/methods/table.ts'
import { isJsonObject, type JsonObject } from '../../json.ts'
import { amount, oneOf, own, several, takes, tool, whole, words } from './define-tool.ts'
import { jobFigures } from './job-figures.ts'
import { ownPath } from './own-path.ts'
import { type JobComponents, runJob } from './run-job.ts'
import type { Tool, ToolCost } from './tool.ts'

export interface BuildingComponents extends JobComponents {
  readonly evaluations: Evaluations
}

const MODEL = words('Id of a model of this node.', 128)
const NEW_ID = words('Id for the new model: lower-case letters, digits, dots and dashes.', 64)
const SUITE = words('Name of a suite that needs no data; the one that fits the model if absent.', 64)
const MAX_MODELS = 16
const HALF = 0.5
const MINUTES: ToolCost = { latencyMs: 120_000, cpuSeconds: 200, leavesNode: true }
const change = { effect: 'change', scope: 'operate', cost: MINUTES } as const

interface CompressGiven {
  readonly model: string
  readonly codec?: string
  readonly bits?: number
  readonly ratio?: number
  readonly maxBytes?: number
  readonly quality?: number
  readonly id?: string
}

/** As `village compress` understands its options: a target means `auto`, bits alone belong to the codec that is named. */
export function compressParams({
  model,
  codec,
  bits,
  ratio,
  maxBytes,
  quality,
  id,
}: CompressGiven): JsonObject {
  const isAuto =
    codec === AUTO ||
    (codec === undefined && [bits, ratio, maxBytes, quality].some((one) => one !== undefined))
  const target = {
    ...(isAuto && bits !== undefined && { bits }),
    ...(ratio !== undefined && { ratio }),
    ...(maxBytes !== undefined && { sizeBytes: maxBytes }),
    ...(quality !== undefined && { quality }),
  }
  return {
    model,
    codec: isAuto ? AUTO : (codec ?? 'int4'),
    params: !isAuto && bits !== undefined ? { bits } : {},
    ...(Object.keys(target).length > 0 && { target }),
    ...(id !== undefined && { id }),
  }
}

export function buildingTools(components: BuildingComponents): Tool[] {
  const { evaluations } = components
  return [
    tool<CompressGiven>({
      name: 'model_compress',
      description:
        'Compresses a model into a new one and waits for it. Give one target (ratio, maxBytes, quality or bits), or a codec; int4 if nothing is given.',
      parameters: takes(
        {
          model: MODEL,
          codec: oneOf('auto picks one for each tensor.', AUTO, ...CODECS.map(({ name }) => name)),
          bits: amount('Bits per weight.', 0.1, 32),
          ratio: amount('Size of the original over that of the result.', 1, 1000),
          maxBytes: whole('Most bytes of the packed model.', 1, Number.MAX_SAFE_INTEGER),
          quality: amount('Share of the quality to keep, 0.01 to 1.', 0.01, 1),
          id: NEW_ID,
        },
        'model',
      ),
      ...change,
      async run(given, context) {
        const job = await runJob(components, { kind: 'compress', params: compressParams(given) }, context)
        const figures = jobFigures(job)
        return own(`${figures.model}: ${figures.sizeBytes} of ${figures.originalBytes} bytes`, figures)
      },
    }),
    tool<{ model: string; suite?: string }>({
      name: 'model_evaluate',
      description:
        'Measures the quality of a model with a suite that needs no data, and waits for the figures.',
      parameters: takes({ model: MODEL, suite: SUITE }, 'model'),
      ...change,
      async run({ model, suite }, context) {
        const params = { models: [model], ...(suite !== undefined && { suite }) }
        const figures = jobFigures(await runJob(components, { kind: 'evaluate', params }, context))
        return own(`${model} evaluated with ${figures.suite}`, { model, ...figures })
      },
    }),
    tool<{ first: string; second: string; suite?: string }>({
      name: 'model_compare',
      description:
        'Evaluates two models on the same items and says whether the second is better, worse, or not told apart. Registers nothing.',
      parameters: takes({ first: MODEL, second: MODEL, suite: SUITE }, 'first', 'second'),
      effect: 'read',
      scope: 'operate',
      cost: MINUTES,
      async run({ first, second, suite }, context) {
        const params = { models: [first, second], ...(suite !== undefined && { suite }) }
        const job = await runJob(components, { kind: 'evaluate', params }, context)
        const at = (model: string) => ({ job: job.id, model })
        const { suite: name, measures } = await evaluations.compare(at(first), at(second), context.signal)
        const [main] = measures
        const verdict = main?.verdict === 'first' ? first : main?.verdict === 'second' ? second : null
        const compared = measures.map(
          ({ measure, items, first: one, second: two, difference, verdict: better }) => ({
            ...{ measure: measure ?? null, items: items ?? null },
            ...{ first: one ?? null, second: two ?? null },
            ...{ difference: difference ?? null, verdict: better ?? null },
          }),
        )
        return own(
          verdict === null ? 'They cannot be told apart' : `${verdict} is better`,
          // The measure by which the suite is known comes first.
          { job: job.id, first, second, suite: name, better: verdict, measures: compared },
        )
      },
    }),
    tool<{ models?: readonly string[]; method?: string; base?: string; recipe?: JsonObject; id?: string }>({
      name: 'model_merge',
      description:
        'Merges models of one shape into a new one and waits for it: give `models` and a method, or a whole recipe.',
      parameters: takes({
        models: several(MODEL, 2, MAX_MODELS),
        method: oneOf('linear if absent.', ...Object.keys(MERGE_METHODS)),
        base: words('Base model, for the methods that need one.', 128),
        recipe: {
          type: 'object',
          description: 'A merge recipe in the keys of its file, instead of `models`.',
        },
        id: NEW_ID,
      }),
      ...change,
      async run({ models, method, base, recipe, id }, context) {
        const whole = recipeOf({ models, method, base, recipe })
        const params = { recipe: whole, ...(id !== undefined && { id }) }
        const figures = jobFigures(await runJob(components, { kind: 'merge', params }, context))
        return own(`${figures.model} is merged`, figures)
      },
    }),
    tool<{
      model: string
      data: readonly string[]
      method?: string
      adapter?: boolean
      steps?: number
      epochs?: number
      id?: string
    }>({
      name: 'model_train',
      description: 'Trains a language model on files of this machine and waits for the new model.',
      parameters: takes(
        {
          model: MODEL,
          data: several(words('Absolute path of a text or JSON lines file.', 4096), 1, 64),
          method: oneOf('All weights, or low-rank matrices.', 'full', 'lora'),
          adapter: { type: 'boolean', description: 'With lora: keep the adapter instead of a merged model.' },
          steps: whole('Steps; or give epochs.', 1, 1_000_000),
          epochs: amount('Times over the data; 1 if absent.', 0.01, 1000),
          id: NEW_ID,
        },
        'model',
        'data',
      ),
      ...change,
      async run({ data, ...rest }, context) {
        if (rest.steps !== undefined && rest.epochs !== undefined)
          throw new VillageError('INVALID_ARGUMENT', 'Give one of steps and epochs', {
            fields: { argument: 'epochs' },
          })
        const params = { ...rest, data: data.map((file) => ownPath(file, 'data')) }
        const figures = jobFigures(await runJob(components, { kind: 'train', params }, context))
        return own(`${figures.model} is trained`, figures)
      },
    }),
    tool<{ models: readonly string[] }>({
      name: 'geometry_measure',
      description:
        'Measures the geometry of models (dimension of what their layers hold, spectra of their weights), compares each with the first, and waits.',
      parameters: takes({ models: several(MODEL, 1, MAX_MODELS) }, 'models'),
      ...change,
      async run({ models }, context) {
        const params = { models: [...models] }
        const figures = jobFigures(await runJob(components, { kind: 'geometry', params }, context))
        return own(`Geometry of ${models.join(', ')}`, figures)
      },
    }),
  ]
}

/** A recipe of equal parts where only models are named. Throws INVALID_ARGUMENT. */
function recipeOf(given: {
  models: readonly string[] | undefined
  method: string | undefined
  base: string | undefined
  recipe: JsonObject | undefined
}): JsonObject {
  const { models, method = 'linear', base, recipe } = given
  if ((models === undefined) === (recipe === undefined))
    throw new VillageError('INVALID_ARGUMENT', 'Give either models or a recipe', {
      fields: { argument: 'models' },
    })
  if (isJsonObject(recipe)) return recipe
  const row = methodNamed(method)
  if (row === undefined)
    throw new VillageError('MERGE_RECIPE_INVALID', 'There is no such method of merging', {
      fields: { field: 'merge_method', method: method.slice(0, 64) },
    })
  // All models count alike, and a point between two is their middle.
  const parameters = (specs: Readonly<Record<string, ParameterSpec>>): JsonObject =>
    Object.fromEntries(
      Object.entries(specs).flatMap(([name, { absent }]): [string, number][] =>
        absent !== null ? [] : [[name, name === 't' ? HALF : 1]],
      ),
    )
  return {
    merge_method: method,
    models: models!.map((model) => ({ model, parameters: parameters(row.byModel) })),
    parameters: parameters(row.global),
    ...(base !== undefined && { base_model: base }),
  }
}
