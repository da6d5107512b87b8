/**
 * Puts the slices of a compressed model together: the packed form that moves between peers, the runnable ONNX, and the
 * report. All of it is a function of the slices and the original model; nothing of how the job was shared is in it.
 */
import { appendFile, copyFile, mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { addEncodeStats, bitsPerWeight, type EncodeStats, relativeError } from '../codecs/encode-stats.ts'
import { CARD_FILE, MODEL_FILE, TOKENIZER_FILE } from '../models/model-card.ts'
import {
  encodeManifest,
  GRAPH_FILE,
  PACKED_FILE,
  type PackedWeight,
  SLICES_DIRECTORY,
} from '../models/packed.ts'
import type { ModelEntry } from '../models/registry.ts'
import type { CompressParams } from './compress-job.ts'
import type { JobContext, TaskResult } from './job.ts'

export interface SlicedWeight {
  readonly name: string
  readonly cols: number
  /** In the order of their rows. */
  readonly slices: TaskResult[]
}

interface WrittenWeight {
  readonly name: string
  readonly stats: EncodeStats
  readonly sliceBytes: number[]
  readonly sliceFiles: string[]
  /** Below the packed directory. */
  readonly file: string
}

function statsOf(result: TaskResult): EncodeStats {
  const number = (name: string): number => {
    const value = result.stats[name]
    if (typeof value !== 'number') throw new VillageError('DATA_CORRUPT', `A stored result has no "${name}"`)
    return value
  }
  return {
    weights: number('weights'),
    packedBytes: number('packedBytes'),
    squaredError: number('squaredError'),
    squaredNorm: number('squaredNorm'),
    maxAbsError: number('maxAbsError'),
  }
}

/** Writes the slices of one weight: each by itself for the rewriter, and all in one file for the packed form. */
async function writeWeight(weight: SlicedWeight, index: number, directory: string): Promise<WrittenWeight> {
  const number = index.toString().padStart(4, '0')
  const file = `${SLICES_DIRECTORY}/${number}.vslc`
  const sliceFiles: string[] = []
  const sliceBytes: number[] = []
  let stats: EncodeStats | undefined
  for (const [part, result] of weight.slices.entries()) {
    const bytes = await result.read()
    const sliceFile = path.join(directory, 'slices', `${number}-${part}.vslc`)
    await writeFile(sliceFile, bytes)
    await appendFile(path.join(directory, 'packed', file), bytes)
    sliceFiles.push(sliceFile)
    sliceBytes.push(bytes.byteLength)
    stats = stats === undefined ? statsOf(result) : addEncodeStats(stats, statsOf(result))
  }
  return { name: weight.name, stats: stats!, sliceBytes, sliceFiles, file }
}

async function copyExtras(from: string, to: string): Promise<void> {
  for (const name of [TOKENIZER_FILE, CARD_FILE])
    await copyFile(path.join(from, name), path.join(to, name)).catch((error) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    })
}

/** The model's id with the codec and what differs from its defaults in a word: `encoder-int4`, `encoder-seedlm-3bit`. */
function idOf(model: ModelEntry | null, cid: string, { codec, params }: CompressParams): string {
  const bits = codec === 'seedlm' && params.bits === 3 ? '-3bit' : ''
  return `${(model?.id ?? cid.slice(-12)).slice(0, 48)}-${codec}${bits}`
}

