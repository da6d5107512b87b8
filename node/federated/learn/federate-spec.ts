/** What a federation is asked to do, in plain data: the configuration of `village federate`, with every default filled in. */
import type { OptimiserInit } from '../../compute/training/trainer.ts'
import type { JsonObject } from '../../json.ts'
import type { AggregationSpec } from '../aggregate/table.ts'
import type { ServerOptimiser } from './server-optimisers.ts'
import type { StrategyName } from './strategies.ts'
import type { UpdateCompression } from './update-codec.ts'

export interface ClientsSpec extends JsonObject {
  /** Fewer updates than this and the round is made again. */
  readonly minimum: number
  /** Updates after which a round ends. */
  readonly target: number
  /** So many times the target are asked, for some will not answer. */
  readonly overSelection: number
  /** A client that has not answered after this long is not waited for. */
  readonly deadlineSeconds: number
  /** Attempts of a round before the federation gives up. */
  readonly attempts: number
}

export interface LocalSpec extends JsonObject {
  readonly steps: number
  readonly batch: number
  readonly length: number
  readonly learningRate: number
  /** 0: never. */
  readonly clip: number
  readonly optimiser: 'sgd' | 'adamw'
  readonly momentum: number
  readonly weightDecay: number
  /** μ of FedProx. */
  readonly proximal: number
  /** How SCAFFOLD renews the control variate. */
  readonly renewal: 'gradient' | 'difference'
}

export interface MethodSpec extends JsonObject {
  readonly kind: 'full' | 'lora'
  readonly rank: number
  readonly alpha: number
  readonly modules: readonly string[] | null
}

export interface PrivacySpec extends JsonObject {
  /** C: largest norm of a client's update. */
  readonly clip: number
  /** σ: noise on the sum in units of C. */
  readonly noiseMultiplier: number
  readonly delta: number
  /** q: each client is in a round with this probability, independently. */
  readonly samplingRate: number
}

export interface SecureSpec extends JsonObject {
  /** Share of the clients of a round whose shares open the sum. */
  readonly threshold: number
  /** Largest magnitude of a coordinate of an update; larger ones are cut. */
  readonly range: number
  readonly ringBits: number
}

/** Of `--simulate`: virtual clients in one process. */
export interface SimulationSpec extends JsonObject {
  readonly clients: number
  /** Of the Dirichlet distribution of classes, or of the lengths of the parts of a text. */
  readonly alpha: number
  /** Share of the clients of each round that do not answer. */
  readonly dropOut: number
  readonly classes: number
  readonly features: number
  readonly hidden: number
  readonly examples: number
}

export interface FederateSpec extends JsonObject {
  readonly name: string
  /** Id or CID of a model of the server; null: the simulated classification task. */
  readonly model: string | null
  /** Name under which members offer their data. */
  readonly data: string | null
  readonly strategy: StrategyName
  readonly rounds: number
  readonly seed: number
  readonly clients: ClientsSpec
  readonly local: LocalSpec
  readonly method: MethodSpec
  readonly server: ServerOptimiser & JsonObject
  readonly aggregation: AggregationSpec & JsonObject
  readonly compression: UpdateCompression & JsonObject
  readonly privacy: PrivacySpec | null
  readonly secure: SecureSpec | null
  readonly simulation: SimulationSpec | null
}

/** A specification with what stays on the server. */
export interface FederateConfig extends JsonObject {
  readonly spec: FederateSpec
  /** Texts that the server measures the model on after each round; absolute paths. */
  readonly test: readonly string[]
  /** Simulations of a model: texts that are dealt to the virtual clients. */
  readonly texts: readonly string[]
  /** Id of the resulting model. */
  readonly id: string | null
}

/** Whether what is known of a single client stays with it. */
export const hidesClients = ({ secure, privacy }: FederateSpec): boolean =>
  secure !== null || privacy !== null

/** Of two, each knows the other's update: it is the mean that both get, less its own. */
export const MIN_SECURE_CLIENTS = 3

/** A client learns from no more tokens than its steps have places. */
export const mostTokens = ({ local }: FederateSpec): number => local.steps * local.batch * local.length

const BETAS = [0.9, 0.95] as const
const EPSILON = 1e-8

export function localOptimiser({ optimiser, momentum, weightDecay }: LocalSpec): OptimiserInit {
  return optimiser === 'sgd'
    ? { kind: 'sgd', momentum, weightDecay }
    : { kind: 'adamw', betas: BETAS, epsilon: EPSILON, weightDecay }
}
