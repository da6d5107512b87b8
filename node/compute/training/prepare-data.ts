/**
 * Training data made ready once: documents are told apart into those that are learned and those that are held out, turned into
 * tokens, and laid in rows on the disk. It is private: it stays in the directory of the training and never becomes an artifact.
 */
import { createHash } from 'node:crypto'
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { toVillageError, VillageError } from '../../errors.ts'
import { canonicalJson, isJsonObject, type JsonObject } from '../../json.ts'
import type { RowSource } from './batches.ts'
import { invalidData, type PlacedDocument, readDocuments, type TextSplit } from './documents.ts'
import { type ExampleInit, encodeDocument } from './examples.ts'
import { createPacker } from './packing.ts'
import { createRowWriter, openRowFile } from './row-file.ts'

export interface PrepareInit {
  readonly directory: string
  readonly files: readonly string[]
  readonly split: TextSplit
  readonly length: number
  readonly vocabulary: number
  readonly padToken: number
  /** Share of the documents that is not learned. */
  readonly heldOut: number
  readonly seed: number
}

/** What the prepared data hold; `data.json` beside them. */
export interface PreparedData extends JsonObject {
  readonly version: 1
  readonly length: number
  readonly vocabulary: number
  readonly documents: number
  readonly heldOutDocuments: number
  readonly rows: number
  readonly heldOutRows: number
  /** Tokens of all documents, and those cut away because their example did not fit a row. */
  readonly tokens: number
  readonly cutTokens: number
}

const DATA_FILE = 'data.json'
const TRAIN_FILE = 'train.rows'
const HELD_OUT_FILE = 'held-out.rows'
/** Documents between two turns of the event loop. */
const DOCUMENTS_AT_ONCE = 32
const HASH_BITS = 48

/** Whether a document is held out: by its content, so that equal ones are never on both sides. */
export function isHeldOut(
  document: PlacedDocument['document'],
  init: { heldOut: number; seed: number },
): boolean {
  if (init.heldOut === 0) return false
  const text = canonicalJson(document as unknown as JsonObject) // readonly messages are JSON
  const hash = createHash('sha256').update(`${init.seed}\n`).update(text).digest()
  return hash.readUIntBE(0, HASH_BITS / 8) / 2 ** HASH_BITS < init.heldOut
}

/** Throws FILE_UNREADABLE, TRAIN_DATA_INVALID, and the signal's reason. */
export async function prepareData(
  encoding: ExampleInit,
  init: PrepareInit,
  signal: AbortSignal,
): Promise<PreparedData> {
  const { directory, length, vocabulary, padToken } = init
  const counts = { documents: 0, heldOutDocuments: 0, tokens: 0 }
  const open = (file: string) => {
    const writer = createRowWriter(path.join(directory, file), vocabulary)
    return { writer, packer: createPacker({ length, padToken }, writer.write) }
  }
  const train = open(TRAIN_FILE)
  const heldOut = open(HELD_OUT_FILE)
  try {
    for (const file of init.files)
      for (const placed of readDocuments(file, init)) {
        if (counts.documents % DOCUMENTS_AT_ONCE === 0) await setImmediate()
        signal.throwIfAborted()
        const isOut = isHeldOut(placed.document, init)
        const example = encodePlaced(placed, encoding, vocabulary)
        counts.documents += 1
        counts.heldOutDocuments += isOut ? 1 : 0
        counts.tokens += example.tokens.length
        const { packer } = isOut ? heldOut : train
        packer.push(example)
      }
    for (const { packer, writer } of [train, heldOut]) {
      packer.end()
      writer.end()
    }
  } finally {
    train.writer.close()
    heldOut.writer.close()
  }
  const rows = train.writer.rows()
  const heldOutRows = heldOut.writer.rows()
  if (rows === 0)
    throw new VillageError('TRAIN_DATA_INVALID', 'The training data have nothing to learn', {
      fields: { documents: counts.documents, heldOutDocuments: counts.heldOutDocuments },
    })
  const cutTokens = train.packer.cutTokens() + heldOut.packer.cutTokens()
  const data: PreparedData = { version: 1, length, vocabulary, ...counts, rows, heldOutRows, cutTokens }
  // Last: what a crash leaves before it is made anew.
  const temporary = path.join(directory, `${DATA_FILE}.tmp`)
  writeFileSync(temporary, JSON.stringify(data), { flush: true })
  renameSync(temporary, path.join(directory, DATA_FILE))
  return data
}

function encodePlaced(placed: PlacedDocument, encoding: ExampleInit, vocabulary: number) {
  const { file, line } = placed
  try {
    const example = encodeDocument(placed, encoding)
    const stranger = example.tokens.find((token) => token >= vocabulary)
    if (stranger !== undefined)
      throw invalidData(file, line, `its token ${stranger} is beyond the vocabulary of the model`)
    return example
  } catch (error) {
    const failure = toVillageError(error)
    if (failure.code === 'TRAIN_DATA_INVALID') throw failure
    throw invalidData(file, line, failure.message, failure)
  }
}

/** The data prepared before, or null. Throws DATA_CORRUPT. */
export function readPrepared(directory: string): PreparedData | null {
  const file = path.join(directory, DATA_FILE)
  if (statSync(file, { throwIfNoEntry: false }) === undefined) return null
  let json: unknown
  try {
    json = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new VillageError('DATA_CORRUPT', 'The prepared data of a training are damaged', { cause: error })
  }
  if (!isJsonObject(json as JsonObject) || (json as JsonObject).version !== 1)
    throw new VillageError('DATA_CORRUPT', 'The prepared data of a training are of another version')
  return json as PreparedData
}

/** Opens prepared data for reading row by row. */
export function openPrepared(directory: string, data: PreparedData): RowSource & Disposable {
  const { length, vocabulary } = data
  const open = (file: string, rows: number) =>
    openRowFile(path.join(directory, file), { length, vocabulary, rows })
  const train = open(TRAIN_FILE, data.rows)
  const heldOut = open(HELD_OUT_FILE, data.heldOutRows)
  return {
    rows: data.rows,
    heldOutRows: data.heldOutRows,
    row: (part, index) => (part === 'train' ? train : heldOut).row(index),
    [Symbol.dispose]() {
      train[Symbol.dispose]()
      heldOut[Symbol.dispose]()
    },
  }
}
