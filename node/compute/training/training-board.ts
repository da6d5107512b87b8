/**
 * What the thread that trains and the main thread show each other, over shared memory: the latest figures one way, the wish
 * for a pause the other. Only the latest: a small model makes hundreds of steps a second, and nobody can follow them.
 */
import type { Finding } from './observer.ts'
import type { TrainingMetrics } from './run-training.ts'

/** Goes to a worker as it is; both sides see the same memory. */
export type BoardMemory = SharedArrayBuffer

export interface TrainingBoard {
  readonly memory: BoardMemory
  show(metrics: TrainingMetrics): void
  /** The latest figures, null before the first; `heldOutLoss` is the latest that there was, of the step `heldOutStep`. */
  latest(): (TrainingMetrics & { readonly heldOutStep: number | null }) | null
  /** What an observer of the training found (observer.ts). */
  showFinding(finding: Finding): void
  finding(): Finding | null
  askForPause(): void
  pauses(): boolean
}

const PAUSE = 0
/** Odd while figures are being written. */
const SEQUENCE = 1
const HEAD_BYTES = 8
const FIGURES = 9
/** step, dimension before and now. */
const FINDING = 3
const BOARD_BYTES = HEAD_BYTES + (FIGURES + FINDING) * 8

const orNull = (value: number): number | null => (Number.isNaN(value) ? null : value)

export function openBoard(memory: BoardMemory = new SharedArrayBuffer(BOARD_BYTES)): TrainingBoard {
  const head = new Int32Array(memory, 0, 2)
  const figures = new Float64Array(memory, HEAD_BYTES, FIGURES)
  const found = new Float64Array(memory, HEAD_BYTES + FIGURES * 8, FINDING)
  let heldOut: [step: number, loss: number] = [Number.NaN, Number.NaN]
  return {
    memory,
    show({ step, steps, loss, heldOutLoss, learningRate, gradientNorm, tokens, tokensPerSecond }) {
      if (heldOutLoss !== null) heldOut = [step, heldOutLoss]
      Atomics.add(head, SEQUENCE, 1)
      figures.set([
        step,
        steps,
        loss,
        learningRate,
        gradientNorm ?? Number.NaN,
        tokens,
        tokensPerSecond,
        ...heldOut,
      ])
      Atomics.add(head, SEQUENCE, 1)
    },
    latest() {
      for (;;) {
        const before = Atomics.load(head, SEQUENCE)
        if (before === 0) return null
        const copy = figures.slice()
        if (before % 2 !== 0 || Atomics.load(head, SEQUENCE) !== before) continue
        const [
          step,
          steps,
          loss,
          learningRate,
          gradientNorm,
          tokens,
          tokensPerSecond,
          heldOutStep,
          heldOutLoss,
        ] = copy as unknown as [number, number, number, number, number, number, number, number, number] // FIGURES
        return {
          step,
          steps,
          loss,
          heldOutLoss: orNull(heldOutLoss),
          heldOutStep: orNull(heldOutStep),
          learningRate,
          gradientNorm: orNull(gradientNorm),
          tokens,
          tokensPerSecond,
        }
      }
    },
    showFinding({ step, dimensionBefore, dimension }) {
      Atomics.add(head, SEQUENCE, 1)
      found.set([step, dimensionBefore, dimension])
      Atomics.add(head, SEQUENCE, 1)
    },
    finding() {
      for (;;) {
        const before = Atomics.load(head, SEQUENCE)
        const [step, dimensionBefore, dimension] = found.slice() as unknown as [number, number, number] // FINDING
        if (before % 2 !== 0 || Atomics.load(head, SEQUENCE) !== before) continue
        return step === 0 ? null : { step, dimensionBefore, dimension }
      }
    },
    askForPause: () => void Atomics.store(head, PAUSE, 1),
    pauses: () => Atomics.load(head, PAUSE) !== 0,
  }
}
