/** The trainer on onnxruntime: gradients by a graph that was differentiated when it was opened, updates in this thread. */
import type { Tensor } from 'onnxruntime-node'
import { VillageError } from '../../errors.ts'
import { type OnnxModel, openModel } from '../onnx/read.ts'
import { initialAdapter } from './adapters.ts'
import { feedsOf } from './batch-feeds.ts'
import { type GraphSession, loadGraphSession } from './graph-session.ts'
import { checkOptimiser, globalNorm, momentCount, type Slot, update } from './optimiser.ts'
import type { BatchLoss, Trainer, TrainerInit, TrainerState } from './trainer.ts'
import {
  buildTrainingGraph,
  gradientName,
  HIDDEN,
  inputName,
  LOSS,
  type TrainingGraph,
} from './training-graph.ts'

/** Shapes are fixed; more tokens than this in one micro-batch are a mistake. */
const MAX_BATCH_TOKENS = 2 ** 20

/**
 * Opens a model for training. What is trained takes 4 bytes each for weights, gradient, and every moment of the optimiser
 * (AdamW: 16 bytes a parameter; 20 while gradients accumulate), frozen weights 4; beside that the activations
 * (docs/training.md). Throws INVALID_ARGUMENT, NOT_FOUND, MODEL_MALFORMED, MODEL_UNSUPPORTED, TRAIN_MODEL_UNSUITABLE,
 * TRAIN_OPERATOR_UNSUPPORTED, SESSION_FAILED.
 */
export async function openTrainer(init: TrainerInit): Promise<Trainer> {
  checkInit(init)
  // Constants of the graph that gives the loss alone are read when it is first needed: the model stays open until then.
  const model = openModel(init.modelPath)
  try {
    const graph = buildTrainingGraph(model, init)
    const { default: ort } = await import('onnxruntime-node')
    const slots = slotsOf(model, graph, init)
    const weights: Record<string, Tensor> = {}
    for (const { name, values } of slots)
      weights[inputName(name)] = new ort.Tensor('float32', values, dimsOf(graph, name))
    for (const tensor of graph.frozen)
      weights[inputName(tensor.name)] = new ort.Tensor('float32', model.readTensor(tensor), [...tensor.dims])
    const training = await loadGraphSession(graph.training, init.threads)
    return createTrainer({ ort, graph, slots, weights, training, model }, init)
  } catch (error) {
    model.close()
    throw error
  }
}

interface Components {
  readonly ort: typeof import('onnxruntime-node')
  readonly graph: TrainingGraph
  readonly slots: readonly Slot[]
  readonly weights: Readonly<Record<string, Tensor>>
  readonly training: GraphSession
  readonly model: OnnxModel
}

