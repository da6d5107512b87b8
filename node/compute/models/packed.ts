/**
 * The packed form of a compressed model: a directory of
 *
 *   packed.json           what follows, version 1
 *   graph.onnx            the model without its compressed weights (skeleton.ts)
 *   weights/0000.vslc …   the slices of one weight, one after another (codecs/wire.ts), in the order of its rows
 *   model.json, tokenizer.json   as they were, where the model has them
 *
 * It is what moves between peers and sits on small disks. `unpackModel` makes an ordinary ONNX model of it.
 */
import { copyFile, mkdir, readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import { loadKernels } from '../kernels.ts'
import { CARD_FILE, MODEL_FILE, TOKENIZER_FILE } from './model-card.ts'
import { fillSkeleton, type MissingWeight, writeSkeleton } from './skeleton.ts'

export const PACKED_FILE = 'packed.json'
export const GRAPH_FILE = 'graph.onnx'
export const SLICES_DIRECTORY = 'weights'
const VERSION = 1
const MAX_MANIFEST_BYTES = 64 * 2 ** 20

export interface PackedWeight extends MissingWeight {
  readonly codec: string
  /** Below the packed directory. */
  readonly file: string
  readonly sliceBytes: readonly number[]
}

export interface PackedManifest {
  readonly format: 'village-packed'
  readonly version: typeof VERSION
  readonly codec: string
  readonly params: JsonObject
  readonly weights: readonly PackedWeight[]
}

export function encodeManifest(init: Pick<PackedManifest, 'codec' | 'params' | 'weights'>): string {
  return `${JSON.stringify({ format: 'village-packed', version: VERSION, ...init })}\n`
}

const malformed = (what: string) =>
  new VillageError('MODEL_MALFORMED', `The packed model is not valid: ${what} of ${PACKED_FILE}`)

function parseWeight(value: JsonValue): PackedWeight {
  if (!isJsonObject(value)) throw malformed('a weight')
  const number = (name: string, min: number): number => {
    const found = value[name]
    if (!Number.isSafeInteger(found) || (found as number) < min) throw malformed(`"${name}" of a weight`)
    return found as number
  }
  const text = (name: string): string => {
    const found = value[name]
    if (typeof found !== 'string' || found.length === 0 || found.length > 1024)
      throw malformed(`"${name}" of a weight`)
    return found
  }
  const { sliceBytes, transposed } = value
  if (!Array.isArray(sliceBytes) || !sliceBytes.every((size) => Number.isSafeInteger(size) && size > 0))
    throw malformed('"sliceBytes" of a weight')
  const file = text('file')
  if (!/^weights\/\d{4,6}\.vslc$/.test(file)) throw malformed('"file" of a weight')
  return {
    name: text('name'),
    rows: number('rows', 1),
    cols: number('cols', 1),
    transposed: transposed === true,
    elementType: number('elementType', 1),
    offset: number('offset', 0),
    sizeBytes: number('sizeBytes', 1),
    codec: text('codec'),
    file,
    sliceBytes: sliceBytes as number[],
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
  if (json.version !== VERSION) throw malformed('"version"')
  const { codec, params, weights } = json
  if (typeof codec !== 'string' || !isJsonObject(params) || !Array.isArray(weights))
    throw malformed('a field')
  return { format: 'village-packed', version: VERSION, codec, params, weights: weights.map(parseWeight) }
}

/**
 * Makes an ordinary model directory of a packed one: the same graph with the decoded weights. Memory is one
 * weight. Throws MODEL_MALFORMED and CODEC_MALFORMED for a packed directory that is not valid.
 */
async function unpackModel(init: { packedDir: string; outDir: string }): Promise<{ sha256: string }> {
  const file = path.join(init.packedDir, PACKED_FILE)
  if ((await stat(file)).size > MAX_MANIFEST_BYTES) throw malformed('the size')
  const manifest = parseManifest(await readFile(file))
  for (const { rows, cols, sizeBytes } of manifest.weights)
    if (sizeBytes !== rows * cols * 4 && sizeBytes !== rows * cols * 2)
      throw malformed('"sizeBytes" of a weight')
  await mkdir(init.outDir, { recursive: true })
  await copyFile(path.join(init.packedDir, GRAPH_FILE), path.join(init.outDir, MODEL_FILE))
  for (const name of [CARD_FILE, TOKENIZER_FILE])
    await copyFile(path.join(init.packedDir, name), path.join(init.outDir, name)).catch((error) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    })
  const weights = manifest.weights.map((one) => ({ ...one, file: path.join(init.packedDir, one.file) }))
  const sha256 = fillSkeleton({ kernels: loadKernels() }, { directory: init.outDir, weights })
  return { sha256 }
}

/** Rows of the operations table. */
export const PACKED_OPERATIONS = {
  'packed.skeleton': async (init: { modelPath: string; outPath: string; names: readonly string[] }) =>
    writeSkeleton(init),
  'packed.unpack': unpackModel,
}
