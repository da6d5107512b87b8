/**
 * What remains of a model when its compressed weights are taken out. The skeleton is an ONNX file in which
 * those weights point into a data file that is not there (`weights.bin`): writing it makes the model whole
 * again. Synchronous: run it in a worker.
 */
import { closeSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import path from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { VillageError } from '../../errors.ts'
import type { Kernels } from '../kernels.ts'
import { createDenseWriter } from '../onnx/dense-writer.ts'
import { encodeTensorHeader } from '../onnx/encode.ts'
import { GRAPH_FIELD, MODEL_FIELD, type TensorInfo } from '../onnx/model.ts'
import { createModelFile, type ModelFile } from '../onnx/model-file.ts'
import { type OnnxModel, openModel } from '../onnx/read.ts'
import { listWeights } from '../onnx/weights.ts'
import type { ByteRange } from '../onnx/wire.ts'
import { decodeSlices, type SliceFile } from './packed-slices.ts'

export const WEIGHTS_FILE = 'weights.bin'

/** A weight that was taken out: enough to put it back. */
export interface MissingWeight {
  readonly name: string
  readonly rows: number
  readonly cols: number
  readonly transposed: boolean
  /** ONNX element type. */
  readonly elementType: number
  /** In weights.bin. */
  readonly offset: number
  readonly sizeBytes: number
}

const CHUNK_BYTES = 1024 * 1024
const ALIGNMENT = 64

function copy(model: OnnxModel, file: ModelFile, range: ByteRange): void {
  for (let at = range.start; at < range.end; at += CHUNK_BYTES) {
    const end = Math.min(range.end, at + CHUNK_BYTES)
    const chunk = new Uint8Array(end - at)
    model.readFile({ start: at, end }, chunk)
    file.raw(chunk)
  }
}

/** External data comes inside: what remains is small. */
function copyTensor(model: OnnxModel, file: ModelFile, range: ByteRange, tensor: TensorInfo): void {
  if (tensor.storage.kind !== 'raw' || tensor.storage.file === null) {
    copy(model, file, range)
    return
  }
  const { sizeBytes } = tensor.storage
  file.tensor(GRAPH_FIELD.initializer, {
    name: tensor.name,
    elementType: tensor.type.code,
    dims: tensor.dims,
    sizeBytes,
    write(push) {
      for (let at = 0; at < sizeBytes; at += CHUNK_BYTES) {
        const chunk = new Uint8Array(Math.min(CHUNK_BYTES, sizeBytes - at))
        model.readBytes(tensor, at, chunk)
        push(chunk)
      }
    },
  })
}

/** Writes the skeleton of a model without the named weights, and says what is missing. */
export function writeSkeleton(init: {
  modelPath: string
  outPath: string
  names: readonly string[]
}): MissingWeight[] {
  using model = openModel(init.modelPath)
  const wanted = new Set(init.names)
  const missing: MissingWeight[] = []
  let offset = 0
  for (const plan of listWeights(model, { minElements: 1 })) {
    if (!wanted.delete(plan.name)) continue
    const { name, rows, cols, transposed, tensor } = plan
    const sizeBytes = (tensor.elements * tensor.type.bits) / 8
    missing.push({ name, rows, cols, transposed, elementType: tensor.type.code, offset, sizeBytes })
    offset += Math.ceil(sizeBytes / ALIGNMENT) * ALIGNMENT
  }
  if (wanted.size > 0)
    throw new VillageError('INVALID_ARGUMENT', `"${[...wanted][0]}" is not a weight that can be taken out`)
  const byName = new Map(missing.map((weight) => [weight.name, weight]))
  const file = createModelFile(init.outPath, { external: false })
  try {
    for (const field of model.fields) {
      if (field.field !== MODEL_FIELD.graph) {
        copy(model, file, field)
        continue
      }
      file.begin(MODEL_FIELD.graph)
      for (const part of model.graph.fields) {
        const weight = part.field === GRAPH_FIELD.initializer ? byName.get(part.name) : undefined
        const tensor = model.graph.initializers.get(part.name)
        if (weight !== undefined) {
          const { dims } = tensor!
          const location = { location: WEIGHTS_FILE, offset: weight.offset }
          file.field(GRAPH_FIELD.initializer, encodeTensorHeader({ ...weight, dims }, location).finish())
        } else if (part.field === GRAPH_FIELD.initializer) copyTensor(model, file, part, tensor!)
        else copy(model, file, part)
      }
      file.end()
    }
    file.commit()
  } finally {
    file.abort()
  }
  return missing
}

/**
 * Writes `weights.bin` beside a skeleton from packed slices, so that it is an ordinary model with the decoded
 * values. Memory is one slice and one band of rows.
 */
export async function fillSkeleton(
  components: { kernels: Kernels },
  init: {
    directory: string
    weights: readonly (MissingWeight & SliceFile)[]
  },
  signal: AbortSignal,
): Promise<void> {
  const target = path.join(init.directory, WEIGHTS_FILE)
  const temporary = `${target}.${process.pid}.tmp`
  const fd = openSync(temporary, 'wx')
  try {
    for (const weight of init.weights) {
      const writer = createDenseWriter(weight, (offset, bytes) => {
        for (let at = 0; at < bytes.length; )
          at += writeSync(fd, bytes, at, bytes.length - at, weight.offset + offset + at)
      })
      for (const { data } of decodeSlices(components, weight, weight)) {
        writer.push(data)
        await setImmediate()
        signal.throwIfAborted()
      }
      writer.end()
    }
    closeSync(fd)
  } catch (error) {
    closeSync(fd)
    rmSync(temporary, { force: true })
    throw error
  }
  renameSync(temporary, target)
}
