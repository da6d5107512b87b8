/** Parameters of an `evaluate` job. */
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { HUMANEVAL_PROGRAM } from '../evaluate/humaneval.ts'
import type { SuiteFile, SuiteOption } from '../evaluate/item-suite.ts'
import { ITEM_LIMITS } from '../evaluate/items.ts'
import { type AnySuite, isItemSuite, neededBy, suiteNamed } from '../evaluate/suite-table.ts'
import { invalid, type ParamsReader, readParams } from '../tasks/read-params.ts'
import type { JobContext } from './job.ts'

const MAX_MODELS = 32

export interface EvaluateParams extends JsonObject {
  readonly models: readonly string[]
  /** Null in a job for the suite that fits the first model best; a stored job always has a name. */
  readonly suite: string | null
  /** CIDs of the data. */
  readonly files: Readonly<Partial<Record<SuiteFile, string>>>
  readonly options: Readonly<Partial<Record<SuiteOption, number>>>
}

const FILES: readonly SuiteFile[] = ['data', 'shotsData', 'queries', 'judgements']

const OPTIONS: Readonly<Record<SuiteOption, (reader: ParamsReader, name: string) => number>> = {
  shots: (reader, name) => reader.integer(name, 0, 64),
  limit: (reader, name) => reader.integer(name, 1, ITEM_LIMITS.items),
  seed: (reader, name) => reader.integer(name, 0, 2 ** 32 - 1),
  samples: (reader, name) => reader.integer(name, 1, ITEM_LIMITS.samples),
  temperature: (reader, name) => reader.optionalNumber(name, 0, ITEM_LIMITS.temperature)!,
  maxTokens: (reader, name) => reader.integer(name, 1, ITEM_LIMITS.maxTokens),
  stride: (reader, name) => reader.integer(name, 1, 2 ** 24),
}

/** Throws INVALID_ARGUMENT. What it returns it takes again, so that stored jobs can be read anew. */
export function parseEvaluateParams(input: unknown): EvaluateParams {
  const reader = readParams(input)
  const models = reader.texts('models', MAX_MODELS, 128)
  const name = reader.optionalText('suite', 64)
  const files = readNested(reader.object('files'), FILES, (own, file) => own.text(file, 128))
  const names = Object.keys(OPTIONS) as SuiteOption[]
  const options = readNested(reader.object('options'), names, (own, option) => OPTIONS[option](own, option))
  reader.end()
  if (new Set(models).size !== models.length)
    throw new VillageError('INVALID_ARGUMENT', 'A model is named twice', { fields: { argument: 'models' } })
  if (name !== null) checkTogether(suiteNamed(name), files, options)
  return { models, suite: name, files, options }
}

/** The members of an object that are there. */
function readNested<K extends string, T>(
  given: JsonObject,
  names: readonly K[],
  read: (reader: ParamsReader, name: K) => T,
): Partial<Record<K, T>> {
  const reader = readParams(given)
  const found: Partial<Record<K, T>> = {}
  for (const name of names) if (Object.hasOwn(given, name)) found[name] = read(reader, name)
  reader.end()
  return found
}

/** What the suite needs must be there, and nothing that it takes no notice of. */
function checkTogether(
  suite: AnySuite,
  files: EvaluateParams['files'],
  options: EvaluateParams['options'],
): void {
  const taken = isItemSuite(suite)
    ? { files: [...suite.files.required, ...suite.files.optional], options: suite.options }
    : { files: [], options: [] }
  const names = (list: readonly string[]) => (list.length === 0 ? 'none' : list.join(', '))
  for (const file of Object.keys(files) as SuiteFile[])
    if (!taken.files.includes(file))
      throw invalid(
        `files.${file}`,
        `left out: of files the suite "${suite.name}" takes ${names(taken.files)}`,
      )
  for (const option of Object.keys(options) as SuiteOption[])
    if (!taken.options.includes(option))
      throw invalid(
        `options.${option}`,
        `left out: of options the suite "${suite.name}" takes ${names(taken.options)}`,
      )
  if (!isItemSuite(suite)) return
  const missing = suite.files.required.find((file) => files[file] === undefined)
  if (missing !== undefined)
    throw invalid(`files.${missing}`, `given: the suite "${suite.name}" needs its data`)
  const { samples = 1, temperature } = options
  if (samples > 1 && temperature === 0)
    throw invalid('options.temperature', 'above 0 where several samples are drawn')
}

/** Throws what can be said before the job is taken: unknown models, those that the suite does not fit, missing data. */
export async function checkEvaluable(
  { models, files }: EvaluateParams,
  suite: AnySuite,
  context: Pick<JobContext, 'models' | 'artifacts' | 'sandbox'>,
): Promise<{ id: string; cid: string }[]> {
  // Not after hours in which the models wrote.
  if (isItemSuite(suite) && suite.executes === true) await context.sandbox.check(HUMANEVAL_PROGRAM)
  const found: { id: string; cid: string }[] = []
  for (const id of models) {
    const model = await context.models.need(id)
    if (!suite.fits(model))
      throw new VillageError(
        'INVALID_ARGUMENT',
        `The suite "${suite.name}" needs ${neededBy(suite)}, and "${id}" is not one`,
        { fields: { argument: 'models', model: id } },
      )
    if (!(await context.artifacts.has(model.cid)))
      throw new VillageError('ARTIFACT_MISSING', `The files of the model "${id}" are not on this node`, {
        fields: { model: id, cid: model.cid },
      })
    found.push({ id, cid: model.cid })
  }
  for (const [file, cid] of Object.entries(files))
    if (!(await context.artifacts.has(cid!)))
      throw new VillageError('ARTIFACT_MISSING', `The file "${file}" of the evaluation is not on this node`, {
        fields: { file, cid: cid! },
      })
  return found
}
