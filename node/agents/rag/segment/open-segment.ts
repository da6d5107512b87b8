/** A segment on disk, read piece by piece as it is asked for (segment.ts has the promises). */
import path from 'node:path'
import type { DocumentRecord, IndexedDocument } from '../document.ts'
import { averageLengthOf } from '../lexical/bm25.ts'
import type { StoredChunk } from '../search-types.ts'
import { Columns, compareIds } from './columns.ts'
import { ItemBlocks } from './item-blocks.ts'
import { PagedFile } from './paged-file.ts'
import { PostingsCursor } from './postings-cursor.ts'
import { PostingsFile } from './postings-list.ts'
import { readHeader } from './read-header.ts'
import type { FieldLengths, Segment, SegmentTerm } from './segment.ts'
import {
  COLUMNS_FILE,
  corrupt,
  DOCUMENTS_FILE,
  POSTINGS_FILE,
  type SegmentFile,
  type SegmentHeader,
  STORED_FILE,
  TERMS_FILE,
  VECTORS_FILE,
} from './segment-format.ts'
import { decodeRecord, readChunk } from './stored-items.ts'
import { TermDictionary } from './term-dictionary.ts'
import { decodeRows } from './vector-rows.ts'

const REMEMBERED_RECORDS = 256

/**
 * Reads the header alone, and holds it against the id; other files when they are needed, so that a segment whose chunks are
 * away (RECORD_FILES) opens too. Throws SEGMENT_CORRUPT, SEGMENT_VERSION_UNSUPPORTED.
 */
export function openSegment(directory: string, id: string): Segment {
  return new DiskSegment(path.join(directory, id), id, readHeader(directory, id))
}

class DiskSegment implements Segment {
  readonly id: string
  readonly header: SegmentHeader
  readonly #folder: string
  readonly #files = new Map<SegmentFile, PagedFile>()
  #columns: Columns | null = null
  #dictionary: TermDictionary | null = null
  #postings: PostingsFile | null = null
  #stored: ItemBlocks | null = null
  #records: ItemBlocks | null = null
  readonly #remembered = new Map<number, DocumentRecord>()

  constructor(folder: string, id: string, header: SegmentHeader) {
    this.#folder = folder
    this.id = id
    this.header = header
  }

  df(term: string): number {
    return this.#terms().find(term)?.df ?? 0
  }

  *terms(): Iterable<SegmentTerm> {
    for (const { term, df, peakFrequency, peakLength } of this.#terms().entries())
      yield { term, df, maxFrequency: peakFrequency, minLength: peakLength }
  }

  postings(term: string): PostingsCursor | null {
    const entry = this.#terms().find(term)
    if (entry === null) return null
    this.#postings ??= new PostingsFile(
      this.#file(POSTINGS_FILE),
      this.header.chunks,
      averageLengthOf(this.header),
    )
    return new PostingsCursor(this.#postings.list(entry))
  }

  chunkLength(chunk: number): number {
    return this.columns().lengths[this.#checked(chunk)]!
  }

  chunkLengths(): Uint32Array {
    return this.columns().lengths
  }

  fieldLengths(chunk: number): FieldLengths {
    const { lengths, titleLengths, headingLengths } = this.columns()
    const title = titleLengths[this.#checked(chunk)]!
    const heading = headingLengths[chunk]!
    return { title, heading, body: lengths[chunk]! - title - heading }
  }

  ordinal(chunk: number): number {
    return this.columns().ordinals[this.#checked(chunk)]!
  }

  chunk(chunk: number): StoredChunk {
    const record = this.document(this.documentOf(chunk))
    this.#stored ??= new ItemBlocks(this.#file(STORED_FILE), this.header.chunks)
    const stored = readChunk(this.#stored.item(chunk), record, this.ordinal(chunk))
    return { ...stored, segment: this.id, chunk, language: record.language, record }
  }

  documentOf(chunk: number): number {
    return this.columns().documentOf[this.#checked(chunk)]!
  }

  document(document: number): DocumentRecord {
    const known = this.#remembered.get(document)
    if (known !== undefined) return known
    const record = this.#readRecord(document)
    if (this.#remembered.size >= REMEMBERED_RECORDS) this.#remembered.clear()
    this.#remembered.set(document, record)
    return record
  }

  *documents(): Iterable<DocumentRecord> {
    for (let document = 0; document < this.header.documents; document++) yield this.#readRecord(document)
  }

  documentId(document: number): string {
    return this.columns().id(this.#checkedDocument(document))
  }

  compareDocuments(document: number, other: Segment, otherDocument: number): number {
    if (!(other instanceof DiskSegment)) throw new TypeError('The other segment is of another kind.')
    return compareIds(this.columns(), document, other.columns(), otherDocument)
  }

  findDocument(id: string): number {
    return this.columns().find(id)
  }

  firstChunk(document: number): number {
    const first = this.columns().firstChunks[document]
    if (first === undefined) throw new RangeError(`Segment ${this.id} has no document ${document}.`)
    return first
  }

  indexedDocument(document: number): IndexedDocument {
    const record = this.document(document)
    const first = this.firstChunk(document)
    const next = this.firstChunk(document + 1)
    const chunks = Array.from({ length: next - first }, (_, index) => {
      const {
        segment: _segment,
        chunk: _chunk,
        language: _language,
        record: _record,
        ...chunk
      } = this.chunk(first + index)
      return chunk
    })
    const { dims } = this.header
    const rowBytes = (dims ?? 0) * 2
    const vectors =
      dims === null || chunks.length === 0
        ? null
        : decodeRows(this.#file(VECTORS_FILE).readOnce(first * rowBytes, chunks.length * rowBytes))
    return { record, chunks, vectors }
  }

  close(): void {
    for (const file of this.#files.values()) file.close()
    this.#files.clear()
    this.#postings?.close()
    this.#postings = null
    this.#columns = null
    this.#dictionary = null
    this.#stored?.forget()
    this.#stored = null
    this.#records?.forget()
    this.#records = null
    this.#remembered.clear()
  }

  /** For compareDocuments of another segment. */
  columns(): Columns {
    this.#columns ??= new Columns(this.#file(COLUMNS_FILE), this.header)
    return this.#columns
  }

  #terms(): TermDictionary {
    this.#dictionary ??= new TermDictionary(this.#file(TERMS_FILE), {
      terms: this.header.terms,
      chunks: this.header.chunks,
      postingsBytes: this.#entry(POSTINGS_FILE).sizeBytes,
    })
    return this.#dictionary
  }

  #readRecord(document: number): DocumentRecord {
    this.#records ??= new ItemBlocks(this.#file(DOCUMENTS_FILE), this.header.documents)
    return decodeRecord(this.#records.item(this.#checkedDocument(document)), this.documentId(document))
  }

  #entry(name: SegmentFile): { sizeBytes: number } {
    const entry = this.header.files[name]
    if (entry === undefined) throw corrupt('A segment lacks a file.')
    return entry
  }

  #file(name: SegmentFile): PagedFile {
    let file = this.#files.get(name)
    if (file === undefined) {
      file = new PagedFile(path.join(this.#folder, name), this.#entry(name).sizeBytes)
      this.#files.set(name, file)
    }
    return file
  }

  #checked(chunk: number): number {
    if (!(chunk >= 0 && chunk < this.header.chunks))
      throw new RangeError(`Segment ${this.id} has no chunk ${chunk}.`)
    return chunk
  }

  #checkedDocument(document: number): number {
    if (!(document >= 0 && document < this.header.documents))
      throw new RangeError(`Segment ${this.id} has no document ${document}.`)
    return document
  }
}
