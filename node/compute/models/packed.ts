/**
 * The packed form of a compressed model: a directory of
 *
 *   packed.json           what follows, version 2
 *   graph.onnx            the model without its compressed weights (skeleton.ts), or of a model of safetensors
 *   rest.safetensors, shards.json   (safetensors-skeleton.ts)
 *   weights/0000.vslc …   the slices of one weight, one after another (codecs/wire.ts), in the order of its rows
 *   codebooks/0000.vqcb … what the slices of some weights were encoded with, each once
 *   model.json, tokenizer.json and other small files   as they were, where the model has them
 *
 * It is what moves between peers and sits on small disks. `unpackModel` makes an ordinary ONNX model of it.
 */
import { readFileSync, statSync } from 'node:fs'
import { chmod, copyFile, mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import { loadKernels } from '../kernels.ts'
import { BFLOAT16, FLOAT16, FLOAT32 } from '../onnx/data-types.ts'
import { elementBytes } from '../onnx/dense-writer.ts'
import type { RuntimeChoice } from '../onnx/requantize.ts'
import { EXTRA_FILES, MODEL_FILE, PACKED_FILE } from './model-files.ts'
import { MAX_SLICE_WEIGHTS } from './packed-slices.ts'
import { rewritePacked } from './rewrite-packed.ts'
import { fillSafetensors, writeSafetensorsSkeleton } from './safetensors-skeleton.ts'
import { fillSkeleton, type MissingWeight, WEIGHTS_FILE, writeSkeleton } from './skeleton.ts'
import { formatOf } from './weight-source.ts'

export const GRAPH_FILE = 'graph.onnx'
export const SLICES_DIRECTORY = 'weights'
export const CODEBOOKS_DIRECTORY = 'codebooks'
/** Version 1 had one codec for the whole model, and neither codebooks nor errors: it is still read. */
const VERSION = 2
/** Of files that are copied: what was copied may be written by nobody. */
const FILE_MODE = 0o644
const MAX_MANIFEST_BYTES = 64 * 2 ** 20
/** Beyond it the runnable model keeps its data in a file of its own, as protobuf demands from 2 GiB on. */
const MAX_INLINE_BYTES = 2 ** 30
/** More than any alignment that was ever written. */
const MAX_PADDING_BYTES = 4096

export interface PackedWeight extends MissingWeight {
  readonly codec: string
  /** Below the packed directory. */
  readonly file: string
  readonly sliceBytes: readonly number[]
  /** Below the packed directory; null for codecs without one. */
  readonly codebook: string | null
  /** |w - ŵ|² / |w|² when it was encoded; null where that was not recorded. */
  readonly normalisedError: number | null
}

export interface PackedManifest {
  readonly format: 'village-packed'
  readonly version: typeof VERSION
  /** What it was made of, and what unpacking gives. */
  readonly source: 'onnx' | 'safetensors'
  /** Of all weights, or `auto` where each has its own. */
  readonly codec: string
  readonly params: JsonObject
  readonly weights: readonly PackedWeight[]
}

export function encodeManifest(init: Omit<PackedManifest, 'format' | 'version'>): string {
  return `${JSON.stringify({ format: 'village-packed', version: VERSION, ...init })}\n`
}

const CODEBOOK_FILE = /^codebooks\/\d{4,6}\.vqcb$/

const malformed = (what: string) =>
  new VillageError('MODEL_MALFORMED', `The packed model is not valid: ${what} of ${PACKED_FILE}`)

function parseWeight(value: JsonValue): PackedWeight {
  if (!isJsonObject(value)) throw malformed('a weight')
  const number = (name: string, min: number, max = Number.MAX_SAFE_INTEGER): number => {
    const found = value[name]
    if (!Number.isSafeInteger(found) || (found as number) < min || (found as number) > max)
      throw malformed(`"${name}" of a weight`)
    return found as number
  }
  const text = (name: string): string => {
    const found = value[name]
    if (typeof found !== 'string' || found.length === 0 || found.length > 1024)
      throw malformed(`"${name}" of a weight`)
    return found
  }
  const { sliceBytes, transposed, codebook = null, normalisedError = null } = value
  if (!Array.isArray(sliceBytes) || !sliceBytes.every((size) => Number.isSafeInteger(size) && size > 0))
    throw malformed('"sliceBytes" of a weight')
  if (codebook !== null && !(typeof codebook === 'string' && CODEBOOK_FILE.test(codebook)))
    throw malformed('"codebook" of a weight')
  if (normalisedError !== null && !(typeof normalisedError === 'number' && normalisedError >= 0))
    throw malformed('"normalisedError" of a weight')
  if (![FLOAT32, FLOAT16, BFLOAT16].includes(value.elementType as number))
    throw malformed('"elementType" of a weight')
  const file = text('file')
  if (!/^weights\/\d{4,6}\.vslc$/.test(file)) throw malformed('"file" of a weight')
  return {
    name: text('name'),
    rows: number('rows', 1),
    // A slice has at least one row, and memory is taken by the row before the first slice is read.
    cols: number('cols', 1, MAX_SLICE_WEIGHTS),
    transposed: transposed === true,
    elementType: number('elementType', 1),
    offset: number('offset', 0),
    sizeBytes: number('sizeBytes', 1),
    codec: text('codec'),
    file,
    sliceBytes: sliceBytes as number[],
    codebook,
    normalisedError,
  }
}

/** Reads a manifest that may come from anybody; throws MODEL_MALFORMED. */
export function parseManifest(bytes: Uint8Array): PackedManifest {
  if (bytes.byteLength > MAX_MANIFEST_BYTES) throw malformed('the size')
  let json: unknown
  try {
    json = JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    throw malformed('the text')
  }
  if (!isJsonObject(json) || json.format !== 'village-packed') throw malformed('"format"')
  if (json.version !== VERSION && json.version !== 1) throw malformed('"version"')
  // Version 1 knew only ONNX.
  const { codec, params, weights, source = 'onnx' } = json
  if (source !== 'onnx' && source !== 'safetensors') throw malformed('"source"')
  if (typeof codec !== 'string' || !isJsonObject(params) || !Array.isArray(weights))
    throw malformed('a field')
  const parsed = weights.map(parseWeight)
  // A file that many weights shared would let a small packed model fill a disk.
  for (const field of ['name', 'file'] as const)
    if (new Set(parsed.map((weight) => weight[field])).size < parsed.length)
      throw malformed(`"${field}" of two weights`)
  return {
    format: 'village-packed',
    version: VERSION,
    source,
    codec,
    params,
    weights: parsed,
  }
}

/** The manifest of a packed directory. Throws NOT_FOUND and MODEL_MALFORMED. */
export function readManifest(packedDir: string): PackedManifest {
  const file = path.join(packedDir, PACKED_FILE)
  const stats = statSync(file, { throwIfNoEntry: false })
  if (stats?.isFile() !== true)
    throw new VillageError('NOT_FOUND', `The directory has no ${PACKED_FILE}: it is no packed model`)
  if (stats.size > MAX_MANIFEST_BYTES) throw malformed('the size')
  return parseManifest(readFileSync(file))
}

/** Copies the small files that belong to a model, those that it has. */
export async function copyExtras(from: string, to: string): Promise<void> {
  for (const name of EXTRA_FILES) {
    const target = path.join(to, name)
    try {
      await copyFile(path.join(from, name), target)
      await chmod(target, FILE_MODE)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
}

/** Where each weight lies in weights.bin: one after another, with nothing but padding between. */
function checkPlaces(weights: readonly PackedWeight[]): number {
  let end = 0
  for (const { rows, cols, offset, sizeBytes, elementType } of weights) {
    if (sizeBytes !== rows * cols * elementBytes(elementType)) throw malformed('"sizeBytes" of a weight')
    if (offset < end || offset - end > MAX_PADDING_BYTES) throw malformed('"offset" of a weight')
    end = offset + sizeBytes
  }
  return end
}

/** `float` gives every weight its decoded values in the model's own type; the others as a job writes models to run. */
export type UnpackRuntime = 'float' | RuntimeChoice

export interface UnpackRequest {
  readonly packedDir: string
  readonly outDir: string
  readonly runtime?: UnpackRuntime
}

/**
 * Makes an ordinary model directory of a packed one. Memory is one slice of a weight. Throws MODEL_MALFORMED and
 * CODEC_MALFORMED for a packed directory that is not valid.
 */
async function unpackModel(init: UnpackRequest, signal: AbortSignal): Promise<void> {
  const manifest = readManifest(init.packedDir)
  const sizeBytes = checkPlaces(manifest.weights)
  await mkdir(init.outDir, { recursive: true })
  await copyExtras(init.packedDir, init.outDir)
  const weights = manifest.weights.map((one) => ({
    ...one,
    file: path.join(init.packedDir, one.file),
    codebook: one.codebook === null ? null : path.join(init.packedDir, one.codebook),
  }))
  const components = { kernels: loadKernels() }
  const modelPath = path.join(init.outDir, MODEL_FILE)
  const { runtime = 'float' } = init
  if (manifest.source === 'safetensors') {
    if (runtime !== 'float')
      throw new VillageError('INVALID_ARGUMENT', 'A model of safetensors has no graph that could run', {
        fields: { argument: 'runtime' },
      })
    await fillSafetensors(components, { ...init, weights }, signal)
    return
  }
  if (runtime === 'float') {
    await fillSkeleton(components, { directory: init.outDir, weights }, signal)
    await copyFile(path.join(init.packedDir, GRAPH_FILE), modelPath)
    await chmod(modelPath, FILE_MODE)
    return
  }
  // The skeleton opens as a model once its data file has a size; none of the weights in it is read.
  const skeletonDir = await mkdtemp(path.join(init.outDir, 'skeleton-'))
  try {
    await copyFile(path.join(init.packedDir, GRAPH_FILE), path.join(skeletonDir, GRAPH_FILE))
    await writeFile(path.join(skeletonDir, WEIGHTS_FILE), '')
    await truncate(path.join(skeletonDir, WEIGHTS_FILE), sizeBytes)
    const request = {
      modelPath: path.join(skeletonDir, GRAPH_FILE),
      outPath: modelPath,
      runtime,
      external: sizeBytes > MAX_INLINE_BYTES,
      weights,
    }
    await rewritePacked(components, request, signal)
  } finally {
    await rm(skeletonDir, { recursive: true, force: true })
  }
}

/** Takes weights out of a model: what stays is written below `outDir`. */
async function writePackedSkeleton(init: {
  modelPath: string
  outDir: string
  names: readonly string[]
}): Promise<MissingWeight[]> {
  const { modelPath, outDir, names } = init
  return formatOf(modelPath) === 'onnx'
    ? writeSkeleton({ modelPath, outPath: path.join(outDir, GRAPH_FILE), names })
    : await writeSafetensorsSkeleton({ directory: path.dirname(modelPath), outDir, names })
}

/** Rows of the operations table. */
export const PACKED_OPERATIONS = {
  'packed.skeleton': writePackedSkeleton,
  'packed.unpack': unpackModel,
}
