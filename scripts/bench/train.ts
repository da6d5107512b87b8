/** Training: how near it comes to the rate of matrix products that onnxruntime reaches here, and how true its gradients are. */
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import path from 'node:path'
import { performance } from 'node:perf_hooks'
import ort from 'onnxruntime-node'
import { seededRandom } from '../../node/compute/evaluate/seeded-random.ts'
import { buildModel } from '../../node/compute/models/builder/build-model.ts'
import { MODEL_FILE } from '../../node/compute/models/model-files.ts'
import { openModel } from '../../node/compute/onnx/read.ts'
import { emitModel } from '../../node/compute/training/autodiff/emit.ts'
import { createTape, float32 } from '../../node/compute/training/autodiff/tape.ts'
import { loadGraphSession } from '../../node/compute/training/graph-session.ts'
import { initialiseModel } from '../../node/compute/training/initialise.ts'
import { openTrainer } from '../../node/compute/training/open-trainer.ts'
import type { Trainable, TrainerInit, TrainingBatch } from '../../node/compute/training/trainer.ts'
import { buildTrainingGraph } from '../../node/compute/training/training-graph.ts'
import type { Bench, BenchContext } from './bench.ts'
import { checkGradients } from './gradient-check.ts'
import { SAMPLED_OPERATORS, samplesOf } from './operator-samples.ts'
import { checkTrainer } from './trainer-gradients.ts'

interface Shape {
  readonly name: string
  readonly width: number
  readonly layers: number
  readonly heads: number
  readonly hidden: number
  readonly vocabulary: number
  readonly batch: number
  readonly length: number
}

/** 1.3 million parameters. */
const VILLAGE_LM: Shape = {
  name: 'village-lm',
  width: 128,
  layers: 6,
  heads: 8,
  hidden: 344,
  vocabulary: 1024,
  batch: 32,
  length: 128,
}
/** 14.8 million parameters. */
const WIDER: Shape = {
  name: 'width 512',
  width: 512,
  layers: 4,
  heads: 8,
  hidden: 1376,
  vocabulary: 4096,
  batch: 16,
  length: 128,
}
const SMALL: Shape = {
  ...VILLAGE_LM,
  name: 'small',
  width: 32,
  layers: 2,
  heads: 2,
  hidden: 48,
  vocabulary: 64,
  batch: 2,
  length: 12,
}

const THREADS = Math.min(2, availableParallelism())
const PRODUCT_SIZE = 1024
const REPEATS = 12
const GRADIENT_BAR = 1e-3
const SHARE_BAR = 40
const ADAMW = { kind: 'adamw', betas: [0.9, 0.95], epsilon: 1e-8, weightDecay: 0.1 } as const
const SGD = { kind: 'sgd', momentum: 0, weightDecay: 0 } as const

function writeLlama(directory: string, shape: Shape): string {
  const outDir = path.join(directory, shape.name.replaceAll(' ', '-'))
  const modelDir = path.join(outDir, 'source')
  const config = {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_act: 'silu',
    hidden_size: shape.width,
    intermediate_size: shape.hidden,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    num_key_value_heads: shape.heads,
    vocab_size: shape.vocabulary,
    max_position_embeddings: 256,
    rms_norm_eps: 1e-5,
    rope_theta: 10_000,
    tie_word_embeddings: true,
    bos_token_id: 1,
    eos_token_id: 2,
  }
  initialiseModel({ config, seed: 1, outDir: modelDir })
  buildModel({ modelDir, outDir, adapters: true })
  return path.join(outDir, MODEL_FILE)
}

function randomBatch({ batch, length, vocabulary }: Shape): TrainingBatch {
  const random = seededRandom(7)
  const token = () => Math.floor(random() * vocabulary)
  const size = { length: batch * length }
  return { tokens: Int32Array.from(size, token), labels: Int32Array.from(size, token) }
}

/** What a figure is a share of: all threads by the clock, or one thread by the processor time that it takes, whoever else works. */
interface Measure {
  readonly title: string
  readonly threads: number
  readonly bar: number | null
  /** Milliseconds of some work. */
  timed(work: () => Promise<void>): Promise<number>
}

const CLOCK: Measure = {
  title: `${THREADS} threads`,
  threads: THREADS,
  bar: SHARE_BAR,
  async timed(work) {
    const startMs = performance.now()
    await work()
    return performance.now() - startMs
  },
}

const PROCESSOR_TIME: Measure = {
  title: 'one thread, processor time',
  threads: 1,
  bar: null,
  async timed(work) {
    const start = process.cpuUsage()
    await work()
    const { user, system } = process.cpuUsage(start)
    return (user + system) / 1000
  },
}

