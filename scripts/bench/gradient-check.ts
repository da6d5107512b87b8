/**
 * Compares the gradients that a tape gives with central differences of the tape's own values.
 */
import ort from 'onnxruntime-node'
import { backward } from '../../node/compute/training/autodiff/backward.ts'
import { emitModel } from '../../node/compute/training/autodiff/emit.ts'
import type { Tape } from '../../node/compute/training/autodiff/tape.ts'
import { loadGraphSession, type Tensors } from '../../node/compute/training/graph-session.ts'
import { product } from '../../node/compute/training/operators/operator.ts'

export interface CheckInit {
  readonly tape: Tape
  /** Values of the tape's float inputs: those that are differentiated. */
  readonly variables: ReadonlyMap<string, Float32Array>
  /** Values of its other inputs. */
  readonly others?: Tensors
  readonly outputs: readonly string[]
  /** Most elements of each variable that are moved by themselves, spread over it. */
  readonly maxElements?: number
}

export interface CheckedVariable {
  readonly name: string
  /** The largest difference of an element, as a share of the largest element of the gradient. */
  readonly error: number
  readonly largest: number
}

/** Numbers between 0.3 and 1.2 of either sign: away from the kinks of |x| and max(x, 0). */
export function spread(length: number, seed: number): Float32Array {
  let state = (Math.imul(seed + 1, 2_654_435_761) ^ 0x9e3779b9) >>> 0
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
  next()
  return Float32Array.from({ length }, () => (0.3 + 0.9 * next()) * (next() < 0.5 ? -1 : 1))
}

const MAX_ELEMENTS = 64

const LEVELS = 6
const SHRINK = 1.6
const FIRST_STEP = 0.1

/**
 * The derivative at 0 by central differences of ever smaller steps, extrapolated to a step of zero; of all that come out on the
 * way, the one that differs least from its neighbours (Ridders, "Accurate computation of F′(x) and F′(x)F″(x)", 1982). It
 * stands between the curvature of wide steps and the rounding of narrow ones without knowing the answer.
 */
export async function derivative(valueAt: (step: number) => Promise<number>): Promise<number> {
  let best = Number.NaN
  let smallestError = Number.POSITIVE_INFINITY
  let previous: number[] = []
  for (let level = 0; level < LEVELS; level++) {
    const step = FIRST_STEP / SHRINK ** level
    const row = [((await valueAt(step)) - (await valueAt(-step))) / (2 * step)]
    for (const [order, coarse] of previous.entries()) {
      const factor = SHRINK ** (2 * (order + 1))
      const fine = row[order]!
      const value = (factor * fine - coarse) / (factor - 1)
      row.push(value)
      const error = Math.max(Math.abs(value - fine), Math.abs(value - coarse))
      if (error < smallestError) {
        smallestError = error
        best = value
      }
    }
    previous = row
  }
  return best
}

/** The scalar that is differentiated is Σ weight · output, with a fixed weight for each element. */
export async function checkGradients(init: CheckInit): Promise<CheckedVariable[]> {
  const { tape, variables, others = {}, outputs, maxElements = MAX_ELEMENTS } = init
  const weights = new Map(outputs.map((name, at) => [name, spread(product(tape.dimsOf(name)), 100 + at)]))
  const seeds = new Map([...weights].map(([name, data]) => [name, tape.floats(tape.dimsOf(name), data)]))
  const shown = new Map(outputs.map((name, at) => [`output:${at}`, name]))
  const forward = await loadGraphSession(emitModel(tape, shown, 17), 1)
  const gradients = backward(tape, seeds, [...variables.keys()])
  const shownGradients = new Map([...gradients].map(([name, value]) => [`gradient:${name}`, value]))
  const reverse = await loadGraphSession(emitModel(tape, shownGradients, 17), 1)
  try {
    const feeds: Record<string, ort.Tensor> = { ...others }
    for (const [name, data] of variables) feeds[name] = tensor(data, tape.dimsOf(name))
    const found: Record<string, ort.Tensor> = {}
    for (const name of gradients.keys()) {
      const dims = tape.dimsOf(name)
      found[`gradient:${name}`] = tensor(new Float32Array(product(dims)), dims)
    }
    await reverse.run(feeds, found)

    const results: Record<string, ort.Tensor> = {}
    for (const [at, name] of outputs.entries()) {
      const dims = tape.dimsOf(name)
      results[`output:${at}`] = tensor(new Float32Array(product(dims)), dims)
    }
    const value = async (): Promise<number> => {
      await forward.run(feeds, results)
      let sum = 0
      for (const [at, name] of outputs.entries()) {
        const data = results[`output:${at}`]!.data as Float32Array
        const weight = weights.get(name)!
        for (let i = 0; i < data.length; i++) sum += data[i]! * weight[i]!
      }
      return sum
    }

    const checked: CheckedVariable[] = []
    for (const [name, data] of variables) {
      const gradient = found[`gradient:${name}`]?.data as Float32Array | undefined
      const stride = Math.max(1, Math.floor(data.length / maxElements))
      let worst = 0
      let largest = 0
      for (let at = 0; at < data.length; at += stride) {
        const kept = data[at]!
        const numeric = await derivative(async (step) => {
          data[at] = kept + step
          return value()
        })
        data[at] = kept
        const analytic = gradient?.[at] ?? 0
        worst = Math.max(worst, Math.abs(numeric - analytic))
        largest = Math.max(largest, Math.abs(numeric), Math.abs(analytic))
      }
      checked.push({ name, error: largest === 0 ? 0 : worst / largest, largest })
    }
    return checked
  } finally {
    await Promise.all([forward.close(), reverse.close()])
  }
}

function tensor(data: Float32Array, dims: readonly number[]): ort.Tensor {
  return new ort.Tensor('float32', data, [...dims])
}
