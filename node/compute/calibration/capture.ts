/** Runs a model on calibration data and adds up the second moments of what its weights see. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { VillageError } from '../../errors.ts'
import type { MomentsKernels } from '../kernels/moments.ts'
import { MODEL_FILE } from '../models/model-files.ts'
import { openModel } from '../onnx/read.ts'
import { createSessions } from '../onnx/sessions.ts'
import type { TensorValue } from '../onnx/tensor-value.ts'
import { type Activation, type ActivationsInit, listActivations } from './activations.ts'
import { writeCaptureModel } from './capture-graph.ts'
import { onRun, openCalibrationData } from './data.ts'
import type { Moments } from './moments-file.ts'

export interface CaptureRequest extends ActivationsInit {
  readonly modelDirectory: string
  /** The copy of the model is written below it, and removed; best on the same file system as the model. */
  readonly workDirectory: string
  /** Null takes the project's own sentences. */
  readonly dataPath: string | null
  readonly start: number
  readonly count: number
  /** Range of listActivations. */
  readonly firstActivation: number
  readonly activations: number
  /** Memory that the sums may take: what was said before anybody looked at the model. */
  readonly sumsBytes: number
}

/** Rows that go to the kernel at once: enough to pay for the call, few enough to hear the signal. */
const ROWS_BY_STEP = 512

/**
 * The moments of the activations of the range, summed over the items of the range. Throws CALIBRATION_DATA_INVALID,
 * INVALID_ARGUMENT, SESSION_FAILED where the model cannot be run on the data or gives numbers that are not finite.
 */
export async function captureMoments(
  components: { kernels: MomentsKernels },
  request: CaptureRequest,
  signal: AbortSignal,
  progress: (share: number) => void,
): Promise<Moments[]> {
  const modelPath = join(request.modelDirectory, MODEL_FILE)
  using model = openModel(modelPath)
  const { firstActivation, activations: wanted, start, count } = request
  const activations = listActivations(model, request).slice(firstActivation, firstActivation + wanted)
  if (activations.length !== wanted || wanted === 0)
    throw outside('activations', 'The model has no such activations.')
  const neededBytes = activations.reduce((sum, one) => sum + 8 * numbersOf(one), 0)
  if (neededBytes > request.sumsBytes)
    throw outside('sumsBytes', `The sums of these activations take ${neededBytes} bytes.`)
  const data = openCalibrationData(request.modelDirectory, request.dataPath)
  if (start + count > data.items) throw outside('start', `The calibration data has ${data.items} items.`)
  mkdirSync(request.workDirectory, { recursive: true })
  const directory = mkdtempSync(join(request.workDirectory, 'capture-'))
  const sessions = createSessions({ maxSessions: 1 })
  try {
    const values = [...new Set(activations.flatMap(({ inputs }) => inputs))]
    const capture = writeCaptureModel(model, modelPath, directory, values)
    const outputOf = new Map(values.map((value, index) => [value, capture.outputs[index]!]))
    const moments = activations.map(emptyMoments)
    let done = 0
    for (const run of data.runs(start, count)) {
      const { items, feeds } = run
      const outputs = await onRun(run, () => sessions.run({ modelPath: capture.path, feeds }, signal))
      for (const [index, activation] of activations.entries())
        for (const input of activation.inputs)
          await addOutput(
            components.kernels,
            moments[index]!,
            activation,
            outputs[outputOf.get(input)!],
            signal,
          )
      done += items
      progress(done / count)
    }
    for (const { samples, sums } of moments)
      if (samples === 0 || !sums.every((sum) => Math.abs(sum) <= MAX_SUM)) throw notFinite()
    return moments
  } finally {
    await sessions.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** What a float32 on the wire can hold. */
const MAX_SUM = 3e38

const outside = (argument: string, message: string): VillageError =>
  new VillageError('INVALID_ARGUMENT', message, { fields: { argument } })

const notFinite = (): VillageError =>
  new VillageError('SESSION_FAILED', 'The model gave no activations, or some that are not finite.')

const numbersOf = ({ cols, feedback }: Activation): number => (feedback ? cols * cols : cols)

function emptyMoments(activation: Activation): { -readonly [K in keyof Moments]: Moments[K] } {
  const { cols, feedback } = activation
  return { cols, full: feedback, samples: 0, sums: new Float64Array(numbersOf(activation)) }
}

async function addOutput(
  kernels: MomentsKernels,
  moments: { samples: number; readonly sums: Float64Array },
  { cols, feedback }: Activation,
  output: TensorValue | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (output?.type !== 'float32' || (output.data.length > 0 && output.dims.at(-1) !== cols))
    throw new VillageError('SESSION_FAILED', `An activation of the model does not have ${cols} columns.`)
  const rows = output.data.length / cols
  for (let row = 0; row < rows; row += ROWS_BY_STEP) {
    await nextTurn()
    signal.throwIfAborted()
    const count = Math.min(ROWS_BY_STEP, rows - row)
    const part = output.data.subarray(row * cols, (row + count) * cols)
    if (feedback) kernels.addMoments(part, count, cols, moments.sums)
    else addSquares(part, count, cols, moments.sums)
  }
  moments.samples += rows
}

function addSquares(rows: Float32Array, count: number, cols: number, sums: Float64Array): void {
  for (let at = 0, row = 0; row < count; row++)
    for (let col = 0; col < cols; col++, at++) sums[col]! += rows[at]! * rows[at]!
}
