/** Weights of a model, compressed once for all candidates that make the same choice. Runs in worker threads. */
import { createHash, randomBytes } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { CODEC_OPERATIONS } from '../../compute/codecs/operations.ts'
import { openWeights } from '../../compute/models/weight-source.ts'
import { canonicalJson, type JsonObject } from '../../json.ts'

export interface EncodeWeightRequest {
  readonly modelPath: string
  readonly name: string
  readonly codec: string
  readonly params: JsonObject
  readonly cacheDir: string
}

export interface EncodedWeight {
  /** One slice, the whole weight. */
  readonly file: string
  readonly sizeBytes: number
}

/** What is kept for candidates to come; those used longest ago go first, but none that may be in use. */
const MAX_CACHE_BYTES = 2 ** 30
/** A candidate that was told of a file needs it for so long at most: until it has been put together. */
const SPARED_MS = 10 * 60_000

function shrinkCache(cacheDir: string): void {
  const sparedFromMs = Date.now() - SPARED_MS
  const files = readdirSync(cacheDir)
    .map((name) => path.join(cacheDir, name))
    .flatMap((file) => {
      const stats = statSync(file, { throwIfNoEntry: false })
      return stats === undefined ? [] : [{ file, sizeBytes: stats.size, usedAtMs: stats.mtimeMs }]
    })
    .sort((a, b) => b.usedAtMs - a.usedAtMs)
  let kept = 0
  for (const { file, sizeBytes, usedAtMs } of files) {
    kept += sizeBytes
    if (kept > MAX_CACHE_BYTES && usedAtMs < sparedFromMs) rmSync(file, { force: true })
  }
}

/** Where the packed form of a weight lies, or would. */
function fileOf({ modelPath, name, codec, params, cacheDir }: EncodeWeightRequest): string {
  const key = canonicalJson([modelPath, name, codec, params])
  return path.join(cacheDir, `${createHash('sha256').update(key).digest('hex').slice(0, 32)}.vslc`)
}

export async function encodeWeight(
  request: EncodeWeightRequest,
  signal: AbortSignal,
): Promise<EncodedWeight> {
  const file = fileOf(request)
  if (!existsSync(file)) {
    mkdirSync(request.cacheDir, { recursive: true })
    using source = openWeights(request.modelPath)
    const weight = source.weights(1).find(({ name }) => name === request.name)
    const matrix = source.readRows(request.name, 0, weight?.rows ?? 0)
    const { codec, params } = request
    const { packed } = await CODEC_OPERATIONS['codec.encode']({ codec, params, matrix }, signal, () => {})
    // Whole or not at all: another thread may be doing the same.
    const partial = `${file}.${randomBytes(4).toString('hex')}`
    writeFileSync(partial, packed)
    renameSync(partial, file)
    shrinkCache(request.cacheDir)
  } else {
    const now = new Date()
    utimesSync(file, now, now)
  }
  return { file, sizeBytes: statSync(file).size }
}
