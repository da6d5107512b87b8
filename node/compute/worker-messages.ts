/** What the pool and its worker threads say to each other. */
import { type ErrorCode, toVillageError, VillageError } from '../errors.ts'

export type ToWorker =
  | { readonly type: 'run'; readonly id: number; readonly name: string; readonly input: unknown }
  | { readonly type: 'abort'; readonly id: number }
  | { readonly type: 'close' }

export type FromWorker =
  | { readonly type: 'ready' }
  | { readonly type: 'progress'; readonly id: number; readonly share: number }
  | { readonly type: 'done'; readonly id: number; readonly output: unknown }
  | { readonly type: 'failed'; readonly id: number; readonly error: WireError }

/** An error as plain data: structured cloning would lose its class and code. */
export interface WireError {
  readonly code: ErrorCode
  readonly message: string
  readonly stack: string
  readonly fields: VillageError['fields']
}

export function toWireError(thrown: unknown): WireError {
  const error = toVillageError(thrown)
  const stack = (thrown instanceof Error ? thrown.stack : undefined) ?? ''
  return { code: error.code, message: error.message, stack, fields: error.fields }
}

export function fromWireError(wire: WireError): VillageError {
  const error = new VillageError(wire.code, wire.message, { fields: wire.fields })
  if (wire.stack !== '') error.stack = wire.stack
  return error
}

const MAX_DEPTH = 6

/**
 * The buffers of all arrays in plain data, to be transferred instead of copied. Arrays that are only a part
 * of their buffer are left out (and copied): the rest of the buffer belongs to somebody else.
 */
export function transferable(value: unknown): ArrayBuffer[] {
  const found = new Set<ArrayBuffer>()
  collect(value, found, 0)
  return [...found]
}

function collect(value: unknown, found: Set<ArrayBuffer>, depth: number): void {
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return
  if (ArrayBuffer.isView(value)) {
    const { buffer } = value
    if (buffer instanceof ArrayBuffer && buffer.byteLength === value.byteLength && !buffer.resizable)
      found.add(buffer)
    return
  }
  if (value instanceof ArrayBuffer) {
    found.add(value)
    return
  }
  for (const part of Array.isArray(value) ? value : Object.values(value)) collect(part, found, depth + 1)
}
