/**
 * What a client does in a round: some steps on its own data from the server's parameters, by one of three rules.
 *
 *   plain      the gradient as it is: FedAvg (McMahan et al., arXiv 1602.05629, ClientUpdate) and all server optimisers
 *   proximal   + μ·(w − x): FedProx (Li et al., arXiv 1812.06127, equation 2), x the server's parameters
 *   control    + c − cᵢ: SCAFFOLD (Karimireddy et al., arXiv 1910.06378, algorithm 1)
 *
 * Pure but for the trainer that makes the gradients.
 */

const LOCAL_RULES = ['plain', 'proximal', 'control'] as const
export type LocalRule = (typeof LOCAL_RULES)[number]

/** Running means of the local optimiser, flat, and how many updates they stand for. */
export interface OptimiserState {
  readonly step: number
  readonly moments: readonly Float32Array[]
}

/** `offset` is the place of the first value in the flat vector; `gradient` is changed in place. */
export type FlatCorrection = (offset: number, gradient: Float32Array, values: Readonly<Float32Array>) => void

/** What makes gradients and updates: the trainer of models, or a problem in a simulation. */
export interface LocalTrainer {
  readonly elements: number
  /** Sets the parameters; the optimiser is at rest, or goes on from `optimiser`. */
  begin(parameters: Float32Array, optimiser: OptimiserState | null): void
  /** One update with the batch at a place of the client's endless order of batches. `examples` counts what was learned from. */
  step(
    at: number,
    init: { learningRate: number; clipNorm: number | null; correct: FlatCorrection | null },
    signal: AbortSignal,
  ): Promise<{ loss: number; examples: number }>
  /** A copy. */
  parameters(): Float32Array
  optimiser(): OptimiserState
}

export interface ControlVariates {
  /** c, the server's. */
  readonly server: Float32Array
  /** cᵢ, this client's; zeros before its first round. */
  readonly own: Float32Array
  /**
   * How cᵢ is renewed (line 12 of the algorithm): `gradient` is option I, the gradient of the client's own data at the
   * server's parameters, one more pass; `difference` is option II, cᵢ − c + (x − y)/(K·η), which costs nothing.
   */
  readonly renewal: 'gradient' | 'difference'
}

export interface LocalInit {
  readonly rule: LocalRule
  /** K. */
  readonly steps: number
  /** Place of the first batch: steps that this client has made before. */
  readonly firstBatch: number
  readonly learningRate: number
  readonly clipNorm: number | null
  /** μ of the proximal rule. */
  readonly proximal: number
  readonly control: ControlVariates | null
  readonly optimiser: OptimiserState | null
}

export interface LocalResult {
  /** y − x: the client's parameters minus the server's. */
  readonly delta: Float32Array
  /** The new cᵢ and its change; null for the other rules. */
  readonly control: { readonly own: Float32Array; readonly change: Float32Array } | null
  readonly optimiser: OptimiserState
  /** Mean over the steps, of the loss before each update. */
  readonly loss: number
  readonly examples: number
}

/** Throws what the trainer throws, TRAIN_DIVERGED among it, and the signal's reason. */
export async function trainLocally(
  trainer: LocalTrainer,
  from: Float32Array,
  init: LocalInit,
  signal: AbortSignal,
): Promise<LocalResult> {
  const { steps, firstBatch, learningRate, clipNorm, control } = init
  const atServer = control?.renewal === 'gradient' ? await meanGradient(trainer, from, init, signal) : null
  trainer.begin(from, init.optimiser)
  const correct = correctionOf(init, from)
  let lossSum = 0
  let examples = 0
  for (let step = 0; step < steps; step++) {
    signal.throwIfAborted()
    const made = await trainer.step(firstBatch + step, { learningRate, clipNorm, correct }, signal)
    lossSum += made.loss
    examples += made.examples
  }
  const delta = trainer.parameters()
  for (let i = 0; i < delta.length; i++) delta[i] = delta[i]! - from[i]!
  return {
    delta,
    control: control === null ? null : renewed(control, delta, atServer, steps * learningRate),
    optimiser: trainer.optimiser(),
    loss: lossSum / steps,
    examples,
  }
}

function correctionOf({ rule, proximal, control }: LocalInit, from: Float32Array): FlatCorrection | null {
  if (rule === 'proximal')
    return (offset, gradient, values) => {
      for (let i = 0; i < gradient.length; i++)
        gradient[i] = gradient[i]! + proximal * (values[i]! - from[offset + i]!)
    }
  if (control === null) return null
  const { server, own } = control
  return (offset, gradient) => {
    for (let i = 0; i < gradient.length; i++)
      gradient[i] = gradient[i]! + server[offset + i]! - own[offset + i]!
  }
}

/** The gradient at the server's parameters over the batches that the steps will see. */
async function meanGradient(
  trainer: LocalTrainer,
  from: Float32Array,
  { steps, firstBatch }: LocalInit,
  signal: AbortSignal,
): Promise<Float32Array> {
  const sum = new Float32Array(from.length)
  for (let step = 0; step < steps; step++) {
    signal.throwIfAborted()
    trainer.begin(from, null)
    // A step of length zero: the gradient is seen by the correction, and the parameters stay.
    const look: FlatCorrection = (offset, gradient) => {
      for (let i = 0; i < gradient.length; i++) sum[offset + i] = sum[offset + i]! + gradient[i]! / steps
    }
    await trainer.step(firstBatch + step, { learningRate: 0, clipNorm: null, correct: look }, signal)
  }
  return sum
}

function renewed(
  { server, own }: ControlVariates,
  delta: Float32Array,
  atServer: Float32Array | null,
  pathLength: number,
): { own: Float32Array; change: Float32Array } {
  const next = atServer ?? own.map((value, i) => value - server[i]! - delta[i]! / pathLength)
  return { own: next, change: next.map((value, i) => value - own[i]!) }
}
