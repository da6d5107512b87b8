/**
 * compressed.json in both forms of a compressed ONNX model: what it was made of, and how. It goes where the files go, so
 * that others know what they got; the report of the job stays with its owner. To those others it is the word of a stranger.
 */
import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { isJsonObject, type JsonObject } from '../../json.ts'
import { COMPRESSED_FILE } from './model-files.ts'

export interface CompressedFile {
  /** CID of the original. */
  readonly model: string
  /** Name of a codec, or `auto`. */
  readonly codec: string
  /** Of the compressed weights, with all overheads. */
  readonly bitsPerWeight: number
}

const VERSION = 1
const MAX_FILE_BYTES = 4_096
export const CID_TEXT = /^[a-z2-7]{10,96}$/
const CODEC_TEXT = /^[a-z][a-z0-9-]{0,31}$/
const MAX_BITS = 1_024

export function encodeCompressedFile(file: CompressedFile): string {
  return `${JSON.stringify({ format: 'village-compressed', version: VERSION, ...file })}\n`
}

/** Null where there is none, or none that is understood: a model is not refused for what is said about it. */
export function readCompressedFile(modelDir: string): CompressedFile | null {
  const file = path.join(modelDir, COMPRESSED_FILE)
  const stats = statSync(file, { throwIfNoEntry: false })
  if (stats === undefined || !stats.isFile() || stats.size > MAX_FILE_BYTES) return null
  const json = parsed(readFileSync(file, 'utf8'))
  if (json === null || json.format !== 'village-compressed' || json.version !== VERSION) return null
  const { model, codec, bitsPerWeight } = json
  if (typeof model !== 'string' || !CID_TEXT.test(model)) return null
  if (typeof codec !== 'string' || !CODEC_TEXT.test(codec)) return null
  if (typeof bitsPerWeight !== 'number' || !(bitsPerWeight > 0 && bitsPerWeight <= MAX_BITS)) return null
  return { model, codec, bitsPerWeight }
}

function parsed(text: string): JsonObject | null {
  try {
    const json: unknown = JSON.parse(text)
    return isJsonObject(json) ? json : null
  } catch {
    return null
  }
}
