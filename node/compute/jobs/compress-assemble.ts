/**
 * Puts the slices of a compressed model together: the packed form that moves between peers, the runnable ONNX, and the
 * report. All of it is a function of the slices and the original model; nothing of how the job was shared is in it.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { JsonObject } from '../../json.ts'
import { normalisedError } from '../codecs/encode-stats.ts'
import { encodeCompressedFile } from '../models/compressed-file.ts'
import type { ModelEntry } from '../models/model-entry.ts'
import { COMPRESSED_FILE, MODEL_FILE, PACKED_FILE } from '../models/model-files.ts'
import { copyExtras, encodeManifest, type PackedWeight } from '../models/packed.ts'
import type { RunnableWeight } from '../models/rewrite-packed.ts'
import { preparedOf } from './compress-ahead.ts'
import type { CompressParams } from './compress-params.ts'
import { compressedFile, compressReport, type Stored } from './compress-report.ts'
import { type SlicedWeight, type WrittenWeight, writeSlices } from './compress-slices.ts'
import type { JobContext } from './job.ts'

/** A compressed model that nobody knows of yet: plain JSON, kept as long as the job runs. */
export interface BuiltModel extends JsonObject {
  readonly packed: Stored
  /** The packed form itself where the model has no graph that could run. */
  readonly runnable: Stored
  readonly report: JsonObject
}

/** The model's id with the codec and what differs from its defaults in a word: `encoder-int4`, `encoder-seedlm-3bit`. */
function idOf(model: ModelEntry | null, cid: string, { codec, params }: CompressParams): string {
  const bits = typeof params.bits === 'number' && params.bits !== 4 ? `-${params.bits}bit` : ''
  return `${(model?.id ?? cid.slice(-12)).slice(0, 48)}-${codec}${bits}`
}

interface Source {
  readonly cid: string
  readonly directory: string
  readonly modelPath: string
  readonly format: 'onnx' | 'safetensors' | 'packed'
}

/** In both forms, since the runnable one is made of the packed one byte for byte. Safetensors come back as they were. */
async function sayCompressed(
  params: CompressParams,
  { format, cid }: Source,
  weights: readonly WrittenWeight[],
  outDir: string,
): Promise<void> {
  if (format !== 'onnx') return
  const said = encodeCompressedFile(compressedFile(params, cid, weights))
  await writeFile(path.join(outDir, COMPRESSED_FILE), said)
}

async function writePacked(
  params: CompressParams,
  source: Source,
  weights: readonly SlicedWeight[],
  packedDir: string,
  context: JobContext,
): Promise<WrittenWeight[]> {
  const { modelPath, directory, format } = source
  const written = await writeSlices(weights, packedDir, context)
  const missing = await context.pool.run(
    'packed.skeleton',
    { modelPath, outDir: packedDir, names: weights.map(({ name }) => name) },
    { signal: context.signal },
  )
  const byName = new Map(written.map((weight) => [weight.source.name, weight]))
  const packedWeights = missing.map((weight): PackedWeight => {
    const { source: sliced, stats, file, sliceBytes, codebook } = byName.get(weight.name)!
    const error = normalisedError(stats)
    const shared = codebook === null ? null : codebook.file
    return { ...weight, codec: sliced.codec, file, sliceBytes, codebook: shared, normalisedError: error }
  })
  const manifest = encodeManifest({
    source: format === 'safetensors' ? 'safetensors' : 'onnx',
    codec: params.codec,
    params: params.params,
    weights: packedWeights,
  })
  await writeFile(path.join(packedDir, PACKED_FILE), manifest)
  await copyExtras(directory, packedDir)
  await sayCompressed(params, source, written, packedDir)
  return written
}

