import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { VillageError } from '../../errors.ts'

/** One tensor of a TF.js weights manifest. */
export interface TfjsTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly dtype: string
  readonly offset: number
  readonly sizeBytes: number
}

/** The weights of a TF.js graph model: tensors back to back over shard files (tfjs-core's io format). */
export interface TfjsWeights {
  readonly tensors: ReadonlyMap<string, TfjsTensor>
  read(name: string): Float32Array
}

interface Manifest {
  readonly paths: readonly string[]
  readonly weights: readonly {
    readonly name: string
    readonly shape: readonly number[]
    readonly dtype: string
  }[]
}

/** Bytes an element; the package that this reads has these two types only. */
const ELEMENT_BYTES: Readonly<Record<string, number>> = { float32: 4, int32: 4 }

/** Reads the manifest of `<directory>/model.json`; weights are read from the shards one at a time. */
export function openTfjsWeights(directory: string): TfjsWeights {
  const manifest = readManifest(directory)
  const shards = manifest.paths.map((path) => {
    const file = join(directory, path)
    return { file, sizeBytes: statSync(file).size }
  })
  const tensors = new Map<string, TfjsTensor>()
  let offset = 0
  for (const { name, shape, dtype } of manifest.weights) {
    const elementBytes = ELEMENT_BYTES[dtype]
    if (elementBytes === undefined)
      throw new VillageError(
        'MODEL_UNSUPPORTED',
        `The weight "${name}" of the embedded encoder has type ${dtype}.`,
      )
    const sizeBytes = shape.reduce((product, dim) => product * dim, 1) * elementBytes
    tensors.set(name, { name, shape, dtype, offset, sizeBytes })
    offset += sizeBytes
  }
  const total = shards.reduce((sum, shard) => sum + shard.sizeBytes, 0)
  if (total !== offset)
    throw new VillageError(
      'MODEL_MALFORMED',
      `The weights of the embedded encoder are ${total} bytes instead of ${offset}; install the packages again.`,
    )

  return {
    tensors,
    read(name) {
      const tensor = tensors.get(name)
      if (tensor === undefined)
        throw new VillageError('MODEL_MALFORMED', `The embedded encoder has no weight "${name}".`)
      const bytes = new Uint8Array(tensor.sizeBytes)
      readAcrossShards(shards, tensor.offset, bytes)
      if (tensor.dtype === 'int32') return Float32Array.from(new Int32Array(bytes.buffer))
      return new Float32Array(bytes.buffer)
    },
  }
}

function readManifest(directory: string): Manifest {
  const json = JSON.parse(readFileSync(join(directory, 'model.json'), 'utf8')) as {
    weightsManifest?: Manifest[]
  }
  const [manifest, ...more] = json.weightsManifest ?? []
  if (manifest === undefined || more.length > 0)
    throw new VillageError(
      'MODEL_UNSUPPORTED',
      'The embedded encoder does not have exactly one group of weights.',
    )
  return manifest
}

function readAcrossShards(
  shards: readonly { file: string; sizeBytes: number }[],
  offset: number,
  target: Uint8Array,
): void {
  let shardStart = 0
  for (const { file, sizeBytes } of shards) {
    const from = Math.max(offset, shardStart)
    const to = Math.min(offset + target.length, shardStart + sizeBytes)
    if (from < to) readFileRange(file, from - shardStart, target.subarray(from - offset, to - offset))
    shardStart += sizeBytes
  }
}

function readFileRange(file: string, offset: number, target: Uint8Array): void {
  const fd = openSync(file, 'r')
  try {
    for (let at = 0; at < target.length; ) {
      const read = readSync(fd, target, at, target.length - at, offset + at)
      if (read === 0)
        throw new VillageError('MODEL_MALFORMED', 'A weight file of the embedded encoder is cut off.')
      at += read
    }
  } finally {
    closeSync(fd)
  }
}
