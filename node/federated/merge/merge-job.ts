/**
 * Job kind `merge`: a recipe over models of this node and directories of weights, shared out by slices of output tensors where the
 * models are large and no secret. However it was shared, the same recipe gives the same bytes.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { JobContext, JobKind, PlannedTask, TaskResult } from '../../compute/jobs/job.ts'
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import { type MergeParams, parseMergeParams, settleMerge } from './merge-params.ts'
import type { MergeModel } from './merge-sources.ts'
import type { MergeComponents, MergeTask } from './merge-task.ts'
import type { MergedModel, TensorSize } from './operations.ts'
import type { PartFile } from './part-files.ts'
import { parseRecipe, recipeModels } from './recipe.ts'
import { renameModels } from './rename-models.ts'

/** With fewer, a merge is done before the first task has reached another machine. */
const LEAST_SLICES = 2
const MAX_ID = 64
const MAX_MESSAGE = 1_000

interface Slice {
  readonly from: number
  readonly end: number
  readonly elements: number
  readonly largest: number
}

/** Neighbouring tensors up to `sliceElements` together; a larger one is left to the owner. */
export function slicesOf(tensors: readonly TensorSize[], sliceElements: number): Slice[] {
  const slices: Slice[] = []
  for (const [index, { elements }] of tensors.entries()) {
    if (elements > sliceElements) continue
    const last = slices.at(-1)
    if (last === undefined || last.end !== index || last.elements + elements > sliceElements)
      slices.push({ from: index, end: index + 1, elements, largest: elements })
    else
      slices[slices.length - 1] = {
        from: last.from,
        end: index + 1,
        elements: last.elements + elements,
        largest: Math.max(last.largest, elements),
      }
  }
  return slices
}

/** Of the largest tensor one copy by model, the base, what becomes of them, and Karcher's two in double precision. */
export const mergeMemoryBytes = (tensors: readonly TensorSize[], models: number): number =>
  4 * (models + 5) * tensors.reduce((most, { elements }) => Math.max(most, elements), 0)

function checkMemory(neededBytes: number, limitBytes: number): void {
  if (neededBytes <= limitBytes) return
  throw new VillageError(
    'RESOURCES_INSUFFICIENT',
    `The merge takes about ${Math.ceil(neededBytes / 2 ** 20)} MiB of memory, and ${Math.floor(limitBytes / 2 ** 20)} MiB are lent`,
    { fields: { memoryBytes: neededBytes, limitBytes } },
  )
}

/** Where every model of the recipe lies on this machine. */
async function modelsOf(
  { recipe, models }: MergeParams,
  { pool }: MergeComponents,
  context: JobContext,
): Promise<MergeModel[]> {
  const { artifacts, modelsDirectory, workDirectory, signal } = context
  const placed: MergeModel[] = []
  for (const [index, name] of recipeModels(parseRecipe(recipe)).entries()) {
    const { cid, directory: given } = models[name]!
    if (cid !== null) {
      placed.push({ name, cid, directory: await artifacts.materialize(cid, modelsDirectory) })
      continue
    }
    const plainDir = path.join(workDirectory, 'plain', String(index), path.basename(given!))
    const directory = await pool.run('merge.plain', { directory: given!, plainDir }, { signal })
    placed.push({ name, cid, directory })
  }
  return placed
}

async function isPrivate({ models }: MergeParams, { artifacts }: JobContext): Promise<boolean> {
  for (const { cid } of Object.values(models))
    if (cid !== null && (await artifacts.info(cid))?.private === true) return true
  return false
}

const isShareable = ({ models }: MergeParams): boolean =>
  Object.values(models).every(({ cid }) => cid !== null)

function idOf({ id, recipe, models }: MergeParams): string {
  if (id !== null) return id
  const { base, slices, method } = parseRecipe(recipe)
  const lead = base ?? slices[0]!.sources[0]!.model
  const { id: name, directory, cid } = models[lead]!
  const stem = name ?? (directory === null ? cid!.slice(-12) : path.basename(directory))
  const suffix = `-${method.replaceAll('_', '-')}`
  const plain = stem
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
  return `${(plain === '' ? 'model' : plain).slice(0, MAX_ID - suffix.length)}${suffix}`
}

async function writeParts(
  results: readonly TaskResult[],
  tensors: readonly TensorSize[],
  context: JobContext,
) {
  const directory = path.join(context.workDirectory, 'parts')
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory, { recursive: true })
  const parts: PartFile[] = []
  for (const [index, result] of results.entries()) {
    const { from, end } = result.task.params as MergeTask
    const file = path.join(directory, `${index}.f32`)
    await writeFile(file, await result.read())
    parts.push({ file, tensors: tensors.slice(from, end) })
  }
  return parts
}

/** Files of directories that are no artifacts, by the name that the report gives them: their last part, never the whole path. */
async function hashesOf(placed: readonly MergeModel[], { pool }: MergeComponents, signal: AbortSignal) {
  const hashes: [string, JsonObject][] = []
  for (const { name, cid, directory } of placed)
    hashes.push([
      name,
      cid === null ? { files: await pool.run('merge.hash', { directory }, { signal }) } : { cid },
    ])
  return Object.fromEntries(hashes)
}

