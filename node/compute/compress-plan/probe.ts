/**
 * Measures what codecs would do to one weight without compressing the model: the loss on a sample of its rows, the exact
 * size, and how far the model's outputs move when this weight alone is compressed. Rows of OPERATIONS.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import path from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { VillageError } from '../../errors.ts'
import { type CalibrationReference, loadAids, loadCalibration } from '../calibration/aids.ts'
import { onRun, openCalibrationData } from '../calibration/data.ts'
import { outputEnergy } from '../calibration/energy.ts'
import type { Codec, WeightMatrix } from '../codecs/codec.ts'
import { codecByName } from '../codecs/table.ts'
import { readSlice } from '../codecs/wire.ts'
import { type Kernels, loadKernels } from '../kernels.ts'
import { MODEL_FILE } from '../models/model-files.ts'
import { openModel } from '../onnx/read.ts'
import { rewriteModel } from '../onnx/rewrite.ts'
import { createSessions } from '../onnx/sessions.ts'
import type { TensorValue } from '../onnx/tensor-value.ts'
import { listWeights, readRows } from '../onnx/weights.ts'
import { type Allocation, allocate, type Option } from './allocate.ts'
import type { Candidate } from './candidates.ts'
import { MAX_PROBED, type Probed } from './probed.ts'

interface ProbeInit {
  /** Sampled rows, one block of consecutive rows after another. */
  readonly blocks: readonly WeightMatrix[]
  readonly candidates: readonly Candidate[]
  readonly calibration?: CalibrationReference
}

interface SensitivityInit {
  readonly modelDirectory: string
  /** The changed model is written below it and removed. */
  readonly workDirectory: string
  /** Null takes the project's own sentences. */
  readonly dataPath: string | null
  readonly items: number
  readonly tensor: string
  readonly candidate: Candidate
  readonly calibration?: CalibrationReference
}

let loaded: Kernels | undefined

function kernels(): Kernels {
  loaded ??= loadKernels()
  return loaded
}

const aidsOf = (codec: Codec, calibration: CalibrationReference | undefined) =>
  loadAids({ ...(calibration !== undefined && { calibration }), uses: codec.aids })

function roundTrip(
  matrix: WeightMatrix,
  { codec: name, params }: Candidate,
  calibration: CalibrationReference | undefined,
): { packed: Uint8Array; decoded: Float32Array } {
  const codec = codecByName(name)
  const packed = codec.encode(matrix, params, kernels(), aidsOf(codec, calibration))
  return { packed, decoded: codec.decode(packed, kernels()).data }
}

async function probeCandidates(input: ProbeInit, signal: AbortSignal): Promise<Probed[]> {
  const calibration = input.calibration === undefined ? null : loadCalibration(input.calibration)
  const { blocks } = input
  if (calibration !== null && blocks.some(({ cols }) => cols !== calibration.cols))
    throw new VillageError('INVALID_ARGUMENT', 'The calibration is of a weight with other columns.', {
      fields: { argument: 'calibration' },
    })
  // Without a calibration every column counts alike.
  const energy = (matrix: WeightMatrix): number =>
    calibration === null
      ? matrix.data.reduce((sum, value) => sum + value * value, 0)
      : outputEnergy(matrix, calibration, kernels())
  const norm = blocks.reduce((sum, block) => sum + energy(block), 0)
  const probed: Probed[] = []
  for (const candidate of input.candidates) {
    const rowGroup = codecByName(candidate.codec).rowGroup(candidate.params)
    let lost = 0
    let headerBytes = 0
    let groupBytes = 0
    for (const block of blocks) {
      await nextTurn()
      signal.throwIfAborted()
      const { packed, decoded } = roundTrip(block, candidate, input.calibration)
      lost += energy({ ...block, data: difference(block.data, decoded) })
      const { payload } = readSlice(packed)
      headerBytes = packed.length - payload.length
      groupBytes = payload.length / Math.ceil(block.rows / rowGroup)
    }
    probed.push({
      headerBytes,
      groupBytes,
      rowGroup,
      error: lost === 0 ? 0 : Math.min(MAX_PROBED, lost / norm),
    })
  }
  return probed
}

function difference(a: Float32Array, b: Float32Array): Float32Array {
  return Float32Array.from(a, (value, index) => value - b[index]!)
}

/** Rows of a weight that are encoded at once: 16 MiB as float32. */
const CHUNK_WEIGHTS = 2 ** 22

