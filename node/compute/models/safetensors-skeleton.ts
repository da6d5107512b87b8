/**
 * What remains of a model of safetensors when its compressed weights are taken out: `rest.safetensors` with the tensors that
 * stay as they are, and `shards.json` with the files that the model had and what was in each. Synchronous or in small steps:
 * run it in a worker.
 */
import {
  closeSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import path from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonValue } from '../../json.ts'
import type { Kernels } from '../kernels.ts'
import { createDenseWriter } from '../onnx/dense-writer.ts'
import {
  encodeHead,
  floatTypeOf,
  MAX_HEADER_BYTES,
  malformed,
  parseHeader,
  type SafeTensor,
  type SafetensorsHeader,
} from '../safetensors/header.ts'
import {
  openSafetensors,
  openShards,
  type SafetensorsModel,
  SHARD_NAME,
  type Shard,
} from '../safetensors/read.ts'
import { decodeSlices, type SliceFile } from './packed-slices.ts'
import type { MissingWeight } from './skeleton.ts'
import { isMatrix } from './weight-source.ts'

export const REST_FILE = 'rest.safetensors'
export const SHARDS_FILE = 'shards.json'
const MAX_SHARDS_BYTES = 2 * MAX_HEADER_BYTES
const CHUNK_BYTES = 2 ** 20

type Write = (position: number, bytes: Uint8Array) => void

/** Writes a file under a temporary name that goes if anything fails. */
async function writeWhole(target: string, fill: (write: Write) => Promise<void> | void): Promise<void> {
  const temporary = `${target}.${process.pid}.tmp`
  const fd = openSync(temporary, 'wx')
  try {
    await fill((position, bytes) => {
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, position + at)
    })
    closeSync(fd)
  } catch (error) {
    closeSync(fd)
    rmSync(temporary, { force: true })
    throw error
  }
  renameSync(temporary, target)
}

function copyTensor(model: SafetensorsModel, tensor: SafeTensor, position: number, write: Write): void {
  for (let at = 0; at < tensor.sizeBytes; at += CHUNK_BYTES) {
    const chunk = new Uint8Array(Math.min(CHUNK_BYTES, tensor.sizeBytes - at))
    model.readBytes(tensor, at, chunk)
    write(position + at, chunk)
  }
}

/** Splits a model into what stays and what is missing. Throws INVALID_ARGUMENT for a name that is not a weight. */
export async function writeSafetensorsSkeleton(init: {
  directory: string
  outDir: string
  names: readonly string[]
}): Promise<MissingWeight[]> {
  using model = openSafetensors(init.directory)
  const wanted = new Set(init.names)
  const missing: MissingWeight[] = []
  const kept: SafeTensor[] = []
  let offset = 0
  for (const tensor of model.tensors) {
    if (!(isMatrix(tensor) && wanted.delete(tensor.name))) {
      kept.push(tensor)
      continue
    }
    const { name, shape, sizeBytes, dtype } = tensor
    const [rows, cols] = shape as readonly [number, number]
    missing.push({ name, rows, cols, transposed: false, elementType: floatTypeOf(dtype)!, offset, sizeBytes })
    offset += sizeBytes
  }
  if (wanted.size > 0)
    throw new VillageError('INVALID_ARGUMENT', `"${[...wanted][0]}" is not a weight that can be taken out`)
  const shards = model.shards.map(({ file, header }) => ({
    file,
    header: headerJson(header),
    dataBytes: header.tensors.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  }))
  writeFileSync(path.join(init.outDir, SHARDS_FILE), `${JSON.stringify({ version: 1, shards })}\n`)
  await writeWhole(path.join(init.outDir, REST_FILE), (write) => {
    let end = 0
    const tensors = kept.map((tensor) => {
      end += tensor.sizeBytes
      return { ...tensor, offset: end - tensor.sizeBytes }
    })
    const head = encodeHead({ metadata: {}, tensors })
    write(0, head)
    for (const [index, tensor] of kept.entries())
      copyTensor(model, tensor, head.length + tensors[index]!.offset, write)
  })
  return missing
}