function createTrainer(components: Components, init: TrainerInit): Trainer {
  const { ort, graph, slots, weights, training } = components
  const { batch, length, optimiser, threads } = init
  const shape = { batch, length, vocabulary: graph.vocabulary }
  /** Gradients of second and later micro-batches, until they are added; made when they are first needed. */
  let fresh: ReadonlyMap<string, Float32Array> | undefined
  let evaluation: Promise<GraphSession> | undefined
  let counted = 0
  let accumulated = 0
  let stepsMade = 0
  let closed = false
  const lossValue = new Float32Array(1)
  const lossTensor = new ort.Tensor('float32', lossValue, [1])

  function gradientTensors(arrays: ReadonlyMap<string, Float32Array>): Record<string, Tensor> {
    const tensors: Record<string, Tensor> = { [LOSS]: lossTensor }
    for (const [name, data] of arrays)
      tensors[gradientName(name)] = new ort.Tensor('float32', data, dimsOf(graph, name))
    return tensors
  }
  const sums = new Map(slots.map(({ name, gradient }) => [name, gradient]))
  const sumTensors = gradientTensors(sums)
  let freshTensors: Record<string, Tensor> | undefined

  function forget(): void {
    counted = 0
    accumulated = 0
  }

  async function run(
    session: GraphSession,
    given: Parameters<Trainer['loss']>[0],
    outputs: Record<string, Tensor>,
  ): Promise<BatchLoss> {
    const { feeds, count } = feedsOf(ort, given, shape)
    await session.run({ ...weights, ...feeds }, outputs)
    const lossSum = lossValue[0]!
    if (!Number.isFinite(lossSum))
      throw new VillageError('TRAIN_DIVERGED', `The loss is not a finite number at step ${stepsMade + 1}.`, {
        fields: { step: stepsMade + 1 },
      })
    return { lossSum, count }
  }

  function checkOpen(signal: AbortSignal): void {
    signal.throwIfAborted()
    if (closed) throw new VillageError('INVALID_ARGUMENT', 'The trainer was closed.')
  }

  return {
    parameters: graph.parameters,

    async accumulate(given, signal) {
      checkOpen(signal)
      if (accumulated === 0) {
        // The first one is written where the sum belongs.
        const loss = await run(training, given, sumTensors)
        accumulated = 1
        counted = loss.count
        return loss
      }
      fresh ??= new Map(slots.map(({ name, values }) => [name, new Float32Array(values.length)]))
      freshTensors ??= gradientTensors(fresh)
      const loss = await run(training, given, freshTensors)
      for (const { name, gradient } of slots) {
        const added = fresh.get(name)!
        for (let i = 0; i < gradient.length; i++) gradient[i]! += added[i]!
      }
      accumulated++
      counted += loss.count
      return loss
    },

    step({ learningRate, clipNorm, correct }) {
      if (!(learningRate >= 0 && learningRate < Infinity) || (clipNorm !== null && !(clipNorm > 0)))
        throw new VillageError('INVALID_ARGUMENT', 'The learning rate or the clipping is out of range.')
      if (counted === 0)
        throw new VillageError('INVALID_ARGUMENT', 'No label was counted since the last step.')
      const gradientNorm = globalNorm(sums.values()) / counted
      const labels = counted
      forget()
      if (!Number.isFinite(gradientNorm))
        throw new VillageError('TRAIN_DIVERGED', `The gradient is not finite at step ${stepsMade + 1}.`, {
          fields: { step: stepsMade + 1 },
        })
      stepsMade++
      const clipping = clipNorm !== null && gradientNorm > clipNorm ? clipNorm / gradientNorm : 1
      const at = { learningRate, scale: clipping / labels, step: stepsMade }
      for (const slot of slots) {
        if (correct === undefined) update(optimiser, slot, at)
        else {
          const { name, gradient, values } = slot
          for (let i = 0; i < gradient.length; i++) gradient[i] = gradient[i]! * at.scale
          correct(name, gradient, values)
          update(optimiser, slot, { ...at, scale: 1 })
        }
      }
      return { gradientNorm }
    },

    async loss(given, signal) {
      checkOpen(signal)
      evaluation ??= loadGraphSession(graph.evaluation, threads)
      return run(await evaluation, given, { [LOSS]: lossTensor })
    },

    async hidden(given, signal) {
      checkOpen(signal)
      const width = graph.hiddenWidth
      if (width === null) return null
      evaluation ??= loadGraphSession(graph.evaluation, threads)
      const values = new Float32Array(batch * length * width)
      const states = new ort.Tensor('float32', values, [batch * length, width])
      await run(await evaluation, given, { [LOSS]: lossTensor, [HIDDEN]: states })
      return { values, width }
    },

    state(): TrainerState {
      return {
        step: stepsMade,
        parameters: new Map(slots.map(({ name, values }) => [name, values.slice()])),
        moments: new Map(slots.map(({ name, moments }) => [name, moments.map((moment) => moment.slice())])),
      }
    },

    restore(state) {
      checkState(state, slots)
      for (const { name, values, moments } of slots) {
        values.set(state.parameters.get(name)!)
        for (const [index, moment] of moments.entries()) moment.set(state.moments.get(name)![index]!)
      }
      stepsMade = state.step
      forget()
    },

    async close() {
      closed = true
      components.model.close()
      await Promise.all([training.close(), evaluation?.then((session) => session.close())])
    },
  }
}

function slotsOf(model: OnnxModel, graph: TrainingGraph, { optimiser, trainable }: TrainerInit): Slot[] {
  return graph.parameters.map(({ name, dims }, index) => {
    const values =
      trainable.kind === 'full'
        ? model.readTensor(model.graph.initializers.get(name)!)
        : initialAdapter(name, dims, index, trainable.seed)
    const moments = Array.from({ length: momentCount(optimiser) }, () => new Float32Array(values.length))
    return { name, values, gradient: new Float32Array(values.length), moments, decays: dims.length > 1 }
  })
}

function dimsOf(graph: TrainingGraph, name: string): number[] {
  return [...graph.parameters.find((parameter) => parameter.name === name)!.dims]
}

function checkState(state: TrainerState, slots: readonly Slot[]): void {
  const fits =
    Number.isSafeInteger(state.step) &&
    state.step >= 0 &&
    state.parameters.size === slots.length &&
    slots.every(({ name, values, moments }) => {
      const given = state.moments.get(name)
      return (
        state.parameters.get(name)?.length === values.length &&
        (given?.length ?? 0) === moments.length &&
        moments.every((moment, index) => given?.[index]?.length === moment.length)
      )
    })
  if (!fits)
    throw new VillageError('INVALID_ARGUMENT', 'The state belongs to another model, method or optimiser.')
}

function checkInit({ batch, length, threads, trainable, optimiser }: TrainerInit): void {
  const isWhole = (value: number) => Number.isInteger(value) && value > 0
  if (![batch, length, threads].every(isWhole))
    throw new VillageError(
      'INVALID_ARGUMENT',
      'Batch, length and threads must be whole numbers of 1 or more.',
    )
  if (batch * length > MAX_BATCH_TOKENS)
    throw new VillageError('INVALID_ARGUMENT', `A micro-batch has at most ${MAX_BATCH_TOKENS} tokens.`)
  if (
    trainable.kind === 'lora' &&
    !(isWhole(trainable.rank) && trainable.alpha > 0 && trainable.alpha < Infinity)
  )
    throw new VillageError('INVALID_ARGUMENT', 'Rank and alpha of an adapter must be more than 0.')
  checkOptimiser(optimiser)
}
