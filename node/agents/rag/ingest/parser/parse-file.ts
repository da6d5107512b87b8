/** One file to documents and chunks, in a parser process: opened safely, checked by content, parsed, cut. */
import { createHash } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import path from 'node:path'
import { isErrorCode, VillageError } from '../../../../errors.ts'
import { draftChunks } from '../chunk.ts'
import { signatureOf } from '../formats/decode-text.ts'
import type { Format, ParseContext, ParsedBody, ParsedPiece } from '../formats/format.ts'
import { extensionOf, formatOf } from '../formats/table.ts'
import { detectLanguage } from '../language.ts'
import { signature } from '../near-duplicates.ts'
import type { ChunkDraft } from '../parsed-file.ts'
import { type DocumentHead, encodeSignature, type FileToParse, type ParserSettings } from './messages.ts'
import { readParts } from './read-parts.ts'

/** Where the results go; resolves when there is room for more. */
export interface Emit {
  document(head: DocumentHead, chunks: readonly ChunkDraft[]): Promise<void>
  problem(source: string, code: string, message: string): Promise<void>
}

/** The file was seen whole, and this is what it is now: what it held before is gone. After other codes that is not known. */
const SAYS_ALL: ReadonlySet<string> = new Set([
  'ARCHIVE_BOMB',
  'BINARY_FILE',
  'DOCUMENT_ENCRYPTED',
  'FILE_EMPTY',
  'FILE_TYPE_MISMATCH',
  'FILE_UNSUPPORTED',
  'PDF_NO_TEXT',
])

interface FileState {
  readonly sizeBytes: number
  readonly modifiedAtNs: bigint
}

/** Whatever was thrown as a code and a sentence. Messages of libraries may quote the file: they stay here. */
export function problemOf(error: unknown): { code: string; message: string } {
  if (error instanceof VillageError) return { code: error.code, message: error.message }
  const system = (error as NodeJS.ErrnoException).code
  if (system === 'ELOOP') return { code: 'LINK_BROKEN', message: 'The file became a link while it was read.' }
  if (system === 'ENOENT')
    return { code: 'FILE_CHANGING', message: 'The file was removed before it was read.' }
  if (system === 'EACCES' || system === 'EPERM' || system === 'EIO')
    return { code: 'FILE_UNREADABLE', message: `The file cannot be read (${system}).` }
  if (error instanceof RangeError)
    return { code: 'PARSE_FAILED', message: 'The file is nested too deeply, or too long, to be parsed.' }
  if (system !== undefined && isErrorCode(system))
    return { code: system, message: 'The file cannot be read.' }
  return { code: 'PARSE_FAILED', message: 'The file could not be parsed.' }
}

/** Nobody else works in this process: waiting for the disk costs less than being told. */
function stateOf(handle: number): FileState {
  const stat = fstatSync(handle, { bigint: true })
  if (!stat.isFile()) throw new VillageError('FILE_SPECIAL')
  return { sizeBytes: Number(stat.size), modifiedAtNs: stat.mtimeNs }
}

function isSame(a: FileState, b: FileState): boolean {
  return a.sizeBytes === b.sizeBytes && a.modifiedAtNs === b.modifiedAtNs
}

/** Null when the file was changed meanwhile. */
function readWhole(handle: number, state: FileState): Buffer | null {
  // One byte more, so that growing is noticed without waiting for the end of what grows.
  const bytes = Buffer.allocUnsafe(state.sizeBytes + 1)
  let held = 0
  while (held < bytes.length) {
    const bytesRead = readSync(handle, bytes, held, bytes.length - held, held)
    if (bytesRead === 0) break
    held += bytesRead
  }
  if (held !== state.sizeBytes || !isSame(state, stateOf(handle))) return null
  return bytes.subarray(0, held)
}

function checkContent(format: Format, head: Buffer): void {
  const found = signatureOf(head)
  if (format.content === 'zip' && found !== 'zip') {
    if (found === 'OLE')
      throw new VillageError(
        'DOCUMENT_ENCRYPTED',
        'The document is encrypted, or of a format from before 2007.',
      )
    throw new VillageError('FILE_TYPE_MISMATCH', `The file is named ${format.name} but is no ZIP archive.`)
  }
  // Some producers put a few bytes before the mark; viewers look for it in the first kibibyte.
  if (format.content === 'pdf' && head.indexOf('%PDF-') < 0)
    throw new VillageError('FILE_TYPE_MISMATCH', 'The file is named .pdf but is no PDF.')
}

