/** What a trainer is: the loop of `village train` is written against this, whatever makes the gradients. */

export type Trainable =
  | { readonly kind: 'full' }
  /** Low-rank adapters (Hu et al., arXiv 2106.09685): W + alpha/rank · A B, with W frozen. */
  | {
      readonly kind: 'lora'
      readonly rank: number
      readonly alpha: number
      /** Modules to adapt, by full name or by its last part (`q_proj`); all that the model offers where absent. */
      readonly modules?: readonly string[]
      /** Of the start values of A; B starts at zero. */
      readonly seed: number
    }

export type OptimiserInit =
  | {
      readonly kind: 'adamw'
      readonly betas: readonly [number, number]
      readonly epsilon: number
      readonly weightDecay: number
    }
  | { readonly kind: 'sgd'; readonly momentum: number; readonly weightDecay: number }

export interface TrainerInit {
  /** A model.onnx with an output `logits`, as the graph builder writes it. */
  readonly modelPath: string
  /** Rows of a micro-batch; every batch has this shape. */
  readonly batch: number
  /** Tokens of a row. */
  readonly length: number
  readonly trainable: Trainable
  readonly optimiser: OptimiserInit
  /** Of onnxruntime. The same threads, machine and batches give the same weights, bit for bit. */
  readonly threads: number
}

/** A trainable tensor by the name of its initializer; matrices are [inputs, outputs] as in the graph. */
export interface ParameterInfo {
  readonly name: string
  readonly dims: readonly number[]
}

export interface TrainingBatch {
  /** batch × length token ids, row by row. */
  readonly tokens: Int32Array
  /**
   * What each position is to predict: labels[i] is the token after tokens[i] of the same row, so that they are shifted
   * already. -100 is not counted.
   */
  readonly labels: Int32Array
}

/** Cross-entropy in nats, summed over the `count` labels that count. */
export interface BatchLoss {
  readonly lossSum: number
  readonly count: number
}

/** Everything that a step depends on, as copies: what a checkpoint holds. */
export interface TrainerState {
  /** Updates made so far. */
  readonly step: number
  readonly parameters: ReadonlyMap<string, Float32Array>
  /** The optimiser's running means by parameter: two for AdamW, one for SGD with momentum, none for plain SGD. */
  readonly moments: ReadonlyMap<string, readonly Float32Array[]>
}

/**
 * Changes the gradient of one parameter in place before the optimiser sees it: what a training adds to the loss that is no
 * part of the graph, such as a proximal term or a control variate. `gradient` is the mean by label, clipped; both arrays are
 * the trainer's own.
 */
export type GradientCorrection = (
  parameter: string,
  gradient: Float32Array,
  values: Readonly<Float32Array>,
) => void

/**
 * Gradients and updates of one model. Calls block their thread while onnxruntime works: use it in a worker thread. Not for
 * several calls at once.
 */
export interface Trainer {
  readonly parameters: readonly ParameterInfo[]
  /**
   * Adds the gradient of one micro-batch to what `step` will use. Throws INVALID_ARGUMENT for a batch that does not fit and
   * TRAIN_DIVERGED when the loss is not a finite number: nothing is added then.
   */
  accumulate(batch: TrainingBatch, signal: AbortSignal): Promise<BatchLoss>
  /**
   * Divides the summed gradient by the labels counted since the last step, clips it to `clipNorm` by its global norm, updates
   * the parameters and clears the gradient. `gradientNorm` is the norm before clipping. Throws TRAIN_DIVERGED when it is not
   * finite (the parameters stay as they were, the gradient is cleared), INVALID_ARGUMENT when no
   * label was counted or a factor is out of range. `correct` may change the gradient after the clipping.
   */
  step(init: { learningRate: number; clipNorm: number | null; correct?: GradientCorrection }): {
    gradientNorm: number
  }
  /** The loss without gradients; what was accumulated stays. */
  loss(batch: TrainingBatch, signal: AbortSignal): Promise<BatchLoss>
  /**
   * What the output matrix reads for each token of a batch, [batch × length, width], row-major; null for a model whose logits are
   * made in another way. Throws as `loss`.
   */
  hidden(batch: TrainingBatch, signal: AbortSignal): Promise<{ values: Float32Array; width: number } | null>
  state(): TrainerState
  /** Clears what was accumulated. Throws INVALID_ARGUMENT for a state of another model or optimiser. */
  restore(state: TrainerState): void
  close(): Promise<void>
}

/** A label that takes no part in the loss. */
export const IGNORED_LABEL = -100
