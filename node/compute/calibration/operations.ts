/** What a worker thread does to calibrate: rows of OPERATIONS, so that inputs and outputs are plain data. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { VillageError } from '../../errors.ts'
import type { MomentsKernels } from '../kernels/moments.ts'
import { loadKernels } from '../kernels.ts'
import { MODEL_FILE } from '../models/model-files.ts'
import { openModel } from '../onnx/read.ts'
import { type Activation, type ActivationsInit, listActivations } from './activations.ts'
import { type CalibratedActivation, writeActivation } from './calibration-directory.ts'
import { type CaptureRequest, captureMoments } from './capture.ts'
import { openCalibrationData } from './data.ts'
import { calibrationOf, dampingOf } from './factorise.ts'
import { addEncodedMoments, decodeMoments, encodeMoments, isPlausible, type Moments } from './moments-file.ts'

let loaded: MomentsKernels | undefined

function kernels(): MomentsKernels {
  loaded ??= loadKernels()
  return loaded
}

type WrittenActivation = Omit<CalibratedActivation, 'inputs'>

export const CALIBRATION_OPERATIONS = {
  /**
   * What there is to capture, and on how many items; all of them are read. Throws CALIBRATION_DATA_INVALID, and
   * MODEL_UNSUPPORTED for weights without a graph.
   */
  'calibration.describe'(input: ActivationsInit & { modelDirectory: string; dataPath: string | null }): {
    items: number
    activations: Activation[]
  } {
    const modelPath = join(input.modelDirectory, MODEL_FILE)
    if (!existsSync(modelPath))
      throw new VillageError('MODEL_UNSUPPORTED', 'The model has no graph to run: it cannot be calibrated.')
    using model = openModel(modelPath)
    const activations = listActivations(model, input)
    const data = openCalibrationData(input.modelDirectory, input.dataPath)
    data.check()
    return { items: data.items, activations }
  },

  'calibration.activations'(input: ActivationsInit & { modelDirectory: string }): Activation[] {
    using model = openModel(join(input.modelDirectory, MODEL_FILE))
    return listActivations(model, input)
  },

  async 'calibration.capture'(
    input: CaptureRequest,
    signal: AbortSignal,
    progress: (share: number) => void,
  ): Promise<{ bytes: Uint8Array; samples: number }> {
    const moments = await captureMoments({ kernels: kernels() }, input, signal, progress)
    const samples = moments.reduce((most, part) => Math.max(most, part.samples), 0)
    return { bytes: encodeMoments(moments), samples }
  },

  /** What a part holds, after every byte of it was checked. Throws CALIBRATION_MALFORMED. */
  'calibration.inspect'(input: { bytes: Uint8Array }): { cols: number; full: boolean; samples: number }[] {
    return decodeMoments(input.bytes).map(({ cols, full, samples }) => ({ cols, full, samples }))
  },

  /** Whether a part can be what it says, by one item that is run here. Throws CALIBRATION_MALFORMED. */
  async 'calibration.plausible'(
    input: { bytes: Uint8Array; item: CaptureRequest; most: number },
    signal: AbortSignal,
  ): Promise<boolean> {
    const one = await captureMoments({ kernels: kernels() }, { ...input.item, count: 1 }, signal, () => {})
    return isPlausible(decodeMoments(input.bytes), one, input.most)
  },

  /**
   * Adds up the parts of a range of activations, in their order, and writes each activation's file. The parts are
   * given one operation at a time only where they fit in memory together: one group of a plan.
   */
  async 'calibration.write'(
    input: { parts: readonly Uint8Array[]; directory: string; firstActivation: number },
    signal: AbortSignal,
  ): Promise<WrittenActivation[]> {
    let totals: Moments[] | null = null
    for (const part of input.parts) totals = addEncodedMoments(totals, part)
    const written: WrittenActivation[] = []
    const left = totals ?? []
    for (let index = 0; left.length > 0; index++) {
      await nextTurn()
      signal.throwIfAborted()
      // Shifted, so that the sums of each are free when it is written.
      const tensor = calibrationOf(left.shift()!, kernels())
      writeActivation(input.directory, input.firstActivation + index, tensor)
      const { cols, samples, feedback } = tensor
      written.push({ cols, samples, damping: dampingOf(cols, samples), feedback: feedback !== null })
    }
    return written
  },
}
