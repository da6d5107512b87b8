/** A copy of a model in which some initializers have other values: same names, shapes and types, everything else byte for byte. */
import { chmodSync, closeSync, copyFileSync, fsyncSync, mkdirSync, openSync, writeSync } from 'node:fs'
import path from 'node:path'
import { VillageError } from '../../errors.ts'
import { encodeFloats } from './data-types.ts'
import type { TensorInfo } from './model.ts'
import { openModel } from './read.ts'

/** New values of a tensor in row-major order; they are asked for once, when they are written. */
export type TensorValues = ReadonlyMap<string, () => Float32Array>

function placeOf(name: string, tensor: TensorInfo | undefined): { file: string | null; offset: number } {
  if (tensor === undefined)
    throw new VillageError('INVALID_ARGUMENT', `The model has no initializer "${name}".`)
  const { storage } = tensor
  if (storage.kind === 'raw') return storage
  throw new VillageError('MODEL_UNSUPPORTED', `Tensor "${name}" does not store its elements as bytes.`)
}

/**
 * Writes the copy as `<outDir>/<name of the model file>`, its external data beside it under their own names. Throws
 * INVALID_ARGUMENT for a tensor that the model does not have or values that are not as many as it has, MODEL_UNSUPPORTED for
 * one that is not of floats.
 */
export function replaceTensors(modelPath: string, outDir: string, values: TensorValues): void {
  const steps = replacingTensors(modelPath, outDir, values)
  while (steps.next().done !== true);
}

/** The same in steps, one a tensor, for who has something to look at between them. What is abandoned leaves its files behind. */
export function* replacingTensors(
  modelPath: string,
  outDir: string,
  values: TensorValues,
): Generator<undefined, void> {
  const directory = path.dirname(modelPath)
  const target = path.join(outDir, path.basename(modelPath))
  const copies = new Map<string | null, string>([[null, target]])
  using model = openModel(modelPath)
  for (const file of model.externalFiles) copies.set(file, path.join(outDir, path.relative(directory, file)))
  const places = [...values].map(([name, read]) => {
    const tensor = model.graph.initializers.get(name)
    return { ...placeOf(name, tensor), tensor: tensor!, read }
  })
  for (const [file, copy] of copies) {
    mkdirSync(path.dirname(copy), { recursive: true })
    copyFileSync(file ?? modelPath, copy)
    // A copy has the rights of what it was made of, and that may be read-only.
    chmodSync(copy, 0o644)
  }
  const fds = new Map([...copies.values()].map((copy) => [copy, openSync(copy, 'r+')]))
  try {
    for (const { file, offset, tensor, read } of places) {
      write(fds.get(copies.get(file)!)!, offset, tensor, read())
      yield
    }
    for (const fd of fds.values()) fsyncSync(fd)
  } finally {
    for (const fd of fds.values()) closeSync(fd)
  }
}

function write(fd: number, offset: number, { name, type, elements }: TensorInfo, values: Float32Array): void {
  if (values.length !== elements)
    throw new VillageError('INVALID_ARGUMENT', `"${name}" has ${elements} elements, not ${values.length}.`)
  const bytes = encodeFloats(type.code, values)
  if (bytes === undefined)
    throw new VillageError('MODEL_UNSUPPORTED', `Tensor "${name}" is of ${type.name}, not of floats.`)
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, offset + at)
}