async function writeRunnable(
  params: CompressParams,
  source: Source,
  weights: readonly WrittenWeight[],
  directories: { packed: string; runnable: string },
  { pool, signal }: JobContext,
): Promise<RunnableWeight[]> {
  await copyExtras(source.directory, directories.runnable)
  await sayCompressed(params, source, weights, directories.runnable)
  return pool.run(
    'model.rewrite',
    {
      modelPath: source.modelPath,
      outPath: path.join(directories.runnable, MODEL_FILE),
      runtime: params.runtime,
      weights: weights.map(({ source: { name, slices }, file, sliceBytes, codebook }) => ({
        name,
        file: path.join(directories.packed, file),
        sliceBytes,
        codebook: codebook === null ? null : path.join(directories.packed, codebook.file),
        prepared: slices.map(preparedOf),
      })),
    },
    { signal },
  )
}

/**
 * Writes the packed and the runnable form as artifacts and reports on them. Nothing is published: whether the model is
 * good enough is decided between this and publishCompressed().
 */
export async function buildCompressed(
  params: CompressParams,
  modelCid: string,
  weights: readonly SlicedWeight[],
  context: JobContext,
): Promise<BuiltModel> {
  const { artifacts, pool, models, signal, workDirectory } = context
  const original = await models.get(modelCid)
  const directory = await artifacts.materialize(modelCid, context.modelsDirectory)
  const modelPath = path.join(directory, MODEL_FILE)
  const format = await pool.run('model.format', { modelPath }, { signal })
  const source = { cid: modelCid, directory, modelPath, format }
  const directories = {
    packed: path.join(workDirectory, 'packed'),
    runnable: path.join(workDirectory, 'runnable'),
  }
  for (const one of Object.values(directories)) {
    await rm(one, { recursive: true, force: true })
    await mkdir(one, { recursive: true })
  }
  const written = await writePacked(params, source, weights, directories.packed, context)
  const id = params.id ?? idOf(original, modelCid, params)
  // What is made of a private model holds what it learned.
  const isPrivate = (await artifacts.info(modelCid))?.private === true
  const add = async (from: string, name: string): Promise<Stored> => {
    const { cid, sizeBytes } = await artifacts.addPath(from, {
      name,
      pin: context.stagePin,
      private: isPrivate,
      signal,
    })
    return { cid, sizeBytes }
  }
  const [packed, forms] = await Promise.all([
    add(directories.packed, `${id}.packed`),
    format === 'onnx' ? writeRunnable(params, source, written, directories, context) : [],
  ])
  const runnable = format === 'onnx' ? await add(directories.runnable, id) : packed
  const facts = await pool.run('model.inspect', { modelPath }, { signal })
  const model = {
    id: original?.id ?? null,
    cid: modelCid,
    parameters: facts.parameters as number,
    sizeBytes: (await artifacts.info(modelCid))?.sizeBytes ?? (facts.sizeBytes as number),
  }
  const report = compressReport({ params, model, weights: written, packed, runnable, forms })
  return { packed, runnable, report }
}

/** Makes a built model one of this node's models; `facts` are what was learned of it since (its quality). */
export async function publishCompressed(
  params: CompressParams,
  modelCid: string,
  built: BuiltModel,
  facts: JsonObject,
  context: Pick<JobContext, 'artifacts' | 'models' | 'pin'>,
): Promise<JsonObject> {
  const { artifacts, models, pin } = context
  const original = await models.get(modelCid)
  const report: JsonObject = { ...built.report, ...facts }
  const { parameters } = report.totals as { parameters: number }
  for (const { cid } of [built.packed, built.runnable]) await artifacts.pin(cid, pin)
  const entry = await models.register({
    id: params.id ?? idOf(original, modelCid, params),
    cid: built.runnable.cid,
    name: `${original?.name ?? modelCid}, ${params.codec}`,
    kind: built.runnable.cid === built.packed.cid ? 'packed' : (original?.kind ?? 'onnx'),
    parameters,
    sizeBytes: built.runnable.sizeBytes,
    source: `compressed from ${original?.id ?? modelCid}`,
    parent: original?.id ?? null,
    report,
    keeps: [built.packed.cid],
  })
  return { id: entry.id, ...report }
}
