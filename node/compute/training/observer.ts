/**
 * What may look on while a model is trained, and what it finds. The training knows the shape only: what is measured belongs to
 * a domain above this one, which hands its observer in with its row of the operations table.
 */
import { existsSync, readFileSync } from 'node:fs'
import type { JsonObject } from '../../json.ts'
import type { BatchSource } from './batches.ts'
import { type MetricsWriter, openMetricsWriter } from './metrics-file.ts'
import type { Observation } from './run-training.ts'
import type { Trainer } from './trainer.ts'

/** The intrinsic dimension of the hidden states falls while training has slowed down. */
export interface Finding {
  /** Of the look that settled it; never 0. */
  readonly step: number
  /** At the beginning of the fall, and now. */
  readonly dimensionBefore: number
  readonly dimension: number
}

export interface Observed {
  /** Kept as a line of JSON with the result of the training. */
  readonly line: JsonObject
  /** What is new since the look before, or null. */
  readonly finding: Finding | null
}

/** `earlier`: the lines of all looks before, also of those before a restart. */
export type TrainingObserver = (
  at: Observation,
  source: { trainer: Pick<Trainer, 'hidden' | 'parameters' | 'state'>; data: BatchSource },
  earlier: readonly JsonObject[],
  signal: AbortSignal,
) => Promise<Observed>

export interface ObservationFile extends Pick<MetricsWriter, 'sizeBytes' | 'close'> {
  readonly lines: readonly JsonObject[]
  append(line: JsonObject): void
}

/** Goes on behind the first `keptBytes`: what came after them is made again. Throws DATA_CORRUPT where it is shorter. */
export function openObservations(file: string, keptBytes: number): ObservationFile {
  const bytes = existsSync(file) ? readFileSync(file).subarray(0, keptBytes) : Buffer.alloc(0)
  const writer = openMetricsWriter(file, keptBytes)
  const lines = bytes
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as JsonObject)
  return {
    lines,
    append(line) {
      writer.append(line)
      lines.push(line)
    },
    sizeBytes: writer.sizeBytes,
    close: writer.close,
  }
}