/** The header as text, so that it is checked by the same parser when it is read. */
const headerJson = (header: SafetensorsHeader): string =>
  Buffer.from(encodeHead(header)).subarray(8).toString('utf8').trimEnd()

function readShards(packedDir: string): Shard[] {
  const file = path.join(packedDir, SHARDS_FILE)
  if (statSync(file).size > MAX_SHARDS_BYTES) throw malformed(`${SHARDS_FILE} is too long`)
  let json: unknown
  try {
    json = JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    throw malformed(`${SHARDS_FILE} is not JSON`)
  }
  if (!isJsonObject(json) || json.version !== 1 || !Array.isArray(json.shards))
    throw malformed(`${SHARDS_FILE} is not of version 1`)
  const seen = new Set<string>()
  const placed = new Set<string>()
  return json.shards.map((shard: JsonValue) => {
    if (!isJsonObject(shard)) throw malformed(`${SHARDS_FILE} has a shard that is none`)
    const { file: name, header, dataBytes } = shard
    if (typeof name !== 'string' || !SHARD_NAME.test(name) || seen.has(name))
      throw malformed(`${SHARDS_FILE} has a file name that it may not`)
    if (typeof header !== 'string' || typeof dataBytes !== 'number')
      throw malformed(`${SHARDS_FILE} has a shard without a header`)
    seen.add(name)
    const parsed = parseHeader(Buffer.from(header), dataBytes)
    // Else a small packed model could ask for one tensor in any number of files.
    for (const tensor of parsed.tensors) {
      if (placed.has(tensor.name)) throw malformed(`${SHARDS_FILE} has a tensor in two files`)
      placed.add(tensor.name)
    }
    return { file: name, header: parsed }
  })
}

/**
 * Writes the files that the model had, with the decoded values of its packed weights. Memory is one slice of one weight. Throws
 * MODEL_MALFORMED and CODEC_MALFORMED for parts that do not fit together.
 */
export async function fillSafetensors(
  components: { kernels: Kernels },
  init: {
    packedDir: string
    outDir: string
    weights: readonly (MissingWeight & SliceFile)[]
  },
  signal: AbortSignal,
): Promise<void> {
  const shards = readShards(init.packedDir)
  using rest = openShards(init.packedDir, [REST_FILE])
  const kept = new Map(rest.tensors.map((tensor) => [tensor.name, tensor]))
  const weights = new Map(init.weights.map((weight) => [weight.name, weight]))
  for (const { file, header } of shards)
    await writeWhole(path.join(init.outDir, file), async (write) => {
      const head = encodeHead(header)
      write(0, head)
      for (const tensor of header.tensors) {
        await setImmediate()
        signal.throwIfAborted()
        const position = head.length + tensor.offset
        const copy = kept.get(tensor.name)
        const weight = weights.get(tensor.name)
        if (copy !== undefined && copy.sizeBytes === tensor.sizeBytes) copyTensor(rest, copy, position, write)
        else if (weight === undefined || !isSame(weight, tensor))
          throw malformed('a tensor is neither packed nor kept')
        else await fillWeight(components, weight, (at, bytes) => write(position + at, bytes), signal)
      }
    })
}

const isSame = ({ rows, cols, elementType, transposed }: MissingWeight, { dtype, shape }: SafeTensor) =>
  !transposed &&
  shape.length === 2 &&
  shape[0] === rows &&
  shape[1] === cols &&
  floatTypeOf(dtype) === elementType

async function fillWeight(
  components: { kernels: Kernels },
  weight: MissingWeight & SliceFile,
  write: Write,
  signal: AbortSignal,
): Promise<void> {
  const writer = createDenseWriter(weight, write)
  for (const { data } of decodeSlices(components, weight, weight)) {
    writer.push(data)
    await setImmediate()
    signal.throwIfAborted()
  }
  writer.end()
}
