/**
 * Job kind `train`: one task, on this node. What comes out is a model of its own beside the one that was trained, or an
 * adapter for it; the figures of every step are an artifact of the job.
 */
import { readFile, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { toVillageError, VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { readLanguageCard } from '../models/language-card.ts'
import type { ModelEntry } from '../models/model-entry.ts'
import { MODEL_FILE } from '../models/model-files.ts'
import { checkModelId } from '../models/model-ids.ts'
import { invalid, readParams } from '../tasks/read-params.ts'
import type { TrainTask } from '../tasks/train-task.ts'
import type { MemoryFit } from '../training/memory-fit.ts'
import { readTrainWish } from '../training/read-run.ts'
import { runOf, type TrainRun, type TrainWish } from '../training/train-run.ts'
import { GEOMETRY_FILE } from '../training/training-files.ts'
import type { JobContext, JobKind } from './job.ts'

export interface TrainParams extends TrainWish {
  readonly model: string
  /** LoRA: publishes the adapter instead of a model that has it in its weights. */
  readonly adapter: boolean
  /** Id of the result; null makes one of the model's. */
  readonly id: string | null
  /** A failed training whose weights it begins with, or null. */
  readonly from: string | null
}

const MAX_ID = 64

function wishOf({ model: _model, adapter: _adapter, id: _id, from: _from, ...wish }: TrainParams): TrainWish {
  return wish as TrainWish
}

/** The model, once it is known that it can be trained. */
async function trainable(params: TrainParams, context: JobContext): Promise<ModelEntry> {
  const model = await context.models.need(params.model)
  const fields = { argument: 'model', model: model.id }
  if (model.kind !== 'language')
    throw new VillageError(
      'INVALID_ARGUMENT',
      `"${model.id}" is no language model, and only those are trained`,
      {
        fields,
      },
    )
  if (!(await context.artifacts.has(model.cid)))
    throw new VillageError('ARTIFACT_MISSING', `The files of the model "${model.id}" are not on this node`, {
      fields: { model: model.id, cid: model.cid },
    })
  return model
}

/** Throws MODEL_ID_TAKEN while the client waits: another name than the one that was asked for would go unnoticed. */
async function checkId({ id }: TrainParams, { models }: JobContext): Promise<void> {
  if (id === null || (await models.get(id)) === null) return
  throw new VillageError('MODEL_ID_TAKEN', `The id "${id}" belongs to another model`, { fields: { id } })
}

async function checkFiles(files: readonly string[]): Promise<void> {
  for (const file of files) {
    const stats = await stat(file).catch((error: NodeJS.ErrnoException) => {
      throw new VillageError('FILE_UNREADABLE', `${file} cannot be read (${error.code})`, { cause: error })
    })
    if (!stats.isFile()) throw new VillageError('FILE_UNREADABLE', `${file} is no file`)
  }
}

const mebibytes = (sizeBytes: number) => `${Math.ceil(sizeBytes / 2 ** 20)} MiB`

function checkMemory({ totalBytes, batch }: MemoryFit, run: TrainRun, limitBytes: number): void {
  if (totalBytes <= limitBytes) return
  const way =
    batch > 0
      ? `--batch ${batch} fits (with --accumulation ${Math.ceil((run.batch * run.accumulation) / batch)} for the same steps)`
      : run.method === 'full'
        ? 'not even --batch 1 fits: try --method lora or a smaller --length'
        : 'not even --batch 1 fits: try a smaller --length'
  throw new VillageError(
    'RESOURCES_INSUFFICIENT',
    `The training takes about ${mebibytes(totalBytes)} of memory, and ${mebibytes(limitBytes)} are lent; ${way}`,
    { fields: { memoryBytes: totalBytes, limitBytes, batch } },
  )
}

/** `from` becomes a path: it is an id, and nothing else. */
const JOB_ID = /^[a-z2-9]{1,32}$/

async function startFromFailed(job: string, { keptDirectory, pool, signal }: JobContext): Promise<void> {
  const failedDirectory = path.join(path.dirname(keptDirectory), job)
  try {
    await pool.run('train.startFrom', { failedDirectory, directory: keptDirectory }, { signal })
  } catch (error) {
    throw toVillageError(error).code === 'NOT_FOUND'
      ? new VillageError('NOT_FOUND', `The job ${job} is no failed training that kept weights`, {
          cause: error,
          fields: { argument: 'from' },
        })
      : error
  }
}

function idOf({ id, model, adapter }: TrainParams): string {
  const suffix = adapter ? '-adapter' : '-trained'
  return id ?? `${model.slice(0, MAX_ID - suffix.length)}${suffix}`
}

export const trainJob: JobKind = {
  kind: 'train',
  parseParams(input): TrainParams {
    const reader = readParams(input)
    const model = reader.text('model', 128)
    const adapter = reader.flag('adapter')
    const id = reader.optionalText('id', MAX_ID)
    if (id !== null) checkModelId(id)
    const from = reader.optionalText('from', 32)
    if (from !== null && !JOB_ID.test(from)) throw invalid('from', 'the id of a job')
    const run = readTrainWish(reader)
    reader.end()
    if (adapter && run.method !== 'lora') throw invalid('adapter', 'left out: only LoRA gives an adapter')
    return { ...run, model, adapter, id, from }
  },
  async plan(given, context) {
    const params = given as TrainParams
    const model = await trainable(params, context)
    await checkId(params, context)
    await checkFiles(params.data)
    const modelDir = await context.artifacts.materialize(model.cid, context.modelsDirectory)
    const { contextTokens, layout, adapters } = readLanguageCard(modelDir)
    if (layout !== 'village')
      throw new VillageError(
        'TRAIN_MODEL_UNSUITABLE',
        `"${model.id}" came as a finished graph; add it from safetensors to train it`,
      )
    const run = runOf(wishOf(params), contextTokens)
    if (run.length > contextTokens)
      throw invalid('length', `at most the ${contextTokens} tokens that the model can see`)
    if (run.method === 'lora' && adapters === null)
      throw new VillageError('TRAIN_MODEL_UNSUITABLE', `"${model.id}" was built without inputs for adapters`)
    const { signal, pool, memoryBytes: limitBytes } = context
    const modelPath = path.join(modelDir, MODEL_FILE)
    const fit = await pool.run('train.memory', { modelPath, run, limitBytes }, { signal })
    checkMemory(fit, run, limitBytes)
    if (params.from !== null) await startFromFailed(params.from, context)
    // It is read again when the training is over, whatever became of the model's name meanwhile.
    await context.artifacts.pin(model.cid, context.stagePin)
    const task: TrainTask = { job: context.id, model: model.cid, memoryBytes: fit.totalBytes, run }
    return [{ kind: 'train', params: task, after: [], label: `train ${model.id}` }]
  },
  async assemble(given, results, context) {
    const params = given as TrainParams
    const [result] = results
    const { model: cid, run } = result!.task.params as TrainTask
    const { artifacts, models, pool, pin, signal } = context
    const base = await models.get(cid)
    const id = idOf(params)
    const outDir = path.join(context.workDirectory, 'trained')
    await rm(outDir, { recursive: true, force: true })
    const modelDir = await artifacts.materialize(cid, context.modelsDirectory)
    const { adapter } = params
    const from = base?.id ?? cid
    const name = `${base?.name ?? cid}, ${adapter ? 'adapter' : 'trained'}`
    const { parameters } = await pool.run(
      'train.publish',
      {
        modelDir,
        modelCid: cid,
        directory: context.keptDirectory,
        outDir,
        run,
        adapter,
        name: id,
        title: name,
        source: `trained from ${from}`,
      },
      { signal },
    )
    const trained = await artifacts.addPath(outDir, { name: id, pin, private: true, signal })
    const metrics = await artifacts.addBytes(await result!.read(), {
      name: `${id}.metrics.jsonl`,
      pin,
      private: true,
    })
    const geometry = await geometryOf(run, id, context)
    const report = reportOf(run, result!.stats, {
      base: base?.id ?? null,
      metrics: metrics.cid,
      geometry,
      adapter,
    })
    const entry = await models.register({
      id,
      cid: trained.cid,
      name,
      kind: adapter ? 'adapter' : 'language',
      parameters,
      sizeBytes: trained.sizeBytes,
      source: `trained from ${from}`,
      parent: base?.id ?? null,
      report,
      keeps: adapter ? [cid] : [],
      base: adapter ? cid : null,
    })
    return { id: entry.id, ...report }
  },
}

/** CID of what was measured while it trained, a JSON object a line; null where nothing was asked for. */
async function geometryOf(
  { geometry }: TrainRun,
  id: string,
  { artifacts, keptDirectory, pin }: JobContext,
): Promise<string | null> {
  if (!geometry) return null
  const bytes = await readFile(path.join(keptDirectory, GEOMETRY_FILE))
  const name = `${id}.geometry.jsonl`
  const { cid } = await artifacts.addBytes(bytes, { name, pin, private: true })
  return cid
}

/** What is kept of a training: what it was asked to do, and how it went. Paths say nothing about a model, names do. */
function reportOf(given: TrainRun, stats: JsonObject, facts: JsonObject): JsonObject {
  const { data, ...run } = given
  return {
    ...facts,
    config: { ...run, data: data.map((file) => path.basename(file)) },
    ...stats,
  }
}
