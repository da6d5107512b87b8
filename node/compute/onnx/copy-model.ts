/** What every writer of a changed copy of a model needs: bytes taken over as they are, and names that are still free. */
import type { ModelFile } from './model-file.ts'
import type { OnnxModel } from './read.ts'
import type { ByteRange } from './wire.ts'

const CHUNK_BYTES = 1024 * 1024

export function copyRange(model: OnnxModel, file: ModelFile, range: ByteRange): void {
  const buffer = new Uint8Array(Math.min(CHUNK_BYTES, range.end - range.start))
  for (let at = range.start; at < range.end; at += buffer.length) {
    const end = Math.min(range.end, at + buffer.length)
    const chunk = buffer.subarray(0, end - at)
    model.readFile({ start: at, end }, chunk)
    file.raw(chunk)
  }
}

/** `wanted`, or with the first number that makes it new; it is taken from then on. */
export function freshName(taken: Set<string>, wanted: string): string {
  let name = wanted
  for (let i = 1; taken.has(name); i++) name = `${wanted}_${i}`
  taken.add(name)
  return name
}
