/**
 * A calibration: what a model's weights see as inputs, in the form that encoders use. A directory, made once and then the
 * same bytes for every peer, because the model's own arithmetic is not the same on every machine.
 *
 * `calibration.json` names the activations and which weight reads which; activation i has the file `NNNN.vcal` of
 * little-endian float32: the diagonal of the second moments H (damped, mean 1; cols numbers), and where `feedback` is
 * true the conditional weights 1/U_jj² (mean 1; cols numbers) and the strict upper triangle of the error feedback
 * F[j][k] = U_jk / U_jj, row after row, where H⁻¹ = UᵀU (GPTQ, arXiv 2210.17323, equation 3 by Cholesky).
 */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { VillageError } from '../../errors.ts'
import { canonicalJson, isJsonObject, type JsonObject } from '../../json.ts'
import { MAX_FEEDBACK_COLS } from './limits.ts'

const CALIBRATION_FILE = 'calibration.json'
const VERSION = 1
const MAX_JSON_BYTES = 16 * 1024 * 1024
const MAX_ACTIVATIONS = 100_000
const MAX_COLS = 2 ** 24

export interface CalibratedActivation {
  /** Names in the graph; of several the moments are added up. */
  readonly inputs: readonly string[]
  readonly cols: number
  /** Rows of activations that were seen. */
  readonly samples: number
  /** Share of the mean diagonal that was added to the diagonal. */
  readonly damping: number
  readonly feedback: boolean
}

export interface CalibrationIndex {
  /** Items of calibration data that were run. */
  readonly items: number
  readonly activations: readonly CalibratedActivation[]
  /** By weight, the index of what it reads. Weights without second moments (tables, convolutions) are absent. */
  readonly weights: ReadonlyMap<string, number>
}

/** What one tensor's encoder is given. All arrays are float32, finite; weights are positive with mean 1. */
export interface TensorCalibration {
  readonly cols: number
  readonly samples: number
  readonly diagonal: Float32Array
  readonly conditional: Float32Array | null
  /** cols × cols, row-major, strictly upper triangular. */
  readonly feedback: Float32Array | null
}

function malformed(what: string): VillageError {
  return new VillageError('CALIBRATION_MALFORMED', `The calibration is not valid: ${what}.`)
}

function activationFile(directory: string, index: number): string {
  return join(directory, `${index.toString().padStart(4, '0')}.vcal`)
}

const triangleOf = (cols: number): number => (cols * (cols - 1)) / 2

/** Writes one activation's file; `feedback` is the full square, whose strict upper triangle is stored. */
export function writeActivation(directory: string, index: number, tensor: TensorCalibration): void {
  const { cols, diagonal, conditional, feedback } = tensor
  const floats = new Float32Array(cols + (feedback === null ? 0 : cols + triangleOf(cols)))
  floats.set(diagonal)
  if (feedback !== null) {
    floats.set(conditional!, cols)
    let at = 2 * cols
    for (let row = 0; row < cols; row++) {
      floats.set(feedback.subarray(row * cols + row + 1, (row + 1) * cols), at)
      at += cols - row - 1
    }
  }
  mkdirSync(directory, { recursive: true })
  writeFileSync(activationFile(directory, index), littleEndian(floats))
}

export function writeIndex(directory: string, index: CalibrationIndex): void {
  const weights = [...index.weights].map(([name, activation]) => ({ name, activation }))
  const json: JsonObject = {
    version: VERSION,
    items: index.items,
    activations: index.activations.map(({ inputs, cols, samples, damping, feedback }) => ({
      inputs,
      cols,
      samples,
      damping,
      feedback,
    })),
    weights,
  }
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, CALIBRATION_FILE), `${canonicalJson(json)}\n`)
}

/** Reads calibration.json, which may come from anybody. Throws CALIBRATION_MALFORMED. */
export function readIndex(directory: string): CalibrationIndex {
  let json: unknown
  try {
    const path = join(directory, CALIBRATION_FILE)
    if (statSync(path).size > MAX_JSON_BYTES) throw malformed('its index is too long')
    json = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    if (error instanceof VillageError) throw error
    throw new VillageError('CALIBRATION_MALFORMED', 'The calibration has no index that can be read.', {
      cause: error,
    })
  }
  return parseIndex(json)
}

