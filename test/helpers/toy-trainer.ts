/** A trainer of the smallest language model there is: every token has a fixed probability, whatever came before. */

import type { BatchLoss, Trainer, TrainerState, TrainingBatch } from '../../node/compute/training/trainer.ts'
import { IGNORED_LABEL } from '../../node/compute/training/trainer.ts'
import { VillageError } from '../../node/errors.ts'

const MOMENTUM = 0.9

export interface ToyTrainer extends Trainer {
  /** Probability of each token. */
  probabilities(): Float32Array
}

/** Gradient descent with momentum on the cross-entropy; from the step `divergeAt` on the loss is no number. */
export function createToyTrainer(init: { vocabulary: number; divergeAt?: number }): ToyTrainer {
  const { vocabulary } = init
  let logits = new Float32Array(vocabulary)
  let momentum = new Float32Array(vocabulary)
  let gradient = new Float32Array(vocabulary)
  let counted = 0
  let step = 0

  function probabilities(): Float32Array {
    const largest = Math.max(...logits)
    const exponentials = logits.map((logit) => Math.exp(logit - largest))
    const sum = exponentials.reduce((total, value) => total + value, 0)
    return exponentials.map((value) => value / sum)
  }

  function look({ labels }: TrainingBatch, each: (label: number) => void): BatchLoss {
    const shares = probabilities()
    let lossSum = 0
    let count = 0
    for (const label of labels) {
      if (label === IGNORED_LABEL) continue
      lossSum -= Math.log(shares[label]!)
      count += 1
      each(label)
    }
    if (init.divergeAt !== undefined && step >= init.divergeAt) throw new VillageError('TRAIN_DIVERGED')
    return { lossSum, count }
  }

  return {
    parameters: [{ name: 'logits', dims: [vocabulary] }],
    async accumulate(batch) {
      const shares = probabilities()
      const loss = look(batch, (label) => {
        for (let token = 0; token < vocabulary; token++)
          gradient[token]! += shares[token]! - (token === label ? 1 : 0)
      })
      counted += loss.count
      return loss
    },
    step({ learningRate, clipNorm }) {
      const mean = gradient.map((value) => value / counted)
      const gradientNorm = Math.hypot(...mean)
      const scale = clipNorm === null || gradientNorm <= clipNorm ? 1 : clipNorm / gradientNorm
      for (let token = 0; token < vocabulary; token++) {
        momentum[token] = MOMENTUM * momentum[token]! + scale * mean[token]!
        logits[token]! -= learningRate * momentum[token]!
      }
      gradient = new Float32Array(vocabulary)
      counted = 0
      step += 1
      return { gradientNorm }
    },
    // It has no hidden layer.
    hidden: async () => null,
    loss: async (batch) => look(batch, () => undefined),
    state: () => ({
      step,
      parameters: new Map([['logits', logits.slice()]]),
      moments: new Map([['logits', [momentum.slice()]]]),
    }),
    restore(state: TrainerState) {
      logits = state.parameters.get('logits')!.slice()
      momentum = state.moments.get('logits')![0]!.slice()
      gradient = new Float32Array(vocabulary)
      counted = 0
      step = state.step
    },
    close: async () => undefined,
    probabilities,
  }
}
