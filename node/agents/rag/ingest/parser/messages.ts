/** What the daemon and a parser process say to each other, as JSON over the channel of the child process. */
import type { ChunkOptions } from '../chunk.ts'
import type { ParseLimits } from '../formats/format.ts'
import { SIGNATURE_BINS } from '../near-duplicates.ts'
import type { ChunkDraft, ParsedFile } from '../parsed-file.ts'

export interface ParserSettings {
  readonly maxFileBytes: number
  readonly maxStreamedBytes: number
  readonly chunking: ChunkOptions
  readonly limits: ParseLimits
  /** Of the process, with its buffers. */
  readonly memoryBytes: number
}

export interface FileToParse {
  readonly path: string
  readonly source: string
}

export type ToParser =
  | { readonly type: 'start'; readonly settings: ParserSettings }
  | { readonly type: 'files'; readonly files: readonly FileToParse[] }
  /** A `results` message was taken: another may be sent. */
  | { readonly type: 'taken' }

/** The head of a document; its chunks may follow in several items. `signature` is base64. */
export type DocumentHead = Omit<ParsedFile, 'file' | 'chunks' | 'signature'> & {
  readonly signature: string | null
}

/** `file` is the index within the batch. Items of a file come in order and end with its `done`. */
export type ParserItem =
  | {
      readonly kind: 'document'
      readonly file: number
      readonly head: DocumentHead
      readonly chunkCount: number
    }
  | { readonly kind: 'chunks'; readonly file: number; readonly chunks: readonly ChunkDraft[] }
  | {
      readonly kind: 'problem'
      readonly file: number
      readonly source: string
      readonly code: string
      readonly message: string
    }
  | { readonly kind: 'done'; readonly file: number; readonly isComplete: boolean }

export type FromParser =
  | { readonly type: 'ready' }
  | { readonly type: 'results'; readonly items: readonly ParserItem[] }

export function encodeSignature(signature: Uint16Array | null): string | null {
  if (signature === null) return null
  return Buffer.from(signature.buffer, signature.byteOffset, signature.byteLength).toString('base64')
}

/** Null for what is no signature. Byte order is this machine's: both ends are. */
export function decodeSignature(text: string | null): Uint16Array | null {
  const bytes = Buffer.from(text ?? '', 'base64')
  if (bytes.length !== SIGNATURE_BINS * 2) return null
  const copy = new Uint16Array(SIGNATURE_BINS)
  new Uint8Array(copy.buffer).set(bytes)
  return copy
}
