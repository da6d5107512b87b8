/**
 * What the server does with the aggregated update Δ of a round (the mean of the clients' parameters minus its own): one row
 * an optimiser. `mean` is FedAvg; adagrad, yogi and adam are FedOpt (Reddi et al., arXiv 2003.00295, algorithm 2, without
 * bias correction as there); `nesterov` is the outer step of DiLoCo (Douillard et al., arXiv 2311.08105, algorithm 1).
 * In place, in a fixed order: the same updates give the same parameters.
 */
export const SERVER_OPTIMISERS = ['mean', 'adagrad', 'yogi', 'adam', 'nesterov'] as const
export type ServerOptimiserName = (typeof SERVER_OPTIMISERS)[number]

export interface ServerOptimiser {
  readonly name: ServerOptimiserName
  /** η. */
  readonly rate: number
  /** β₁ of adagrad, yogi, adam; the momentum of nesterov. */
  readonly momentum: number
  /** β₂ of yogi and adam. */
  readonly decay: number
  /** τ: the degree of adaptivity. The second moments start at τ². */
  readonly adaptivity: number
}

interface Row {
  readonly moments: number
  readonly defaults: Omit<ServerOptimiser, 'name'>
  readonly step: (
    parameters: Float32Array,
    delta: Float32Array,
    moments: readonly Float32Array[],
    init: ServerOptimiser,
  ) => void
}

/** β₁ 0.9, β₂ 0.99 and τ 10⁻³ are those of the experiments of Reddi et al. (section 5). */
const ADAPTIVE = { rate: 0.01, momentum: 0.9, decay: 0.99, adaptivity: 1e-3 }

/** The second moment after Δ. */
type SecondMoment = (v: number, square: number, decay: number) => number

const adaptive =
  (second: SecondMoment): Row['step'] =>
  (parameters, delta, moments, { rate, momentum, decay, adaptivity }) => {
    const [mean, square] = moments as readonly [Float32Array, Float32Array]
    for (let i = 0; i < parameters.length; i++) {
      const d = delta[i]!
      const m = momentum * mean[i]! + (1 - momentum) * d
      const v = second(square[i]!, d * d, decay)
      mean[i] = m
      square[i] = v
      parameters[i] = parameters[i]! + (rate * m) / (Math.sqrt(v) + adaptivity)
    }
  }

const ROWS: Readonly<Record<ServerOptimiserName, Row>> = {
  mean: {
    moments: 0,
    defaults: { rate: 1, momentum: 0, decay: 0, adaptivity: 1e-3 },
    step(parameters, delta, _moments, { rate }) {
      for (let i = 0; i < parameters.length; i++) parameters[i] = parameters[i]! + rate * delta[i]!
    },
  },
  adagrad: { moments: 2, defaults: ADAPTIVE, step: adaptive((v, square) => v + square) },
  yogi: {
    moments: 2,
    defaults: ADAPTIVE,
    step: adaptive((v, square, decay) => v - (1 - decay) * square * Math.sign(v - square)),
  },
  adam: {
    moments: 2,
    defaults: ADAPTIVE,
    step: adaptive((v, square, decay) => decay * v + (1 - decay) * square),
  },
  nesterov: {
    moments: 1,
    // Those that the paper found best.
    defaults: { rate: 0.7, momentum: 0.9, decay: 0, adaptivity: 1e-3 },
    step(parameters, delta, moments, { rate, momentum }) {
      const [velocity] = moments as readonly [Float32Array]
      for (let i = 0; i < parameters.length; i++) {
        const d = delta[i]!
        const m = momentum * velocity[i]! + d
        velocity[i] = m
        parameters[i] = parameters[i]! + rate * (d + momentum * m)
      }
    },
  },
}

export function serverDefaults(name: ServerOptimiserName): ServerOptimiser {
  return { name, ...ROWS[name].defaults }
}

/** The state before the first round. */
export function serverMoments(init: ServerOptimiser, elements: number): Float32Array[] {
  return Array.from({ length: ROWS[init.name].moments }, (_, index) =>
    index === 1
      ? new Float32Array(elements).fill(init.adaptivity * init.adaptivity)
      : new Float32Array(elements),
  )
}

/** Changes parameters and moments. */
export function serverStep(
  init: ServerOptimiser,
  parameters: Float32Array,
  delta: Float32Array,
  moments: readonly Float32Array[],
): void {
  ROWS[init.name].step(parameters, delta, moments, init)
}

/** c ← c + |S|/N · mean(Δcᵢ) (SCAFFOLD, line 17): `change` is the mean over the clients that reported. */
export function controlStep(
  control: Float32Array,
  change: Float32Array,
  init: { reported: number; clients: number },
): void {
  const share = init.reported / init.clients
  for (let i = 0; i < control.length; i++) control[i] = control[i]! + share * change[i]!
}