/** One large product. */
async function openProduct(threads: number): Promise<{ run(): Promise<void>; close(): Promise<void> }> {
  const tape = createTape()
  const dims = [PRODUCT_SIZE, PRODUCT_SIZE]
  const names = ['a', 'b'].map((name) => tape.input(name, float32(dims)))
  const outputs = new Map([['product', tape.add('MatMul', names)]])
  const session = await loadGraphSession(emitModel(tape, outputs, 17), threads)
  const random = seededRandom(3)
  const filled = () =>
    new ort.Tensor('float32', Float32Array.from({ length: PRODUCT_SIZE ** 2 }, random), dims)
  const feeds = { a: filled(), b: filled() }
  const product = { product: filled() }
  return { run: () => session.run(feeds, product), close: () => session.close() }
}

/** Steps and products by turns, so that both have the same machine; the best of each counts. */
async function throughput(
  context: BenchContext,
  directory: string,
  { shape, trainable, measure }: { shape: Shape; trainable: Trainable; measure: Measure },
): Promise<void> {
  const { batch, length } = shape
  const { threads } = measure
  const modelPath = writeLlama(directory, shape)
  const init: TrainerInit = { modelPath, batch, length, trainable, optimiser: ADAMW, threads }
  using model = openModel(modelPath)
  const { flops } = buildTrainingGraph(model, init)
  const product = await openProduct(threads)
  const trainer = await openTrainer(init)
  try {
    const given = randomBatch(shape)
    let stepMs = Number.POSITIVE_INFINITY
    let productMs = Number.POSITIVE_INFINITY
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      context.signal.throwIfAborted()
      for (let turn = 0; turn < 3; turn++)
        productMs = Math.min(productMs, await measure.timed(() => product.run()))
      const ms = await measure.timed(async () => {
        await trainer.accumulate(given, context.signal)
        trainer.step({ learningRate: 1e-3, clipNorm: 1 })
      })
      stepMs = Math.min(stepMs, ms)
    }
    const rate = flops / stepMs / 1e6
    const productRate = (2 * PRODUCT_SIZE ** 3) / productMs / 1e6
    const name = `train ${shape.name}, ${trainable.kind}, ${measure.title}`
    const higher = { better: 'higher', bar: null } as const
    const { report } = context
    report({ case: `${name}: products of onnxruntime`, value: productRate, unit: 'GFLOP/s', ...higher })
    report({ case: `${name}: products of training`, value: rate, unit: 'GFLOP/s', ...higher })
    const share = (100 * rate) / productRate
    report({ case: `${name}: share`, value: share, unit: '%', better: 'higher', bar: measure.bar })
    report({ case: `${name}: tokens`, value: (batch * length * 1000) / stepMs, unit: 'tokens/s', ...higher })
  } finally {
    await Promise.all([trainer.close(), product.close()])
  }
}

async function gradients(context: BenchContext, directory: string): Promise<void> {
  let worst = 0
  for (const opType of SAMPLED_OPERATORS)
    for (const sample of samplesOf(opType))
      for (const { error } of await checkGradients(sample)) worst = Math.max(worst, error)
  const lower = { unit: 'relative', better: 'lower', bar: GRADIENT_BAR } as const
  context.report({ case: `gradient of ${SAMPLED_OPERATORS.length} operators, worst`, value: worst, ...lower })

  const { batch, length } = SMALL
  const modelPath = writeLlama(directory, SMALL)
  for (const trainable of [{ kind: 'full' }, { kind: 'lora', rank: 4, alpha: 8, seed: 1 }] as const) {
    context.signal.throwIfAborted()
    const trainer = await openTrainer({ modelPath, batch, length, trainable, optimiser: SGD, threads: 1 })
    try {
      const checked = await checkTrainer(trainer, randomBatch(SMALL), 0.05)
      const value = Math.max(...checked.map(({ error }) => error))
      context.report({ case: `gradient of a whole model, ${trainable.kind}, worst`, value, ...lower })
    } finally {
      await trainer.close()
    }
  }
}

const RUNS: readonly (readonly [Shape, Trainable, Measure])[] = [
  [VILLAGE_LM, { kind: 'full' }, CLOCK],
  [VILLAGE_LM, { kind: 'full' }, PROCESSOR_TIME],
  [WIDER, { kind: 'full' }, CLOCK],
  [WIDER, { kind: 'lora', rank: 8, alpha: 16, seed: 1 }, CLOCK],
]

export const trainBench: Bench = {
  name: 'train',
  title: 'gradients against finite differences; throughput of training against matrix products',
  async run(context) {
    const directory = mkdtempSync(path.join(tmpdir(), 'village-bench-train-'))
    try {
      context.log('checking gradients')
      await gradients(context, directory)
      for (const [shape, trainable, measure] of RUNS) {
        context.log(`training ${shape.name}, ${trainable.kind}, ${measure.title}`)
        await throughput(context, directory, { shape, trainable, measure })
      }
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  },
}
