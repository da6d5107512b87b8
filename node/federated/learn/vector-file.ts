/** Named vectors with small facts in one file with a hash over all of it, whole or not at all: a checkpoint without an optimiser. */
import { readCheckpoint, writeCheckpoint } from '../../compute/training/checkpoint.ts'
import type { JsonObject } from '../../json.ts'

export interface StoredVectors {
  readonly vectors: ReadonlyMap<string, Float32Array>
  readonly facts: JsonObject
}

/** Durable when it returns. */
export function writeVectors(file: string, { vectors, facts }: StoredVectors): void {
  writeCheckpoint(file, { step: 0, parameters: vectors, moments: new Map() }, facts, { moments: false })
}

/** Null where there is none. Throws TRAIN_CHECKPOINT_INVALID. */
export function readVectors(file: string): StoredVectors | null {
  const found = readCheckpoint(file)
  return found === null ? null : { vectors: found.state.parameters, facts: found.facts }
}
