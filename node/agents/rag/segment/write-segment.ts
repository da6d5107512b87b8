/** Documents → the files of a segment (segment-format.ts). Each document is read once; its text is not kept in memory. */
import { createHash, randomBytes } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import path from 'node:path'
import { VillageError } from '../../../errors.ts'
import { ANALYZER_VERSION, eachToken } from '../analysis/analyzer.ts'
import type { Chunk, IndexedDocument } from '../document.ts'
import { averageLengthOf } from '../lexical/bm25.ts'
import { ByteWriter } from './byte-writer.ts'
import { ChunkColumns, encodeColumns } from './columns.ts'
import { createPostingsEncoder } from './encode-postings.ts'
import { FileWriter } from './file-writer.ts'
import { ItemBlockWriter } from './item-blocks.ts'
import { PostingsBuilder } from './postings-builder.ts'
import {
  COLUMNS_FILE,
  DOCUMENTS_FILE,
  encodeHeader,
  FIELD_GAP,
  type FileEntry,
  HEADER_FILE,
  MAX_SEGMENT_CHUNKS,
  POSTINGS_FILE,
  SEGMENT_VERSION,
  type SegmentFile,
  type SegmentHeader,
  STORED_FILE,
  TERMS_FILE,
  VECTORS_FILE,
} from './segment-format.ts'
import { encodeRecord, writeChunk } from './stored-items.ts'
import { TermDictionaryWriter } from './term-dictionary.ts'
import { VectorRows } from './vector-rows.ts'

export interface SegmentSummary {
  readonly id: string
  readonly header: SegmentHeader
  /** Of all its files. */
  readonly sizeBytes: number
}

/** A directory of this name is a segment that was not finished: to be removed when the index is opened. */
export const UNFINISHED_PREFIX = 'unfinished-'

/**
 * Writes `<directory>/<id>/`, durable when it returns; the same documents give the same bytes and id. Throws INVALID_ARGUMENT for
 * ids that are not 32 hexadecimal digits or come twice, for vectors that do not fit, and for too much of anything.
 */
export function writeSegment(directory: string, documents: Iterable<IndexedDocument>): SegmentSummary {
  const unfinished = path.join(directory, `${UNFINISHED_PREFIX}${randomBytes(8).toString('hex')}`)
  if (!existsSync(directory)) mkdirSync(directory, { recursive: true, mode: 0o700 })
  // Not recursive: of a disk that is read-only Node would then say ENOENT.
  mkdirSync(unfinished, { mode: 0o700 })
  const writers: FileWriter[] = []
  try {
    const header = writeFiles(unfinished, documents, writers)
    return publish(directory, unfinished, header)
  } catch (error) {
    for (const writer of writers) writer.abandon()
    rmSync(unfinished, { recursive: true, force: true })
    throw error
  }
}