export async function assembleCompressed(
  params: CompressParams,
  modelCid: string,
  weights: readonly SlicedWeight[],
  context: JobContext,
): Promise<JsonObject> {
  const { artifacts, pool, models, signal, workDirectory } = context
  const original = await models.get(modelCid)
  const source = await artifacts.materialize(modelCid, context.modelsDirectory)
  const modelPath = path.join(source, MODEL_FILE)
  const packedDir = path.join(workDirectory, 'packed')
  const runnableDir = path.join(workDirectory, 'runnable')
  for (const directory of [
    path.join(packedDir, SLICES_DIRECTORY),
    runnableDir,
    path.join(workDirectory, 'slices'),
  ])
    await mkdir(directory, { recursive: true })

  const written: WrittenWeight[] = []
  for (const [index, weight] of weights.entries()) {
    signal.throwIfAborted()
    written.push(await writeWeight(weight, index, workDirectory))
  }
  const missing = await pool.run(
    'packed.skeleton',
    { modelPath, outPath: path.join(packedDir, GRAPH_FILE), names: written.map(({ name }) => name) },
    { signal },
  )
  const byName = new Map(written.map((weight) => [weight.name, weight]))
  const packedWeights = missing.map((weight): PackedWeight => {
    const { file, sliceBytes } = byName.get(weight.name)!
    return { ...weight, codec: params.codec, file, sliceBytes }
  })
  const manifest = encodeManifest({ codec: params.codec, params: params.params, weights: packedWeights })
  await writeFile(path.join(packedDir, PACKED_FILE), manifest)
  await copyExtras(source, packedDir)

  const rewritten = await pool.run(
    'model.rewrite',
    {
      modelPath,
      outPath: path.join(runnableDir, MODEL_FILE),
      weights: written.map(({ name, sliceFiles }) => ({ name, slices: sliceFiles })),
    },
    { signal },
  )
  await copyExtras(source, runnableDir)

  const id = params.id ?? idOf(original, modelCid, params)
  const packed = await artifacts.addPath(packedDir, { name: `${id}.packed`, pin: context.pin, signal })
  const runnable = await artifacts.addPath(runnableDir, { name: id, pin: context.pin, signal })
  const facts = await pool.run('model.inspect', { modelPath }, { signal })
  const forms = new Map(rewritten.map((weight) => [weight.name, weight]))
  const total = written.map(({ stats }) => stats).reduce(addEncodeStats)
  const parameters = facts.parameters as number
  const originalBytes = (await artifacts.info(modelCid))?.sizeBytes ?? (facts.sizeBytes as number)
  const report: JsonObject = {
    codec: params.codec,
    params: params.params,
    model: original?.id ?? null,
    modelCid,
    packed: { cid: packed.cid, sizeBytes: packed.sizeBytes },
    runnable: { cid: runnable.cid, sizeBytes: runnable.sizeBytes },
    totals: {
      parameters,
      /** Weights that went through the codec; the others are as they were. */
      compressedWeights: total.weights,
      /** Of the compressed weights, with slice headers, scales, codes and padding. */
      bitsPerWeight: bitsPerWeight(total),
      /** Of all parameters, over everything in the packed directory. */
      bitsPerParameter: (packed.sizeBytes * 8) / parameters,
      relativeError: relativeError(total),
      maxAbsError: total.maxAbsError,
      originalBytes,
      packedBytes: packed.sizeBytes,
      runnableBytes: runnable.sizeBytes,
      ratio: originalBytes / packed.sizeBytes,
      runnableRatio: originalBytes / runnable.sizeBytes,
    },
    tensors: written.map(({ name, stats, sliceBytes }) => ({
      name,
      weights: stats.weights,
      slices: sliceBytes.length,
      packedBytes: stats.packedBytes,
      bitsPerWeight: bitsPerWeight(stats),
      relativeError: relativeError(stats),
      maxAbsError: stats.maxAbsError,
      runtime: forms.get(name)!.runtime,
      runtimeBits: forms.get(name)!.bits,
      runtimeBytes: forms.get(name)!.sizeBytes,
    })),
  }
  const entry = await models.register({
    id,
    cid: runnable.cid,
    name: `${original?.name ?? modelCid}, ${params.codec}`,
    kind: original?.kind ?? 'onnx',
    parameters,
    sizeBytes: runnable.sizeBytes,
    source: `compressed from ${original?.id ?? modelCid}`,
    parent: original?.id ?? null,
    report,
    keeps: [packed.cid],
  })
  return { id: entry.id, ...report }
}
