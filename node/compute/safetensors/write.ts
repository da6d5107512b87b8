/** Writes a safetensors file tensor by tensor: what it holds is never in memory as a whole. */
import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { VillageError } from '../../errors.ts'
import { BFLOAT16, encodeFloats, FLOAT16, FLOAT32 } from '../onnx/data-types.ts'
import { encodeHead } from './header.ts'

/** Element types that can be written. */
export type WrittenType = 'F32' | 'F16' | 'BF16'

const TYPES: Readonly<Record<WrittenType, { code: number; sizeBytes: number }>> = {
  F32: { code: FLOAT32, sizeBytes: 4 },
  F16: { code: FLOAT16, sizeBytes: 2 },
  BF16: { code: BFLOAT16, sizeBytes: 2 },
}

export interface WrittenTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly dtype: WrittenType
  /** The values in row-major order, in parts of any size; asked for once. */
  values(): Iterable<Float32Array>
}

/**
 * Writes the tensors one after another, in the order in which they are given. The file appears whole, on the disk, or not at all.
 * Throws INVALID_ARGUMENT for a tensor whose values are not as many as its shape says, and for values that float16
 * cannot hold: they would come back as infinity.
 */
export function writeSafetensors(
  path: string,
  tensors: readonly WrittenTensor[],
  metadata: Readonly<Record<string, string>> = {},
): void {
  const steps = writingSafetensors(path, tensors, metadata)
  while (steps.next().done !== true);
}

/** The same in steps, one a tensor, for who has something to look at between them. Nothing is left of what is abandoned. */
export function* writingSafetensors(
  path: string,
  tensors: readonly WrittenTensor[],
  metadata: Readonly<Record<string, string>> = {},
): Generator<undefined, void> {
  let end = 0
  const header = tensors.map(({ name, shape, dtype }) => {
    const elements = shape.reduce((product, size) => product * size, 1)
    const sizeBytes = elements * TYPES[dtype].sizeBytes
    end += sizeBytes
    return { name, dtype, shape, elements, offset: end - sizeBytes, sizeBytes }
  })
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  const fd = openSync(temporary, 'wx')
  const write = (bytes: Uint8Array): void => {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
  }
  let isWhole = false
  try {
    try {
      write(encodeHead({ metadata, tensors: header }))
      for (const [index, tensor] of tensors.entries()) {
        writeTensor(tensor, header[index]!.sizeBytes, write)
        yield
      }
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(temporary, path)
    isWhole = true
  } finally {
    if (!isWhole) rmSync(temporary, { force: true })
  }
}

function writeTensor(tensor: WrittenTensor, sizeBytes: number, write: (bytes: Uint8Array) => void): void {
  const { name, dtype } = tensor
  let written = 0
  for (const values of tensor.values()) {
    if (dtype === 'F16') checkHalf(name, values)
    const bytes = encodeFloats(TYPES[dtype].code, values)!
    written += bytes.length
    if (written > sizeBytes) break
    write(bytes)
  }
  if (written !== sizeBytes)
    throw new VillageError('INVALID_ARGUMENT', `Tensor "${name}" has other values than its shape says`)
}

/** Above it, float16 rounds to infinity. */
const MAX_HALF = 65519

function checkHalf(name: string, values: Float32Array): void {
  for (const value of values)
    if (!(Math.abs(value) <= MAX_HALF))
      throw new VillageError('INVALID_ARGUMENT', `Tensor "${name}" has a value that float16 cannot hold`)
}