/** What of the model's outputs one compressed weight moves. Throws SESSION_FAILED, CALIBRATION_DATA_INVALID. */
async function sensitivity(
  input: SensitivityInit,
  signal: AbortSignal,
): Promise<{ movement: number | null }> {
  const modelPath = path.join(input.modelDirectory, MODEL_FILE)
  mkdirSync(input.workDirectory, { recursive: true })
  const changedDirectory = mkdtempSync(path.join(input.workDirectory, 'probe-'))
  try {
    await writeChanged(input, modelPath, path.join(changedDirectory, MODEL_FILE), signal)
    return await outputMovement({ ...input, changedDirectory }, signal)
  } finally {
    rmSync(changedDirectory, { recursive: true, force: true })
  }
}

/**
 * Squared movement of the float outputs of a changed model over their squares in the original, on the first items of
 * the data; null for a model that has no float outputs, or none but zeros. Throws SESSION_FAILED,
 * CALIBRATION_DATA_INVALID.
 */
async function outputMovement(
  input: Pick<SensitivityInit, 'modelDirectory' | 'dataPath' | 'items'> & { changedDirectory: string },
  signal: AbortSignal,
): Promise<{ movement: number | null }> {
  const modelPath = path.join(input.modelDirectory, MODEL_FILE)
  const changedPath = path.join(input.changedDirectory, MODEL_FILE)
  const data = openCalibrationData(input.modelDirectory, input.dataPath)
  const sessions = createSessions({ maxSessions: 2 })
  try {
    let moved = 0
    let size = 0
    for (const run of data.runs(0, Math.min(input.items, data.items))) {
      await nextTurn()
      signal.throwIfAborted()
      const { feeds } = run
      const original = await onRun(run, () => sessions.run({ modelPath, feeds }, signal))
      const changed = await sessions.run({ modelPath: changedPath, feeds }, signal)
      const [more, all] = movementOf(original, changed)
      moved += more
      size += all
    }
    // Outputs that are whole numbers or always 0 do not move by degrees.
    if (!(size > 0 && Number.isFinite(moved))) return { movement: null }
    return { movement: Math.min(MAX_PROBED, moved / size) }
  } finally {
    await sessions.close()
  }
}

async function writeChanged(
  input: SensitivityInit,
  modelPath: string,
  changedPath: string,
  signal: AbortSignal,
): Promise<void> {
  const { candidate, calibration, tensor } = input
  using model = openModel(modelPath)
  const plan = listWeights(model, { minElements: 1 }).find(({ name }) => name === tensor)
  if (plan === undefined)
    throw new VillageError('INVALID_ARGUMENT', `The model has no weight "${tensor}" that can be compressed.`)
  const rowGroup = codecByName(candidate.codec).rowGroup(candidate.params)
  const step = Math.max(1, Math.floor(CHUNK_WEIGHTS / plan.cols / rowGroup)) * rowGroup
  const forms = function* () {
    for (let row = 0; row < plan.rows; row += step) {
      const rows = Math.min(step, plan.rows - row)
      const matrix = { rows, cols: plan.cols, data: readRows(model, plan, row, rows) }
      yield { kind: 'dense' as const, data: roundTrip(matrix, candidate, calibration).decoded }
    }
  }
  await rewriteModel(model, changedPath, new Map([[tensor, forms]]), { signal })
}

const CACHE_OUTPUT = /^present\.\d+\.(key|value)$/

function movementOf(
  original: Readonly<Record<string, TensorValue>>,
  changed: Readonly<Record<string, TensorValue>>,
): [moved: number, size: number] {
  let moved = 0
  let size = 0
  for (const [name, { type, data }] of Object.entries(original)) {
    const other = changed[name]
    // The caches of a language model are no answer: what they change is seen in the logits.
    if (CACHE_OUTPUT.test(name)) continue
    if ((type !== 'float32' && type !== 'float64') || other?.type !== type) continue
    const before = data as Float32Array
    const after = other.data as Float32Array
    for (let at = 0; at < before.length; at++) {
      moved += (before[at]! - after[at]!) ** 2
      size += before[at]! ** 2
    }
  }
  return [moved, size]
}

export const PROBE_OPERATIONS = {
  /** A search over all weights at once: up to a second for a large model, too long for the event loop. */
  'probe.allocate': (input: { items: readonly (readonly Option[])[]; budget: number }): Allocation | null =>
    allocate(input.items, input.budget),
  'probe.candidates': probeCandidates,
  'probe.sensitivity': sensitivity,
  'probe.outputs': outputMovement,
}
