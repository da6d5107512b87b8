/**
 * terms.bin: the terms in the order of their UTF-16 units, 32 to a block:
 *
 *     blocks  for each term: varint bytes shared with the term before (0 for the first of a block), UTF-8 of the rest with its
 *             length, varint df, varint frequency and varint chunk length of its posting of largest impact, varint bytes of its list
 *     index   for each block: u32 offset of the block, u32 offset of its first list in postings.bin, the first term with its length
 *     footer  u32 terms, u32 blocks, u32 offset of the index, "VTD1"
 *
 * A reader keeps the index in memory (a 32nd of the terms), and reads one block for a look-up.
 */
import { ByteReader } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'
import type { FileWriter } from './file-writer.ts'
import type { PagedFile } from './paged-file.ts'
import { corrupt } from './segment-format.ts'

const TERMS_IN_BLOCK = 32
const MAGIC = 0x31445456
const FOOTER_BYTES = 16
const MAX_TERM_BYTES = 1_024
const MAX_REMEMBERED = 4_096

export interface TermEntry {
  readonly term: string
  readonly df: number
  readonly peakFrequency: number
  readonly peakLength: number
  /** In postings.bin. */
  readonly listAt: number
  readonly listBytes: number
}

export class TermDictionaryWriter {
  readonly #file: FileWriter
  readonly #index = new ByteWriter()
  readonly #block = new ByteWriter()
  #before: Uint8Array = new Uint8Array(0)
  #count = 0
  #blocks = 0

  constructor(file: FileWriter) {
    this.#file = file
  }

  /** In order. */
  add(entry: TermEntry): void {
    const bytes = Buffer.from(entry.term, 'utf8')
    let shared = 0
    if (this.#count % TERMS_IN_BLOCK === 0) {
      this.#endBlock()
      this.#index.uint32(this.#file.sizeBytes)
      this.#index.uint32(entry.listAt)
      this.#index.text(entry.term)
      this.#blocks++
    } else
      while (shared < bytes.length && shared < this.#before.length && bytes[shared] === this.#before[shared])
        shared++
    this.#block.varint(shared)
    this.#block.varint(bytes.length - shared)
    this.#block.append(bytes.subarray(shared))
    this.#block.varint(entry.df)
    this.#block.varint(entry.peakFrequency)
    this.#block.varint(entry.peakLength)
    this.#block.varint(entry.listBytes)
    this.#before = bytes
    this.#count++
  }

  finish(): void {
    this.#endBlock()
    const indexAt = this.#file.sizeBytes
    this.#file.write(this.#index.view())
    const footer = new ByteWriter(FOOTER_BYTES)
    for (const value of [this.#count, this.#blocks, indexAt, MAGIC]) footer.uint32(value)
    this.#file.write(footer.view())
  }

  #endBlock(): void {
    this.#file.write(this.#block.view())
    this.#block.clear()
  }
}

export class TermDictionary {
  readonly #file: PagedFile
  readonly #terms: number
  readonly #indexAt: number
  readonly #postingsBytes: number
  readonly #maxDf: number
  readonly #firstTerms: string[] = []
  readonly #offsets: Uint32Array
  readonly #listsAt: Uint32Array
  readonly #remembered = new Map<string, TermEntry | null>()

  /** Throws SEGMENT_CORRUPT unless it holds this many terms. */
  constructor(file: PagedFile, limits: { terms: number; chunks: number; postingsBytes: number }) {
    const footer = new ByteReader(file.readOnce(Math.max(0, file.sizeBytes - FOOTER_BYTES), FOOTER_BYTES))
    this.#file = file
    this.#postingsBytes = limits.postingsBytes
    this.#maxDf = limits.chunks
    this.#terms = footer.uint32()
    const blocks = footer.uint32()
    this.#indexAt = footer.uint32()
    if (
      footer.uint32() !== MAGIC ||
      this.#terms !== limits.terms ||
      blocks !== Math.ceil(this.#terms / TERMS_IN_BLOCK) ||
      this.#indexAt + FOOTER_BYTES > file.sizeBytes ||
      blocks * 9 > file.sizeBytes
    )
      throw corrupt('The dictionary of a segment is damaged.')
    const index = new ByteReader(file.readOnce(this.#indexAt, file.sizeBytes - FOOTER_BYTES - this.#indexAt))
    this.#offsets = new Uint32Array(blocks + 1)
    this.#listsAt = new Uint32Array(blocks)
    for (let block = 0; block < blocks; block++) {
      this.#offsets[block] = index.uint32()
      this.#listsAt[block] = index.uint32()
      this.#firstTerms.push(index.text())
    }
    this.#offsets[blocks] = this.#indexAt
  }

  /** Null for a term that is not there. */
  find(term: string): TermEntry | null {
    const known = this.#remembered.get(term)
    if (known !== undefined) return known
    const found = this.#search(term)
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear()
    this.#remembered.set(term, found)
    return found
  }

  *entries(): Generator<TermEntry> {
    for (let block = 0; block < this.#firstTerms.length; block++) yield* this.#block(block)
  }

  #search(term: string): TermEntry | null {
    let low = 0
    let high = this.#firstTerms.length - 1
    if (high < 0 || term < this.#firstTerms[0]!) return null
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (this.#firstTerms[middle]! <= term) low = middle
      else high = middle - 1
    }
    for (const entry of this.#block(low)) {
      if (entry.term === term) return entry
      if (entry.term > term) return null
    }
    return null
  }

  *#block(block: number): Generator<TermEntry> {
    const start = this.#offsets[block]!
    const end = this.#offsets[block + 1]!
    if (end < start || end > this.#indexAt) throw corrupt('A block of a dictionary lies outside its file.')
    const reader = new ByteReader(this.#file.read(start, end - start))
    const count = Math.min(TERMS_IN_BLOCK, this.#terms - block * TERMS_IN_BLOCK)
    // Not shared: a caller may look up other terms while it walks over all.
    const scratch = Buffer.allocUnsafe(MAX_TERM_BYTES)
    let length = 0
    let listAt = this.#listsAt[block]!
    for (let index = 0; index < count; index++) {
      const shared = reader.varint()
      const rest = reader.varint()
      if (shared > length || shared + rest > MAX_TERM_BYTES)
        throw corrupt('A term of a dictionary is damaged.')
      const from = reader.skip(rest)
      scratch.set(reader.bytes.subarray(from, from + rest), shared)
      length = shared + rest
      const df = reader.varint()
      const peakFrequency = reader.varint()
      const peakLength = reader.varint()
      const listBytes = reader.varint()
      if (df < 1 || df > this.#maxDf || peakFrequency < 1 || listAt + listBytes > this.#postingsBytes)
        throw corrupt('A term of a dictionary is damaged.')
      yield { term: scratch.toString('utf8', 0, length), df, peakFrequency, peakLength, listAt, listBytes }
      listAt += listBytes
    }
  }
}
