/**
 * A training that groks: addition modulo a prime by a small transformer (Power et al., arXiv 2201.02177). It learns its
 * pairs by heart within two hundred steps, and the rule, with which the others are right too, some hundred later. The geometry is measured as `village train
 * --geometry` does.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { loadKernels } from '../../node/compute/kernels.ts'
import { buildModel } from '../../node/compute/models/builder/build-model.ts'
import { initialiseModel } from '../../node/compute/training/initialise.ts'
import { openTrainer } from '../../node/compute/training/open-trainer.ts'
import { IGNORED_LABEL, type TrainingBatch } from '../../node/compute/training/trainer.ts'
import { detectGrokking, type GrokkingSign } from '../../node/federated/geometry/grokking.ts'
import { createTrainingObserver, lookOf } from '../../node/federated/geometry/training-observer.ts'
import { shuffled } from '../../node/federated/geometry/two-nn.ts'
import type { JsonObject } from '../../node/json.ts'

const PRIME = 23
/** a, b and the sign after which the sum is asked for. */
const LENGTH = 3
const SUM_SIGN = PRIME
const SHARE_LEARNED = 0.8
const WIDTH = 64
const LEARNING_RATE = 5e-3
const WEIGHT_DECAY = 2
const WARMUP_STEPS = 10

const CONFIG = {
  model_type: 'llama',
  architectures: ['LlamaForCausalLM'],
  vocab_size: 32,
  hidden_size: WIDTH,
  intermediate_size: 4 * WIDTH,
  num_hidden_layers: 1,
  num_attention_heads: 4,
  num_key_value_heads: 4,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
  hidden_act: 'silu',
  tie_word_embeddings: false,
  initializer_range: 0.125,
  bos_token_id: 30,
  eos_token_id: 31,
}

/** Each pair once (a ≤ b): a pair and its mirror are twins, and would be each other's nearest neighbours. */
function pairs(): number[] {
  const all: number[] = []
  for (let a = 0; a < PRIME; a++) for (let b = a; b < PRIME; b++) all.push(a * PRIME + b)
  return [...shuffled(all.length, 5)].map((at) => all[at]!)
}

function batchOf(chosen: readonly number[], rows: number): TrainingBatch {
  const tokens = new Int32Array(rows * LENGTH)
  const labels = new Int32Array(rows * LENGTH).fill(IGNORED_LABEL)
  for (const [row, pair] of chosen.entries()) {
    const [a, b] = [Math.floor(pair / PRIME), pair % PRIME]
    tokens.set([a, b, SUM_SIGN], row * LENGTH)
    labels[row * LENGTH + LENGTH - 1] = (a + b) % PRIME
  }
  return { tokens, labels }
}

export async function trainAddition(
  init: { steps: number; everySteps: number },
  signal: AbortSignal,
  onLook: (line: JsonObject) => void = () => {},
): Promise<{ lines: JsonObject[]; signs: GrokkingSign[] }> {
  const directory = mkdtempSync(path.join(tmpdir(), 'village-grokking-'))
  try {
    const source = path.join(directory, 'source')
    initialiseModel({ config: CONFIG, seed: 1, outDir: source })
    buildModel({ modelDir: source, outDir: directory, adapters: false, about: { name: 'addition' } })
    const all = pairs()
    const learned = Math.floor(all.length * SHARE_LEARNED)
    const batch = batchOf(all.slice(0, learned), learned)
    const rest = batchOf(all.slice(learned), learned)
    const trainer = await openTrainer({
      modelPath: path.join(directory, 'model.onnx'),
      batch: learned,
      length: LENGTH,
      threads: 1,
      trainable: { kind: 'full' },
      optimiser: { kind: 'adamw', betas: [0.9, 0.98], epsilon: 1e-8, weightDecay: WEIGHT_DECAY },
    })
    try {
      const kernels = loadKernels()
      const observe = createTrainingObserver({ kernels: () => kernels, nowMs: () => performance.now() })
      const data = { rows: learned, batch: () => batch, heldOutBatches: 1, heldOut: () => rest }
      const lines: JsonObject[] = []
      let lossSum = 0
      for (let step = 0; step <= init.steps; step++) {
        if (step % init.everySteps === 0) {
          const heldOut = await trainer.loss(rest, signal)
          const start = await trainer.loss(batch, signal)
          const loss = step === 0 ? start.lossSum / start.count : lossSum / init.everySteps
          const at = { step, loss, heldOutLoss: heldOut.lossSum / heldOut.count }
          const { line } = await observe(at, { trainer, data }, lines, signal)
          lines.push(line)
          onLook(line)
          lossSum = 0
        }
        const { lossSum: sum, count } = await trainer.accumulate(batch, signal)
        lossSum += sum / count
        const learningRate = LEARNING_RATE * Math.min(1, (step + 1) / WARMUP_STEPS)
        trainer.step({ learningRate, clipNorm: 1 })
      }
      return { lines, signs: detectGrokking(lines.map(lookOf)) }
    } finally {
      await trainer.close()
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
