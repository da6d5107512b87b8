/** Writes small models of safetensors for tests, with nothing of the code that reads them. */
import { writeFileSync } from 'node:fs'
import path from 'node:path'

export interface TestTensor {
  readonly name: string
  readonly dtype: string
  readonly shape: readonly number[]
  readonly bytes: Uint8Array
}

export function safetensors(
  tensors: readonly TestTensor[],
  init: { metadata?: Record<string, string>; change?: (header: Record<string, unknown>) => void } = {},
): Buffer {
  const header: Record<string, unknown> = init.metadata === undefined ? {} : { __metadata__: init.metadata }
  let end = 0
  for (const { name, dtype, shape, bytes } of tensors) {
    header[name] = { dtype, shape, data_offsets: [end, end + bytes.length] }
    end += bytes.length
  }
  init.change?.(header)
  return withHeader(JSON.stringify(header), Buffer.concat(tensors.map(({ bytes }) => bytes)))
}

export function withHeader(header: string, data: Uint8Array): Buffer {
  const text = Buffer.from(header)
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([length, text, data])
}

export function writeShards(
  directory: string,
  shards: Readonly<Record<string, readonly TestTensor[]>>,
): void {
  const weightMap: Record<string, string> = {}
  for (const [file, tensors] of Object.entries(shards)) {
    writeFileSync(path.join(directory, file), safetensors(tensors, { metadata: { format: 'pt' } }))
    for (const { name } of tensors) weightMap[name] = file
  }
  const index = { metadata: { total_size: 0 }, weight_map: weightMap }
  writeFileSync(path.join(directory, 'model.safetensors.index.json'), JSON.stringify(index))
}

export const bytesOf = (array: Float32Array | Uint16Array | BigInt64Array | Uint8Array): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
