/**
 * Training documents from files, one after another: text files, and JSON lines. A file is read in stretches and never held as a
 * whole; what is wrong names file and line. Synchronous: use it in a worker.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { basename } from 'node:path'
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import type { ChatMessage } from '../models/chat-template.ts'

export type TrainingDocument =
  | { readonly kind: 'text'; readonly text: string }
  /** Only the completion is learned. */
  | { readonly kind: 'completion'; readonly prompt: string; readonly completion: string }
  /** Only what the assistant says is learned. */
  | { readonly kind: 'messages'; readonly messages: readonly ChatMessage[] }

export interface PlacedDocument {
  readonly file: string
  /** Where it begins, from 1. */
  readonly line: number
  readonly document: TrainingDocument
}

/** What ends a document of a text file. */
export const TEXT_SPLITS = ['blank-line', 'file'] as const
export type TextSplit = (typeof TEXT_SPLITS)[number]

const CHUNK_BYTES = 2 ** 20
const MAX_LINE_BYTES = 4 * 2 ** 20
/** A longer text is cut at the end of a line; each part counts as a document. */
const MAX_TEXT_UNITS = 2 ** 20
const MAX_MESSAGES = 200
const JSON_LINES = /\.(jsonl|ndjson|json)$/i
const NEWLINE = 0x0a

export function invalidData(file: string, line: number, what: string, cause?: unknown): VillageError {
  const name = basename(file)
  return new VillageError('TRAIN_DATA_INVALID', `${name}, line ${line}: ${what}`, {
    ...(cause === undefined ? {} : { cause }),
    fields: { file: name, line },
  })
}

/** Throws FILE_UNREADABLE for what is no file, TRAIN_DATA_INVALID for what is in it. */
export function* readDocuments(file: string, init: { split: TextSplit }): Generator<PlacedDocument> {
  if (JSON_LINES.test(file)) yield* jsonDocuments(file)
  else yield* textDocuments(file, init.split)
}

function* readLines(file: string): Generator<{ line: number; text: string }> {
  const fd = openFile(file)
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })
    const chunk = Buffer.alloc(CHUNK_BYTES)
    let rest: Buffer = Buffer.alloc(0)
    let line = 0
    const decode = (bytes: Buffer): { line: number; text: string } => {
      line += 1
      try {
        return { line, text: decoder.decode(bytes).replace(/\r$/, '') }
      } catch (error) {
        throw invalidData(file, line, 'it is not UTF-8', error)
      }
    }
    for (let read = readSync(fd, chunk); read > 0; read = readSync(fd, chunk)) {
      let start = 0
      for (let end = chunk.indexOf(NEWLINE); end >= 0 && end < read; end = chunk.indexOf(NEWLINE, start)) {
        yield decode(Buffer.concat([rest, chunk.subarray(start, end)]))
        rest = Buffer.alloc(0)
        start = end + 1
      }
      rest = Buffer.concat([rest, chunk.subarray(start, read)])
      if (rest.length > MAX_LINE_BYTES)
        throw invalidData(file, line + 1, `the line is longer than ${MAX_LINE_BYTES} bytes`)
    }
    if (rest.length > 0) yield decode(rest)
  } finally {
    closeSync(fd)
  }
}

function openFile(file: string): number {
  let fd: number
  try {
    fd = openSync(file, 'r')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new VillageError('FILE_UNREADABLE', `${file} cannot be read (${code})`, { cause: error })
  }
  if (fstatSync(fd).isFile()) return fd
  closeSync(fd)
  throw new VillageError('FILE_UNREADABLE', `${file} is no file`)
}

function* textDocuments(file: string, split: TextSplit): Generator<PlacedDocument> {
  let lines: string[] = []
  let units = 0
  let first = 1
  function* flush(): Generator<PlacedDocument> {
    const text = lines.join('\n').trim()
    if (text !== '') yield { file, line: first, document: { kind: 'text', text } }
    lines = []
    units = 0
  }
  for (const { line, text } of readLines(file)) {
    const isEnd = split === 'blank-line' && text.trim() === ''
    if (isEnd || units + text.length > MAX_TEXT_UNITS) yield* flush()
    if (isEnd) continue
    if (lines.length === 0) first = line
    lines.push(text)
    units += text.length + 1
  }
  yield* flush()
}

function* jsonDocuments(file: string): Generator<PlacedDocument> {
  for (const { line, text } of readLines(file)) {
    if (text.trim() === '') continue
    let json: unknown
    try {
      json = JSON.parse(text)
    } catch (error) {
      throw invalidData(file, line, 'it is not JSON', error)
    }
    if (!isJsonObject(json)) throw invalidData(file, line, 'it is not a JSON object')
    yield { file, line, document: documentOf(json, (what) => invalidData(file, line, what)) }
  }
}

const isText = (value: JsonValue | undefined): value is string => typeof value === 'string'

/** Other fields of a line (ids, groups, sources) say nothing about training and are left alone. */
function documentOf(json: JsonObject, wrong: (what: string) => VillageError): TrainingDocument {
  const { text, prompt, completion, messages } = json
  const kinds = [text, prompt ?? completion, messages].filter((value) => value !== undefined)
  if (kinds.length !== 1) throw wrong('it needs one of "text", "prompt" with "completion", and "messages"')
  if (text !== undefined) {
    if (!isText(text) || text === '') throw wrong('"text" must be a text that is not empty')
    return { kind: 'text', text }
  }
  if (messages === undefined) {
    if (!isText(prompt)) throw wrong('"prompt" must be a text')
    if (!isText(completion) || completion === '') throw wrong('"completion" must be a text that is not empty')
    return { kind: 'completion', prompt, completion }
  }
  if (!Array.isArray(messages) || messages.length === 0 || messages.length > MAX_MESSAGES)
    throw wrong(`"messages" must be a list of 1 to ${MAX_MESSAGES} messages`)
  const isMessage = (value: JsonValue): value is ChatMessage =>
    isJsonObject(value) && isText(value.role) && isText(value.content)
  if (!messages.every(isMessage)) throw wrong('each of "messages" needs a "role" and a "content", both text')
  if (!messages.some(({ role }) => role === 'assistant'))
    throw wrong('"messages" has no message of the assistant, so that there is nothing to learn')
  return { kind: 'messages', messages }
}
