/** A compressed model from a recipe: its packed form, which is what a winner is, and the model that runs, which is what is scored. */
import { copyFile, link, mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { MODEL_FILE, PACKED_FILE, README_FILE } from '../../compute/models/model-files.ts'
import {
  copyExtras,
  encodeManifest,
  type PackedWeight,
  SLICES_DIRECTORY,
} from '../../compute/models/packed.ts'
import type { JsonObject } from '../../json.ts'
import type { WorkloadContext } from './workload.ts'

export interface CodecRow extends JsonObject {
  readonly codec: string
  readonly params: JsonObject
}

/** By weight. */
export type CompressRecipe = ReadonlyMap<string, CodecRow>

async function place(from: string, to: string): Promise<void> {
  // Another file system than that of the cache cannot share the bytes.
  await link(from, to).catch(() => copyFile(from, to))
}

/** Writes the packed form. Weights that were compressed alike before are taken from `context.workDirectory`. */
export async function writePackedCandidate(
  context: WorkloadContext,
  init: { readonly modelDir: string; readonly recipe: CompressRecipe; readonly outDir: string },
  signal: AbortSignal,
): Promise<{ packedBytes: number; busyMs: number }> {
  const { pool, workDirectory } = context
  const { modelDir, recipe, outDir } = init
  const modelPath = path.join(modelDir, MODEL_FILE)
  const cacheDir = path.join(workDirectory, 'packed-weights')
  await mkdir(path.join(outDir, SLICES_DIRECTORY), { recursive: true })
  const names = [...recipe.keys()]
  let busyMs = 0
  let packedBytes = 0
  const rows = new Map<string, Pick<PackedWeight, 'file' | 'sliceBytes' | 'codec'>>()
  for (const [index, name] of names.entries()) {
    const { codec, params } = recipe.get(name)!
    const encoded = await pool.run(
      'workload.encodeWeight',
      { modelPath, name, codec, params, cacheDir },
      { signal },
    )
    const file = `${SLICES_DIRECTORY}/${String(index).padStart(4, '0')}.vslc`
    await place(encoded.file, path.join(outDir, file))
    rows.set(name, { file, sliceBytes: [encoded.sizeBytes], codec })
    busyMs += encoded.busyMs
    packedBytes += encoded.sizeBytes
  }
  const missing = await pool.run('packed.skeleton', { modelPath, outDir, names }, { signal })
  const weights = missing.map(
    (weight): PackedWeight => ({
      ...weight,
      ...rows.get(weight.name)!,
      codebook: null,
      normalisedError: null,
    }),
  )
  await copyExtras(modelDir, outDir)
  await rm(path.join(outDir, README_FILE), { force: true })
  const manifest = encodeManifest({ source: 'onnx', codec: 'auto', params: {}, weights })
  await writeFile(path.join(outDir, PACKED_FILE), manifest)
  return { packedBytes, busyMs }
}
