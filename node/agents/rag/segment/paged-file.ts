/**
 * A file read by pieces through one small cache of pages that all segments of the process share, so that memory stays bounded
 * however many segments are open. Reads are synchronous: they run on a thread of their own.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { corrupt } from './segment-format.ts'

const PAGE_BYTES = 65_536
/** 32 MiB of pages. */
const MAX_PAGES = 512

interface Page {
  readonly bytes: Uint8Array
  readonly file: PagedFile
  readonly index: number
}

/** Oldest first. */
const pages = new Set<Page>()

export class PagedFile {
  readonly sizeBytes: number
  readonly #fd: number
  readonly #pages = new Map<number, Page>()
  #isClosed = false
  #last: Page | null = null

  /** Throws SEGMENT_CORRUPT when the file is not there, or has another size. */
  constructor(file: string, sizeBytes: number) {
    try {
      this.#fd = openSync(file, 'r')
    } catch (error) {
      throw corrupt('A file of a segment cannot be opened.', error)
    }
    this.sizeBytes = sizeBytes
    if (fstatSync(this.#fd).size !== sizeBytes) {
      closeSync(this.#fd)
      this.#isClosed = true
      throw corrupt('A file of a segment does not have the size that its header says.')
    }
  }

  /** The bytes are shared: not to be written to. Small reads come from the cache; large ones are copied straight. */
  read(offset: number, length: number): Uint8Array {
    if (offset < 0 || length < 0 || offset + length > this.sizeBytes)
      throw corrupt('A part of a segment lies outside its file.')
    const first = Math.floor(offset / PAGE_BYTES)
    const start = offset - first * PAGE_BYTES
    if (start + length <= PAGE_BYTES) return this.#page(first).subarray(start, start + length)
    const out = new Uint8Array(length)
    if (length > 4 * PAGE_BYTES) this.#readInto(out, offset)
    else
      for (let done = 0; done < length; ) {
        const at = offset + done
        const index = Math.floor(at / PAGE_BYTES)
        const page = this.#page(index)
        const piece = page.subarray(at - index * PAGE_BYTES, at - index * PAGE_BYTES + length - done)
        out.set(piece, done)
        done += piece.length
      }
    return out
  }

  /** Past the cache: for what is read once. */
  readOnce(offset: number, length: number): Uint8Array {
    if (offset < 0 || length < 0 || offset + length > this.sizeBytes)
      throw corrupt('A part of a segment lies outside its file.')
    const out = new Uint8Array(length)
    this.#readInto(out, offset)
    return out
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const page of this.#pages.values()) pages.delete(page)
    this.#pages.clear()
    this.#last = null
    closeSync(this.#fd)
  }

  #page(index: number): Uint8Array {
    if (this.#last?.index === index) return this.#last.bytes
    const known = this.#pages.get(index)
    if (known !== undefined) {
      pages.delete(known)
      pages.add(known)
      this.#last = known
      return known.bytes
    }
    const offset = index * PAGE_BYTES
    const bytes = new Uint8Array(Math.min(PAGE_BYTES, this.sizeBytes - offset))
    this.#readInto(bytes, offset)
    const page: Page = { bytes, file: this, index }
    this.#pages.set(index, page)
    pages.add(page)
    this.#last = page
    if (pages.size > MAX_PAGES) {
      const oldest = pages.values().next().value!
      pages.delete(oldest)
      oldest.file.#forget(oldest)
    }
    return bytes
  }

  #forget(page: Page): void {
    this.#pages.delete(page.index)
    if (this.#last === page) this.#last = null
  }

  #readInto(out: Uint8Array, offset: number): void {
    // The number of a closed file may be that of another by now.
    if (this.#isClosed) throw corrupt('A file of a segment was closed before it was read.')
    for (let done = 0; done < out.length; ) {
      const count = readSync(this.#fd, out, done, out.length - done, offset + done)
      if (count === 0) throw corrupt('A file of a segment became shorter while it was read.')
      done += count
    }
  }
}
