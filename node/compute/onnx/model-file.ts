import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { basename } from 'node:path'
import { VillageError } from '../../errors.ts'
import { encodeTensorHeader, encodeVarint, MessageWriter, type TensorSource } from './encode.ts'
import { WIRE_BYTES } from './wire.ts'

/** protobuf refuses messages of 2 GiB and more. */
const MAX_INLINE_BYTES = 2 ** 31 - 1
/**
 * Smaller tensors (shapes, scalars) stay in the model file: onnxruntime reads shapes while it loads the
 * graph.
 */
const MIN_EXTERNAL_BYTES = 1024
/** Page alignment lets onnxruntime map large tensors instead of copying them. */
const LARGE_ALIGNMENT = 4096
const SMALL_ALIGNMENT = 64
const LARGE_BYTES = 1024 * 1024
/** Room for a length below 2^35, written as a varint that is padded with continuation bytes. */
const LENGTH_BYTES = 5

/**
 * Writes one model file from front to back, with an external data file beside it (`<name>.data`) if asked.
 * Both are written under temporary names, synced and renamed on `commit`, so that a model is complete or not
 * there.
 */
export interface ModelFile {
  raw(bytes: Uint8Array): void
  field(field: number, body: Uint8Array): void
  tensor(field: number, source: TensorSource): void
  /** Writes a tensor up to its bytes, and says where those go: several tensors can be filled side by side. */
  place(field: number, header: TensorHeader): TensorSlot
  /** Starts a message whose length is not known yet; `end` puts it in. */
  begin(field: number): void
  end(): void
  commit(): void
  /** Removes what was written; after commit it does nothing. */
  abort(): void
}

export type TensorHeader = Omit<TensorSource, 'write'>

/** The bytes of one tensor in the file. */
export interface TensorSlot {
  /** Writes at `offset` within the tensor; every byte is written once. */
  write(offset: number, bytes: Uint8Array): void
  /** Throws INTERNAL unless as much was written as the header announced. */
  end(): void
}

interface OpenFile {
  readonly fd: number
  readonly temporaryPath: string
  readonly path: string
  sizeBytes: number
}

function openTemporary(path: string): OpenFile {
  const temporaryPath = `${path}.${randomBytes(6).toString('hex')}.tmp`
  return { fd: openSync(temporaryPath, 'wx'), temporaryPath, path, sizeBytes: 0 }
}

function writeAt(file: OpenFile, offset: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file.fd, bytes, at, bytes.length - at, offset + at)
}

function append(file: OpenFile, bytes: Uint8Array): void {
  writeAt(file, file.sizeBytes, bytes)
  file.sizeBytes += bytes.length
}

export function createModelFile(path: string, init: { external: boolean }): ModelFile {
  const model = openTemporary(path)
  let data: OpenFile | undefined
  let done = false
  const open: number[] = []

  /** Room for a tensor at the end of `file`. */
  function reserve(file: OpenFile, header: TensorHeader): TensorSlot {
    const { name, sizeBytes } = header
    const start = file.sizeBytes
    file.sizeBytes += sizeBytes
    let written = 0
    return {
      write(offset, bytes) {
        if (offset < 0 || offset + bytes.length > sizeBytes)
          throw new VillageError(
            'INTERNAL',
            `Tensor "${name}" wrote beyond the ${sizeBytes} bytes that it announced.`,
          )
        writeAt(file, start + offset, bytes)
        written += bytes.length
      },
      end() {
        if (written !== sizeBytes)
          throw new VillageError(
            'INTERNAL',
            `Tensor "${name}" wrote ${written} bytes after announcing ${sizeBytes}.`,
          )
      },
    }
  }

  function place(field: number, tensor: TensorHeader): TensorSlot {
    if (init.external && tensor.sizeBytes >= MIN_EXTERNAL_BYTES) {
      const offset = dataOffset(tensor.sizeBytes)
      const header = encodeTensorHeader(tensor, { location: `${basename(path)}.data`, offset })
      append(model, new MessageWriter().message(field, header).finish())
      return reserve(data!, tensor)
    }
    const header = encodeTensorHeader(tensor, undefined)
    if (model.sizeBytes + header.sizeBytes + tensor.sizeBytes > MAX_INLINE_BYTES)
      throw new VillageError('MODEL_TOO_LARGE')
    append(model, new MessageWriter().lengthPrefix(field, header.sizeBytes + tensor.sizeBytes).finish())
    append(model, header.finish())
    return reserve(model, tensor)
  }

  function dataOffset(sizeBytes: number): number {
    data ??= openTemporary(`${path}.data`)
    const alignment = sizeBytes >= LARGE_BYTES ? LARGE_ALIGNMENT : SMALL_ALIGNMENT
    append(data, new Uint8Array((alignment - (data.sizeBytes % alignment)) % alignment))
    return data.sizeBytes
  }

  function close(): void {
    done = true
    closeSync(model.fd)
    if (data !== undefined) closeSync(data.fd)
  }

  return {
    raw(bytes) {
      append(model, bytes)
    },

    field(field, body) {
      append(model, new MessageWriter().bytes(field, body).finish())
    },

    tensor(field, source) {
      const slot = place(field, source)
      let at = 0
      source.write((bytes) => {
        slot.write(at, bytes)
        at += bytes.length
      })
      slot.end()
    },

    place,

    begin(field) {
      append(model, encodeVarint(field * 8 + WIRE_BYTES))
      open.push(model.sizeBytes)
      append(model, new Uint8Array(LENGTH_BYTES))
    },

    end() {
      const at = open.pop()!
      let rest = model.sizeBytes - at - LENGTH_BYTES
      const bytes = new Uint8Array(LENGTH_BYTES)
      for (let i = 0; i < LENGTH_BYTES; i++) {
        bytes[i] = (rest % 128) | (i < LENGTH_BYTES - 1 ? 0x80 : 0)
        rest = Math.floor(rest / 128)
      }
      writeSync(model.fd, bytes, 0, LENGTH_BYTES, at)
    },

    commit() {
      if (model.sizeBytes > MAX_INLINE_BYTES) throw new VillageError('MODEL_TOO_LARGE')
      fsyncSync(model.fd)
      if (data !== undefined) fsyncSync(data.fd)
      close()
      // The data goes first: a model file never names data that is not there.
      if (data !== undefined) renameSync(data.temporaryPath, data.path)
      renameSync(model.temporaryPath, model.path)
    },

    abort() {
      if (!done) close()
      rmSync(model.temporaryPath, { force: true })
      if (data !== undefined) rmSync(data.temporaryPath, { force: true })
    },
  }
}
