/** Which activations the compressible weights of a graph read, and for which a full matrix of second moments is kept. */
import type { NodeInfo } from '../onnx/model.ts'
import type { OnnxModel } from '../onnx/read.ts'
import { intAttribute, listWeights, type WeightPlan } from '../onnx/weights.ts'
import { MAX_FEEDBACK_COLS } from './limits.ts'

/** What weights see as their input. Weights that read the same share it; of several names the moments are added up. */
export interface Activation {
  readonly inputs: readonly string[]
  readonly cols: number
  readonly weights: readonly string[]
  /** Keeps all second moments (cols²); otherwise their diagonal alone. */
  readonly feedback: boolean
}

export interface ActivationsInit {
  /** Of a weight; smaller ones are not compressed. */
  readonly minElements: number
  /** For the feedback matrices of the whole model, as stored: 2·cols² bytes each. The smallest come first. */
  readonly feedbackBudgetBytes: number
}

/**
 * The activations of a graph in the order of their first reader. Left out are Gather tables (every row is an item of a
 * vocabulary: there is no input to weigh columns by), convolutions, a transposed first input of Gemm, and inputs that
 * are constants.
 */
export function listActivations(model: OnnxModel, init: ActivationsInit): Activation[] {
  const byKey = new Map<string, { inputs: readonly string[]; cols: number; weights: string[] }>()
  const readers = readersOf(model)
  for (const plan of listWeights(model, { minElements: init.minElements })) {
    const inputs = [...new Set(inputsOf(plan, readers.get(plan.name) ?? []))]
      .filter((name) => name !== '' && !model.graph.initializers.has(name))
      .sort()
    if (inputs.length === 0) continue
    const key = JSON.stringify([inputs, plan.cols])
    const known = byKey.get(key)
    if (known === undefined) byKey.set(key, { inputs, cols: plan.cols, weights: [plan.name] })
    else known.weights.push(plan.name)
  }
  const found = [...byKey.values()]
  const chosen = chooseFeedback(
    found.map(({ cols }) => cols),
    init.feedbackBudgetBytes,
  )
  return found.map((activation, index) => ({ ...activation, feedback: chosen.has(index) }))
}

/** Small matrices first: a column of theirs costs least and gains as much. */
export function chooseFeedback(cols: readonly number[], budgetBytes: number): Set<number> {
  const order = cols.map((_, index) => index).sort((a, b) => cols[a]! - cols[b]! || a - b)
  const chosen = new Set<number>()
  let left = budgetBytes
  for (const index of order) {
    const sizeBytes = 2 * cols[index]! * (cols[index]! + 1)
    if (cols[index]! > MAX_FEEDBACK_COLS || sizeBytes > left) break
    left -= sizeBytes
    chosen.add(index)
  }
  return chosen
}

function readersOf(model: OnnxModel): Map<string, NodeInfo[]> {
  const readers = new Map<string, NodeInfo[]>()
  for (const node of model.graph.nodes) {
    const weight = node.inputs[1]
    if (node.domain !== '' || weight === undefined || !model.graph.initializers.has(weight)) continue
    readers.set(weight, [...(readers.get(weight) ?? []), node])
  }
  return readers
}

/** Inputs whose last axis runs along the columns of the weight as its plan sees it. */
function inputsOf(plan: WeightPlan, nodes: readonly NodeInfo[]): string[] {
  return nodes
    .filter((node) => {
      if (node.opType === 'MatMul') return plan.transposed
      if (node.opType !== 'Gemm' || intAttribute(node, 'transA', 0) !== 0) return false
      return plan.transposed === (intAttribute(node, 'transB', 0) === 0)
    })
    .map((node) => node.inputs[0]!)
}
