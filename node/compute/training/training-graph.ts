/** From a model to the graphs of its training: one that gives loss and gradients, one that gives the loss alone. */
import { VillageError } from '../../errors.ts'
import { FLOAT32, INT64 } from '../onnx/data-types.ts'
import type { TensorInfo } from '../onnx/model.ts'
import type { OnnxModel } from '../onnx/read.ts'
import type { ModelSpec } from '../onnx/write.ts'
import { type AdapterChoice, chooseAdapters } from './adapters.ts'
import { backward } from './autodiff/backward.ts'
import { emitModel } from './autodiff/emit.ts'
import { matmulFlops } from './autodiff/flops.ts'
import { loadGraph, opsetOf } from './autodiff/load-graph.ts'
import { peakBytes } from './autodiff/peak-memory.ts'
import { createTape, float32, type Tape } from './autodiff/tape.ts'
import { crossEntropy } from './loss.ts'
import type { ParameterInfo, TrainerInit } from './trainer.ts'

/** Inputs and outputs of the graphs. Weights are inputs, so that they change without loading anything again. */
export const TOKENS = 'tokens'
export const LOSS = 'loss'
export const HIDDEN = 'hidden'
export const gradientName = (parameter: string): string => `gradient:${parameter}`
export const inputName = (weight: string): string => `weight:${weight}`

const LOGITS = 'logits'

export interface TrainingGraph {
  /** inputs tokens, labels, label_weights and weights; outputs loss and one gradient a parameter. */
  readonly training: ModelSpec
  /** Without gradients; also gives HIDDEN, [batch × length, hiddenWidth], where that is not null. */
  readonly evaluation: ModelSpec
  readonly hiddenWidth: number | null
  readonly parameters: readonly ParameterInfo[]
  /** Initializers of the model that are fed as they are. */
  readonly frozen: readonly TensorInfo[]
  readonly vocabulary: number
  /** Of the matrix products of `training`. */
  readonly flops: number
  /** Most bytes of activations and gradients at once in `training`, and in `evaluation`: both keep their memory. */
  readonly activationBytes: number
}

/** Throws TRAIN_MODEL_UNSUITABLE, TRAIN_OPERATOR_UNSUPPORTED, MODEL_UNSUPPORTED. The model stays open until the graphs are written. */
export function buildTrainingGraph(
  model: OnnxModel,
  init: Pick<TrainerInit, 'batch' | 'length' | 'trainable'>,
): TrainingGraph {
  const { batch, length, trainable } = init
  const tape = createTape()
  const adapters = chooseAdapters(model, trainable)
  const weights = new Map<string, TensorInfo>()
  const initializer = (tensor: TensorInfo): string | null => {
    if (!isWeight(tensor)) return null
    weights.set(inputName(tensor.name), tensor)
    return tape.input(inputName(tensor.name), float32(tensor.dims))
  }
  const inputs = modelInputs(tape, model, batch, length)
  for (const [name, adapter] of adapters) inputs.set(name, adapterValue(tape, name, adapter))
  const output = loadGraph(tape, model, { output: LOGITS, inputs, initializer })
  const loss = crossEntropy(tape, output)
  const { vocabulary } = loss
  if (loss.rows !== batch * length)
    throw unsuitable('The model does not give logits for every token of a batch.')

  const candidates = [...tape.inputs.keys()].filter(
    (name) => name.startsWith(inputName('')) && weights.has(name) === (trainable.kind === 'full'),
  )
  const gradients = backward(tape, loss.gradients, candidates)
  const parameters = candidates
    .filter((name) => gradients.has(name))
    .map((name) => ({ name: name.slice(inputName('').length), dims: tape.dimsOf(name) }))
  if (parameters.length === 0) throw unsuitable('No weight of the model takes part in its logits.')

  const outputs = new Map([[LOSS, loss.total]])
  const opset = opsetOf(model)
  const { hidden } = loss
  const states: [string, string][] = hidden === null ? [] : [[HIDDEN, hidden]]
  const evaluation = emitModel(tape, new Map([...outputs, ...states]), opset)
  const hiddenWidth = hidden === null ? null : tape.dimsOf(hidden).at(-1)!
  for (const { name } of parameters) outputs.set(gradientName(name), gradients.get(inputName(name))!)
  const training = emitModel(tape, outputs, opset)
  const used = new Set(training.inputs.map(({ name }) => name))
  const frozen = [...weights].flatMap(([name, tensor]) =>
    used.has(name) && !gradients.has(name) ? [tensor] : [],
  )
  const flops = matmulFlops(tape, outputs.values())
  const activationBytes = peakBytes(tape, outputs.values()) + peakBytes(tape, [loss.total])
  return { training, evaluation, hiddenWidth, parameters, frozen, vocabulary, flops, activationBytes }
}

/** Weights keep the names of their safetensors; tables of angles, masks and small constants have other names. */
function isWeight({ name, elements }: TensorInfo): boolean {
  return /(^|\.)(weight|bias)$/.test(name) && elements > 1
}

function unsuitable(message: string): VillageError {
  return new VillageError('TRAIN_MODEL_UNSUITABLE', message)
}

/** What the model's inputs are in training: whole rows from their first token on, nothing cached, all logits. */
function modelInputs(tape: Tape, model: OnnxModel, batch: number, length: number): Map<string, string> {
  const inputs = new Map<string, string>()
  const everywhere = (value: (position: number) => number) =>
    tape.integers(
      Array.from({ length: batch * length }, (_, at) => value(at % length)),
      [batch, length],
    )
  const known: Readonly<Record<string, () => string>> = {
    input_ids: () => tape.input(TOKENS, { elementType: INT64, dims: [batch, length] }),
    position_ids: () => everywhere((position) => position),
    attention_mask: () => everywhere(() => 1),
    token_type_ids: () => everywhere(() => 0),
    logit_rows: () => tape.integers(Array.from({ length: batch * length }, (_, row) => row)),
    seqlens_k: () => '',
    total_sequence_length: () => '',
  }
  for (const { name } of model.graph.inputs) {
    if (Object.hasOwn(known, name)) inputs.set(name, known[name]!())
    else if (name.startsWith('past_key_values.')) inputs.set(name, '')
  }
  if (!inputs.has('input_ids')) throw unsuitable('The model has no input "input_ids".')
  if (!model.graph.outputs.some(({ name }) => name === LOGITS))
    throw unsuitable('The model has no output "logits": only language models are trained.')
  return inputs
}

/** A matrix of an adapter: trained, or zero (the graph without it). B is scaled by alpha / rank, as PEFT defines it. */
function adapterValue(tape: Tape, name: string, adapter: AdapterChoice): string {
  if (!adapter.trained) return tape.zeros(adapter.dims)
  const value = tape.input(inputName(name), { elementType: FLOAT32, dims: adapter.dims })
  return adapter.scale === 1 ? value : tape.add('Mul', [value, tape.scalar(adapter.scale)])
}
