/** What the Twin remembers of a person: one sealed record each. */
import type { JsonObject, JsonValue } from '../../json.ts'
import { isJsonObject } from '../../json.ts'

export const MEMORY_KINDS = ['fact', 'preference', 'summary'] as const
export type MemoryKind = (typeof MEMORY_KINDS)[number]

/**
 * How it came to be known: `told` ("remember that …"), `added` (typed into the Twin), `learned` (picked from the person's own
 * messages), `conversation` (a summary of one).
 */
export const MEMORY_SOURCES = ['told', 'added', 'learned', 'conversation'] as const
export type MemorySource = (typeof MEMORY_SOURCES)[number]

export const MAX_MEMORY_CHARACTERS = 2_000

export interface Memory {
  readonly id: string
  readonly kind: MemoryKind
  readonly text: string
  readonly source: { readonly kind: MemorySource; readonly conversation: string | null }
  /** 0 to 1: what a person said outright is 1, what was picked from their messages is less. */
  readonly confidence: number
  readonly createdAtMs: number
  readonly updatedAtMs: number
}

export interface MemoryVector {
  /** CID of the encoder. */
  readonly encoder: string
  readonly values: Float32Array
}

export function memoryRecord(memory: Memory, vector: MemoryVector | null): JsonObject {
  return {
    ...memory,
    source: { ...memory.source },
    vector:
      vector === null
        ? null
        : {
            encoder: vector.encoder,
            values: Buffer.from(
              vector.values.buffer,
              vector.values.byteOffset,
              vector.values.byteLength,
            ).toString('base64'),
          },
  }
}

function vectorOf(value: JsonValue | undefined): MemoryVector | null {
  if (!isJsonObject(value) || typeof value.encoder !== 'string' || typeof value.values !== 'string')
    return null
  const bytes = Buffer.from(value.values, 'base64')
  const values = new Float32Array(bytes.byteLength >> 2)
  for (let index = 0; index < values.length; index += 1) values[index] = bytes.readFloatLE(index * 4)
  return { encoder: value.encoder, values }
}

/** The store has checked that the record is this node's own, whole and unchanged. */
export function readMemoryRecord(record: JsonValue): { memory: Memory; vector: MemoryVector | null } {
  const { vector, ...memory } = record as JsonObject
  return { memory: memory as JsonObject & Memory, vector: vectorOf(vector) }
}

/** Memories as JSON for people to take with them; `format` grows when this changes. */
export function exportMemories(memories: readonly Memory[], exportedAtMs: number): JsonObject {
  return {
    format: 1,
    exportedAt: new Date(exportedAtMs).toISOString(),
    memories: memories.map((memory) => ({ ...memory, source: { ...memory.source } })),
  }
}
