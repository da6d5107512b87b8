/** What an encoder is given beside the weights, read from files. Loaded once a thread: slices of a tensor follow each other. */
import { readFileSync, statSync } from 'node:fs'
import { VillageError } from '../../errors.ts'
import type { EncodeAids } from '../codecs/codec.ts'
import { readTensorCalibration, type TensorCalibration } from './calibration-directory.ts'

export interface CalibrationReference {
  /** A calibration directory (see calibration-directory.ts). */
  readonly directory: string
  readonly tensor: string
}

/** Plain data, so that it can be part of an operation's input. */
export interface AidFiles {
  readonly calibration?: CalibrationReference
  readonly codebookPath?: string
}

export interface AidsInit extends AidFiles {
  /** The aids that the codec makes use of: Codec.aids. */
  readonly uses: readonly (keyof EncodeAids)[]
}

const MAX_CODEBOOK_BYTES = 64 * 1024 * 1024

interface Cached<T> {
  readonly key: string
  readonly value: T
}

let calibration: Cached<TensorCalibration | null> | undefined
let codebook: Cached<Uint8Array> | undefined

/** Second moments of the tensor's inputs; null where it has none (tables, convolutions). Throws CALIBRATION_MALFORMED. */
export function loadCalibration({ directory, tensor }: CalibrationReference): TensorCalibration | null {
  const key = JSON.stringify([directory, tensor])
  if (calibration?.key !== key) {
    // The old one goes first: a feedback matrix can be large.
    calibration = undefined
    calibration = { key, value: readTensorCalibration(directory, tensor) }
  }
  return calibration.value
}

/** Throws FILE_UNREADABLE; what the bytes hold is for the codec to check. */
export function loadCodebook(path: string): Uint8Array {
  if (codebook?.key !== path) {
    try {
      if (statSync(path).size > MAX_CODEBOOK_BYTES)
        throw new VillageError('CODEC_MALFORMED', 'The codebook is larger than any codec makes.')
      codebook = { key: path, value: new Uint8Array(readFileSync(path)) }
    } catch (error) {
      if (error instanceof VillageError) throw error
      throw new VillageError('FILE_UNREADABLE', 'The codebook cannot be read.', { cause: error })
    }
  }
  return codebook.value
}

/**
 * The aids of `uses` that there are. `columnWeights` are those of the inputs, or, with feedback, of the errors that
 * are left after it. Throws CALIBRATION_MALFORMED, FILE_UNREADABLE, CODEC_MALFORMED.
 */
export function loadAids(init: AidsInit): EncodeAids {
  const uses = (aid: keyof EncodeAids): boolean => init.uses.includes(aid)
  const wantsMoments = uses('columnWeights') || uses('feedback')
  const moments = init.calibration !== undefined && wantsMoments ? loadCalibration(init.calibration) : null
  const feedback = uses('feedback') ? (moments?.feedback ?? null) : null
  const columnWeights = !uses('columnWeights')
    ? null
    : feedback === null
      ? (moments?.diagonal ?? null)
      : (moments?.conditional ?? null)
  return {
    ...(columnWeights !== null && { columnWeights }),
    ...(feedback !== null && { feedback }),
    ...(uses('codebook') && init.codebookPath !== undefined && { codebook: loadCodebook(init.codebookPath) }),
  }
}