function writeFiles(
  folder: string,
  documents: Iterable<IndexedDocument>,
  writers: FileWriter[],
): SegmentHeader {
  const open = (name: SegmentFile): FileWriter => {
    const writer = new FileWriter(path.join(folder, name))
    writers.push(writer)
    return writer
  }
  const stored = open(STORED_FILE)
  const records = open(DOCUMENTS_FILE)
  const chunkItems = new ItemBlockWriter(stored)
  const recordItems = new ItemBlockWriter(records)
  const vectors = new VectorRows(() => open(VECTORS_FILE))
  const postings = new PostingsBuilder()
  const columns = new ChunkColumns()
  const firstChunks: number[] = []
  const ids = new Set<string>()
  const languages = new Set<string | null>()
  const item = new ByteWriter()

  for (const document of documents) {
    const { record, chunks } = document
    if (!/^[0-9a-f]{32}$/.test(record.id) || ids.has(record.id))
      throw new VillageError(
        'INVALID_ARGUMENT',
        'The id of a document is not 32 hexadecimal digits, or comes twice.',
      )
    if (columns.chunks + chunks.length > MAX_SEGMENT_CHUNKS)
      throw new VillageError('INVALID_ARGUMENT', 'The documents are too many for one segment.')
    ids.add(record.id)
    languages.add(record.language)
    firstChunks.push(columns.chunks)
    recordItems.add(encodeRecord(record))
    vectors.add(document)
    for (const chunk of chunks) {
      item.clear()
      writeChunk(item, chunk, record)
      chunkItems.add(item.view())
      indexChunk(chunk, record.language, postings, columns)
    }
  }
  firstChunks.push(columns.chunks)
  chunkItems.finish()
  recordItems.finish()
  vectors.finish()

  const columnsFile = open(COLUMNS_FILE)
  columnsFile.write(encodeColumns(firstChunks, [...ids], columns))
  const { totalLength } = writePostings(postings, columns, open(POSTINGS_FILE), open(TERMS_FILE))
  const files: Partial<Record<SegmentFile, FileEntry>> = {}
  for (const writer of writers) files[path.basename(writer.file) as SegmentFile] = writer.finish()
  writers.length = 0
  return {
    version: SEGMENT_VERSION,
    analyzer: ANALYZER_VERSION,
    chunks: columns.chunks,
    documents: ids.size,
    totalLength,
    terms: postings.size,
    languages: [...languages].sort((a, b) => ((a ?? '') < (b ?? '') ? -1 : 1)),
    dims: vectors.file === null ? null : vectors.dims,
    files,
  }
}

function indexChunk(
  chunk: Chunk,
  language: string | null,
  postings: PostingsBuilder,
  columns: ChunkColumns,
): void {
  let position = 0
  const add = (term: string) => postings.add(term, position++)
  eachToken(chunk.title, language, add)
  const title = position
  position += FIELD_GAP
  for (const heading of chunk.headings) eachToken(heading, language, add)
  const heading = position - title - FIELD_GAP
  position += FIELD_GAP
  eachToken(chunk.text, language, add)
  postings.endChunk()
  columns.add(chunk.ordinal, title, heading, position - title - heading - 2 * FIELD_GAP)
}

function writePostings(
  postings: PostingsBuilder,
  columns: ChunkColumns,
  file: FileWriter,
  termsFile: FileWriter,
): { totalLength: number } {
  const lengths = columns.column(3)
  const [titles, headings] = [columns.column(1), columns.column(2)]
  let totalLength = 0
  for (let chunk = 0; chunk < lengths.length; chunk++) {
    lengths[chunk]! += titles[chunk]! + headings[chunk]!
    totalLength += lengths[chunk]!
  }
  const encode = createPostingsEncoder(lengths, averageLengthOf({ chunks: lengths.length, totalLength }))
  const dictionary = new TermDictionaryWriter(termsFile)
  for (const { term, id } of postings.sorted()) {
    const df = postings.df(id)
    const { bytes, peakFrequency, peakLength } = encode(df, postings.read(id))
    const listAt = file.sizeBytes
    file.write(bytes)
    dictionary.add({ term, df, peakFrequency, peakLength, listAt, listBytes: bytes.length })
  }
  dictionary.finish()
  return { totalLength }
}

/** Names the finished files by the hash of their header. */
function publish(directory: string, unfinished: string, header: SegmentHeader): SegmentSummary {
  const bytes = encodeHeader(header)
  const id = createHash('sha256').update(bytes).digest('hex')
  const fd = openSync(path.join(unfinished, HEADER_FILE), 'wx', 0o600)
  try {
    writeSync(fd, bytes)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  syncDirectory(unfinished)
  const target = path.join(directory, id)
  // The same documents once more: what is there already may be in use.
  if (existsSync(target)) rmSync(unfinished, { recursive: true, force: true })
  else renameSync(unfinished, target)
  syncDirectory(directory)
  const sizeBytes = Object.values(header.files).reduce((sum, file) => sum + file.sizeBytes, bytes.length)
  return { id, header, sizeBytes }
}

function syncDirectory(directory: string): void {
  const fd = openSync(directory, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