export function createFileParser(settings: ParserSettings, emit: Emit) {
  async function emitDocument(
    file: FileToParse,
    format: Format,
    facts: { source: string; contentHash: string; sizeBytes: number; modifiedAtMs: number },
    body: ParsedBody,
  ): Promise<void> {
    const text = body.blocks.map((one) => one.text).join('\n')
    // Names and keywords of programming languages mislead: code has no language.
    const language = body.language ?? (format.name === 'code' ? null : detectLanguage(text))
    const chunks = draftChunks({ ...body, language, mediaType: format.mediaType }, settings.chunking)
    if (chunks.length === 0) {
      await emit.problem(facts.source, 'FILE_EMPTY', `${path.posix.basename(file.source)} has no text.`)
      return
    }
    const { title, fields, warnings } = body
    const mark = encodeSignature(signature(text))
    await emit.document(
      { ...facts, title, language, mediaType: format.mediaType, fields, warnings, signature: mark },
      chunks,
    )
  }

  async function parseWhole(
    file: FileToParse,
    format: Format,
    handle: number,
    context: ParseContext,
  ): Promise<void> {
    if (format.parser.kind !== 'whole') return
    let state = stateOf(handle)
    let bytes: Buffer | null = null
    for (let attempt = 0; attempt < 2 && bytes === null; attempt++) {
      state = stateOf(handle)
      if (state.sizeBytes > settings.maxFileBytes) throw tooLarge(state.sizeBytes, settings.maxFileBytes)
      bytes = readWhole(handle, state)
    }
    if (bytes === null) throw new VillageError('FILE_CHANGING')
    if (bytes.length === 0)
      throw new VillageError('FILE_EMPTY', `${path.posix.basename(file.source)} is empty.`)
    checkContent(format, bytes.subarray(0, 1024))
    const contentHash = createHash('sha256').update(bytes).digest('hex')
    const parse = await format.parser.load()
    const body = await parse(bytes, context)
    const modifiedAtMs = Number(state.modifiedAtNs / 1_000_000n)
    await emitDocument(
      file,
      format,
      { source: file.source, contentHash, sizeBytes: bytes.length, modifiedAtMs },
      body,
    )
  }

  async function parsePieces(
    file: FileToParse,
    format: Format,
    handle: number,
    context: ParseContext,
  ): Promise<void> {
    if (format.parser.kind !== 'pieces') return
    const before = stateOf(handle)
    if (before.sizeBytes > settings.maxStreamedBytes)
      throw tooLarge(before.sizeBytes, settings.maxStreamedBytes)
    if (before.sizeBytes === 0)
      throw new VillageError('FILE_EMPTY', `${path.posix.basename(file.source)} is empty.`)
    const modifiedAtMs = Number(before.modifiedAtNs / 1_000_000n)
    const parse = await format.parser.load()
    const parts = readParts(handle, settings.limits.partBytes, before.sizeBytes)
    for await (const piece of parse(parts, context)) await emitPiece(file, format, piece, modifiedAtMs)
    // What was only added to is whole up to where it was: its new time says that there is more.
    const after = stateOf(handle)
    if (after.sizeBytes <= before.sizeBytes && !isSame(before, after)) throw new VillageError('FILE_CHANGING')
  }

  async function emitPiece(
    file: FileToParse,
    format: Format,
    piece: ParsedPiece,
    modifiedAtMs: number,
  ): Promise<void> {
    const source = piece.number === null ? file.source : `${file.source}#${piece.number}`
    if (piece.kind === 'problem') await emit.problem(source, piece.code, piece.message)
    else {
      const { contentHash, sizeBytes, body } = piece
      await emitDocument(file, format, { source, contentHash, sizeBytes, modifiedAtMs }, body)
    }
  }

  /** False when nothing can be said of what it holds; the reason was emitted. */
  return async function parseFile(file: FileToParse): Promise<boolean> {
    let handle: number | null = null
    try {
      const format = formatOf(file.source)
      if (format === null)
        throw new VillageError('FILE_UNSUPPORTED', `Files named ${extensionOf(file.source)} are not read.`)
      // A pipe would wait for its writer; a link was resolved before, so that one here was put in its place.
      handle = openSync(file.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
      const name = path.posix.basename(file.source)
      const stem = name.slice(0, name.length - path.posix.extname(name).length)
      const context = { extension: extensionOf(file.source), stem, limits: settings.limits }
      await (format.parser.kind === 'whole' ? parseWhole : parsePieces)(file, format, handle, context)
      return true
    } catch (error) {
      const { code, message } = problemOf(error)
      await emit.problem(file.source, code, message)
      return SAYS_ALL.has(code)
    } finally {
      if (handle !== null) closeSync(handle)
    }
  }
}

function tooLarge(sizeBytes: number, limitBytes: number): VillageError {
  return new VillageError('FILE_TOO_LARGE', `The file has ${sizeBytes} bytes; the limit is ${limitBytes}.`, {
    fields: { sizeBytes, limitBytes },
  })
}