export function parseIndex(json: unknown): CalibrationIndex {
  if (!isJsonObject(json) || json.version !== VERSION) throw malformed('its version is not known')
  const count = (value: unknown, min: number, max: number): number => {
    if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max)
      throw malformed('a number is out of range')
    return value as number
  }
  const list = (value: unknown): readonly unknown[] => {
    if (!Array.isArray(value) || value.length > MAX_ACTIVATIONS)
      throw malformed('a list is missing or too long')
    return value
  }
  const name = (value: unknown): string => {
    if (typeof value !== 'string' || value.length === 0 || value.length > 1024)
      throw malformed('a name is missing or too long')
    return value
  }
  const activations = list(json.activations).map((entry): CalibratedActivation => {
    if (!isJsonObject(entry) || typeof entry.feedback !== 'boolean') throw malformed('an activation is none')
    const { damping, feedback } = entry
    if (typeof damping !== 'number' || !(damping > 0 && damping <= 1))
      throw malformed('the damping is no share')
    return {
      inputs: list(entry.inputs).map(name),
      cols: count(entry.cols, 1, feedback ? MAX_FEEDBACK_COLS : MAX_COLS),
      samples: count(entry.samples, 1, Number.MAX_SAFE_INTEGER),
      damping,
      feedback,
    }
  })
  const weights = new Map<string, number>()
  for (const entry of list(json.weights)) {
    if (!isJsonObject(entry)) throw malformed('a weight is none')
    const weight = name(entry.name)
    if (weights.has(weight)) throw malformed('a weight is named twice')
    weights.set(weight, count(entry.activation, 0, activations.length - 1))
  }
  return { items: count(json.items, 1, Number.MAX_SAFE_INTEGER), activations, weights }
}

/** What the calibration says about one tensor; null where it has no second moments. Throws CALIBRATION_MALFORMED. */
export function readTensorCalibration(directory: string, tensor: string): TensorCalibration | null {
  const index = readIndex(directory)
  const activation = index.weights.get(tensor)
  return activation === undefined ? null : readActivation(directory, index, activation)
}

/** Reads and checks one activation's file. */
function readActivation(directory: string, index: CalibrationIndex, at: number): TensorCalibration {
  const { cols, samples, feedback: hasFeedback } = index.activations[at]!
  const floats = readFloats(activationFile(directory, at), cols + (hasFeedback ? cols + triangleOf(cols) : 0))
  const diagonal = checkWeights(floats.slice(0, cols))
  if (!hasFeedback) return { cols, samples, diagonal, conditional: null, feedback: null }
  const conditional = checkWeights(floats.slice(cols, 2 * cols))
  const feedback = new Float32Array(cols * cols)
  let from = 2 * cols
  for (let row = 0; row < cols; row++) {
    feedback.set(floats.subarray(from, from + cols - row - 1), row * cols + row + 1)
    from += cols - row - 1
  }
  return { cols, samples, diagonal, conditional, feedback }
}

function readFloats(path: string, count: number): Float32Array {
  let bytes: Buffer
  try {
    if (statSync(path).size !== count * 4) throw malformed('a file has the wrong length')
    bytes = readFileSync(path)
  } catch (error) {
    if (error instanceof VillageError) throw error
    throw new VillageError('CALIBRATION_MALFORMED', 'A file of the calibration cannot be read.', {
      cause: error,
    })
  }
  if (bytes.length !== count * 4) throw malformed('a file has the wrong length')
  const floats = new Float32Array(count)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let i = 0; i < count; i++) {
    const value = view.getFloat32(i * 4, true)
    if (!Number.isFinite(value)) throw malformed('a number is not finite')
    floats[i] = value
  }
  return floats
}

/** Positive, and no single column so heavy that the others vanish in float32. */
function checkWeights(weights: Float32Array): Float32Array {
  let sum = 0
  for (const weight of weights) {
    if (!(weight > 0)) throw malformed('a weight is not positive')
    sum += weight
  }
  if (Math.abs(sum / weights.length - 1) > 1e-3) throw malformed('the weights of a file do not have mean 1')
  return weights
}

function littleEndian(floats: Float32Array): Uint8Array {
  const bytes = new Uint8Array(floats.length * 4)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < floats.length; i++) view.setFloat32(i * 4, floats[i]!, true)
  return bytes
}