async function publish(
  params: MergeParams,
  merged: MergedModel,
  init: { outDir: string; report: JsonObject; private: boolean },
  context: JobContext,
): Promise<JsonObject> {
  const { artifacts, models, pin, signal } = context
  const id = idOf(params)
  const added = await artifacts.addPath(init.outDir, {
    name: id,
    pin,
    ...(init.private && { private: true }),
    signal,
  })
  const lead = Object.values(params.models).find((model) => model.id !== null)
  const entry = await models.register({
    id,
    cid: added.cid,
    name: merged.title,
    kind: merged.kind,
    parameters: merged.parameters,
    sizeBytes: added.sizeBytes,
    source: `merged by ${parseRecipe(params.recipe).method}`,
    parent: lead?.id ?? null,
    report: init.report,
    keeps: [],
  })
  return { id: entry.id, cid: added.cid, replayed: false, ...init.report }
}

/** Files of directories that are not what they were when the model was made; models that are artifacts cannot change. */
async function changedFiles(
  params: MergeParams,
  files: JsonObject,
  { models }: JobContext,
): Promise<string[]> {
  const before = (await models.get(params.replay!))?.report?.files ?? null
  const hashesIn = (all: JsonValue, name: string): JsonObject => {
    const entry = isJsonObject(all) && isJsonObject(all[name] ?? null) ? (all[name] as JsonObject) : {}
    return isJsonObject(entry.files ?? null) ? (entry.files as JsonObject) : {}
  }
  return Object.keys(files).flatMap((name) => {
    const [then, now] = [hashesIn(before, name), hashesIn(files, name)]
    return [...new Set([...Object.keys(then), ...Object.keys(now)])]
      .filter((file) => then[file] !== now[file])
      .map((file) => `${file} of ${name}`)
  })
}

async function compare(params: MergeParams, outDir: string, files: JsonObject, context: JobContext) {
  const { artifacts, stagePin, signal } = context
  const { cid } = await artifacts.addPath(outDir, { pin: stagePin, private: true, signal })
  if (cid === params.expected) return { id: params.replay, cid, replayed: true }
  const changed = await changedFiles(params, files, context)
  const why = changed.length === 0 ? 'none of its files has changed' : `changed: ${changed.join(', ')}`
  throw new VillageError(
    'MERGE_CHANGED',
    `The merge gave ${cid}, and "${params.replay}" is ${params.expected}; ${why}`.slice(0, MAX_MESSAGE),
    {
      fields: { cid, expected: params.expected, changed: changed.length },
    },
  )
}

export function mergeJob(components: MergeComponents): JobKind {
  const { pool } = components
  return {
    kind: 'merge',
    parseParams: parseMergeParams,
    settle: (params, context) => settleMerge(params as MergeParams, context),
    async plan(given, context) {
      const params = given as MergeParams
      if (params.id !== null && (await context.models.get(params.id)) !== null)
        throw new VillageError('MODEL_ID_TAKEN', `The id "${params.id}" belongs to another model`, {
          fields: { id: params.id },
        })
      const models = await modelsOf(params, components, context)
      const { signal, artifacts } = context
      const { tensors } = await pool.run('merge.survey', { recipe: params.recipe, models }, { signal })
      checkMemory(mergeMemoryBytes(tensors, models.length), context.memoryBytes)
      // They are read again when the job is assembled, whatever became of the models' names meanwhile.
      for (const { cid } of models) if (cid !== null) await artifacts.pin(cid, context.stagePin)
      const elements = tensors.reduce((sum, tensor) => sum + tensor.elements, 0)
      const isSmall = elements < LEAST_SLICES * params.sliceElements
      if (isSmall || !isShareable(params) || (await isPrivate(params, context))) return []
      const named = renameModels(params.recipe, (name) => params.models[name]!.cid!)
      const bytes = Buffer.from(JSON.stringify(named))
      const { cid: recipe } = await artifacts.addBytes(bytes, { pin: context.stagePin, private: true })
      return slicesOf(tensors, params.sliceElements).map((slice): PlannedTask => {
        const task: MergeTask = { recipe, models: [...new Set(models.map(({ cid }) => cid!))], ...slice }
        const label = `merge ${tensors[slice.from]!.name} and ${slice.end - slice.from - 1} more`
        return { kind: 'merge', params: task, after: [], label }
      })
    },
    async assemble(given, results, context) {
      const params = given as MergeParams
      const models = await modelsOf(params, components, context)
      const { workDirectory, signal } = context
      const { recipe } = params
      const { tensors } = await pool.run('merge.survey', { recipe, models }, { signal })
      const parts = await writeParts(results, tensors, context)
      const outDir = path.join(workDirectory, 'merged')
      await rm(outDir, { recursive: true, force: true })
      const workDir = path.join(workDirectory, 'building')
      const merged = await pool.run('merge.build', { recipe, models, outDir, workDir, parts }, { signal })
      const files = await hashesOf(models, components, signal)
      if (params.replay !== null) return compare(params, outDir, files, context)
      const { method, seed } = parseRecipe(recipe)
      const report: JsonObject = {
        method,
        seed,
        // Named by CID, so that a replay does not depend on what ids mean then.
        recipe: renameModels(recipe, (name) => params.models[name]!.cid ?? name),
        files,
        models: Object.fromEntries(
          Object.entries(params.models).map(([name, { id, cid }]) => [name, { id, cid }]),
        ),
        tensors: merged.tensors,
        parameters: merged.parameters,
        shared: results.length,
        buildMs: Math.round(merged.ms),
      }
      return publish(params, merged, { outDir, report, private: await isPrivate(params, context) }, context)
    },
  }
}
