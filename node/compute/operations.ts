/**
 * What the worker threads can do. A row is a name and a function of (input, signal, progress): input and output
 * are plain data that can cross a thread boundary, and the arrays of an output are given away. A long one awaits
 * something between its steps, looks at the signal then, and may say what share of it is done. Nothing here came over the network: a task names
 * rows, it never brings one.
 */
import { CALIBRATION_OPERATIONS } from './calibration/operations.ts'
import { CODEC_OPERATIONS } from './codecs/operations.ts'
import { VPTQ_OPERATIONS } from './codecs/vptq-operations.ts'
import { PROBE_OPERATIONS } from './compress-plan/probe.ts'
import { EVALUATE_OPERATIONS } from './evaluate/operations.ts'
import { IMPORT_OPERATIONS } from './models/import/operations.ts'
import { MODEL_OPERATIONS } from './models/operations.ts'
import { PACKED_OPERATIONS } from './models/packed.ts'
import { SLICE_OPERATIONS } from './models/slice-operations.ts'
import { TRAINING_OPERATIONS } from './training/operations.ts'

export const OPERATIONS = {
  ...CALIBRATION_OPERATIONS,
  ...CODEC_OPERATIONS,
  ...VPTQ_OPERATIONS,
  ...PROBE_OPERATIONS,
  ...EVALUATE_OPERATIONS,
  ...MODEL_OPERATIONS,
  ...IMPORT_OPERATIONS,
  ...PACKED_OPERATIONS,
  ...SLICE_OPERATIONS,
  ...TRAINING_OPERATIONS,
} satisfies OperationTable

/** `never` for the input: a row may take any one type, and whoever calls it by name gives that type. */
export type OperationTable = Record<
  string,
  (input: never, signal: AbortSignal, progress: (share: number) => void) => unknown
>
export type Operations = typeof OPERATIONS
export type OperationInput<T extends OperationTable, N extends keyof T> = Parameters<T[N]>[0]
export type OperationOutput<T extends OperationTable, N extends keyof T> = Awaited<ReturnType<T[N]>>
