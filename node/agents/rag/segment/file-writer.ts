/** Writes a new file from front to back, hashing as it goes. */
import { createHash } from 'node:crypto'
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'
import { VillageError } from '../../../errors.ts'
import { type FileEntry, MAX_FILE_BYTES } from './segment-format.ts'

const BUFFER_BYTES = 262_144

export class FileWriter {
  readonly file: string
  readonly #fd: number
  readonly #hash = createHash('sha256')
  readonly #buffer = new Uint8Array(BUFFER_BYTES)
  #buffered = 0
  #isOpen = true
  #sizeBytes = 0

  constructor(file: string) {
    this.file = file
    this.#fd = openSync(file, 'wx', 0o600)
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  write(bytes: Uint8Array): void {
    if (this.#sizeBytes + bytes.length > MAX_FILE_BYTES)
      throw new VillageError('INVALID_ARGUMENT', 'The documents are too many for one segment.')
    this.#sizeBytes += bytes.length
    if (this.#buffered + bytes.length > BUFFER_BYTES) this.#flush()
    if (bytes.length > BUFFER_BYTES) this.#out(bytes)
    else {
      this.#buffer.set(bytes, this.#buffered)
      this.#buffered += bytes.length
    }
  }

  /** Durable when it returns. */
  finish(): FileEntry {
    this.#flush()
    fsyncSync(this.#fd)
    this.abandon()
    return { sizeBytes: this.#sizeBytes, sha256: this.#hash.digest('hex') }
  }

  /** After a failure, instead of `finish` or after it. */
  abandon(): void {
    if (this.#isOpen) closeSync(this.#fd)
    this.#isOpen = false
  }

  #flush(): void {
    if (this.#buffered > 0) this.#out(this.#buffer.subarray(0, this.#buffered))
    this.#buffered = 0
  }

  #out(bytes: Uint8Array): void {
    this.#hash.update(bytes)
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done, bytes.length - done)
  }
}
