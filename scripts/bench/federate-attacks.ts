/**
 * Lying clients against the aggregation rules: the simulated task of federated learning with data of different kinds by client, a fifth of the clients
 * lying, every rule. The bar is the accuracy without liars less three points, for the robust rules; the mean is shown failing.
 */
import { counterRandom, streamOf } from '../../node/compute/training/philox.ts'
import { mixMomentum } from '../../node/federated/aggregate/centred-clipping.ts'
import { aggregateUpdates, parseAggregation } from '../../node/federated/aggregate/table.ts'
import { arrayUpdates } from '../../node/federated/aggregate/update-source.ts'
import { createSimulatedTask, type SimulatedTask } from '../../node/federated/learn/simulated-task.ts'
import type { JsonObject } from '../../node/json.ts'
import type { BenchContext } from './bench.ts'

export interface AttackSetting {
  readonly clients: number
  readonly liars: number
  readonly rounds: number
  readonly localSteps: number
  readonly batch: number
  readonly learningRate: number
  /** Of the Dirichlet distribution of classes over clients. */
  readonly alpha: number
  readonly seed: number
  /** β of what clients send: a momentum of their updates; 0: the update itself. */
  readonly momentum: number
}

export const ATTACK_SETTING: AttackSetting = {
  clients: 30,
  liars: 6,
  rounds: 60,
  localSteps: 10,
  batch: 20,
  learningRate: 0.1,
  alpha: 1,
  seed: 1,
  momentum: 0.9,
}

const CLASSES = 10

const TASK = {
  classes: CLASSES,
  features: 20,
  hidden: 32,
  examplesByClient: 300,
  testExamples: 2_000,
} as const

/** What a liar sends: `own` is what it would have sent, `honest` are those of all others (it knows them), `round` a random stream. */
type Lie = (own: Float32Array, honest: readonly Float32Array[], round: number) => Float32Array

export interface Attack {
  readonly name: string
  readonly title: string
  /** What it takes the labels of its own data for; null: for what they are. */
  readonly label: ((label: number) => number) | null
  readonly lie: Lie
}

const scaled = (update: Float32Array, factor: number): Float32Array => update.map((value) => value * factor)

/** Mean and standard deviation of the honest updates by coordinate. */
function honestMoments(honest: readonly Float32Array[]): { mean: Float32Array; deviation: Float32Array } {
  const mean = new Float32Array(honest[0]!.length)
  const deviation = new Float32Array(mean.length)
  for (let at = 0; at < mean.length; at++) {
    const values = honest.map((update) => update[at]!)
    mean[at] = values.reduce((sum, value) => sum + value, 0) / values.length
    deviation[at] = Math.sqrt(
      values.reduce((sum, value) => sum + (value - mean[at]!) ** 2, 0) / values.length,
    )
  }
  return { mean, deviation }
}

/** How far the colluding liars of Baruch et al. go, in standard deviations; their equation 3 gives 0.2 for 6 of 30, where nobody can tell them. */
const LITTLE = 1

export const ATTACKS: readonly Attack[] = [
  { name: 'none', title: 'nobody lies', label: null, lie: (own) => own },
  {
    name: 'sign-flip',
    title: 'ten times the update with the other sign',
    label: null,
    lie: (own) => scaled(own, -10),
  },
  {
    name: 'label-flip',
    title: 'trained on flipped labels, ten times',
    label: (label) => CLASSES - 1 - label,
    lie: (own) => scaled(own, 10),
  },
  {
    name: 'scaled',
    title: 'a hundred times an update that calls everything class 0',
    label: () => 0,
    lie: (own) => scaled(own, 100),
  },
  {
    name: 'noise',
    title: 'noise as large as ten updates',
    label: null,
    lie(own, _honest, round) {
      const random = counterRandom(round, streamOf('noise'))
      const norm = Math.hypot(...own)
      const spread = (10 * norm * Math.sqrt(12)) / Math.sqrt(own.length)
      return own.map((_, at) => (random.word(at) / 2 ** 32 - 0.5) * spread)
    },
  },
  {
    name: 'little',
    title: 'the honest mean less one deviation at every coordinate (Baruch et al. 2019, arXiv 1902.06156)',
    label: null,
    lie(_own, honest) {
      const { mean, deviation } = honestMoments(honest)
      return mean.map((value, at) => value - LITTLE * deviation[at]!)
    },
  },
]

export const ATTACKED_RULES: readonly { readonly name: string; readonly config: JsonObject }[] = [
  { name: 'mean', config: { rule: 'mean' } },
  { name: 'norm-bound', config: { rule: 'norm-bound' } },
  { name: 'median', config: { rule: 'median' } },
  { name: 'trimmed-mean', config: { rule: 'trimmed-mean' } },
  // One update alone is that of one client's data: of data that differ by client, Krum needs buckets.
  { name: 'krum', config: { rule: 'krum', bucket: 2 } },
  { name: 'multi-krum', config: { rule: 'multi-krum' } },
  { name: 'bulyan', config: { rule: 'bulyan' } },
  { name: 'centred-clipping', config: { rule: 'centred-clipping' } },
]

/** What a client would send honestly: the difference after some steps of gradient descent on its own data. */
function localUpdate(
  task: SimulatedTask,
  client: number,
  from: Float32Array,
  round: number,
  setting: AttackSetting,
  labels: Uint8Array | undefined,
): Float32Array {
  const parameters = from.slice()
  const gradient = new Float32Array(from.length)
  for (let step = 0; step < setting.localSteps; step++) {
    task.gradient(client, round * setting.localSteps + step, setting.batch, parameters, gradient, labels)
    for (let at = 0; at < parameters.length; at++) parameters[at]! -= setting.learningRate * gradient[at]!
  }
  return parameters.map((value, at) => value - from[at]!)
}

/** The accuracy on data of all classes after the last round. The first clients lie. */
export function accuracyUnder(attack: Attack, config: JsonObject, setting: AttackSetting): number {
  const { clients, liars, rounds, seed, alpha } = setting
  const task = createSimulatedTask({ ...TASK, clients, alpha, seed })
  const labelsOf = (client: number): Uint8Array | undefined =>
    client >= liars || attack.label === null ? undefined : task.examples(client).labels.map(attack.label)
  const spec = parseAggregation(config.rule === 'mean' ? config : { ...config, adversaries: liars })
  const weights = Array.from({ length: clients }, () => 1)
  const momenta = weights.map(() => new Float32Array(task.elements))
  let parameters = task.start()
  let previous: Float32Array | null = null
  for (let round = 0; round < rounds; round++) {
    const sent = weights.map((_, client) => {
      const update = localUpdate(task, client, parameters, round, setting, labelsOf(client))
      if (setting.momentum === 0) return update
      mixMomentum(momenta[client]!, update, setting.momentum)
      return momenta[client]!.slice()
    })
    const honest = sent.slice(liars)
    for (let liar = 0; liar < liars; liar++) sent[liar] = attack.lie(sent[liar]!, honest, round)
    const target: Float32Array = new Float32Array(task.elements)
    aggregateUpdates(arrayUpdates(sent), spec, { weights, previous, seed, round }, target)
    previous = target
    parameters = parameters.map((value, at) => value + target[at]!)
  }
  return task.test(parameters).accuracy
}

/** Accuracy that a robust rule may lose to liars, in points. */
const MAX_LOSS_POINTS = 3
/** These stand a fifth of liars; the mean does not, and bounded norms only slow them down. */
const ROBUST = ['median', 'trimmed-mean', 'krum', 'multi-krum', 'bulyan', 'centred-clipping']
/** Attacks of the bar. The others are watched. */
const BARRED = ['sign-flip', 'label-flip', 'scaled']

/**
 * Reports for every rule and attack the points that are lost against the mean where nobody lies, and the accuracy of that. About two minutes.
 */
export function measureAttacks(
  { report, log, signal }: Pick<BenchContext, 'report' | 'log' | 'signal'>,
  setting: AttackSetting = ATTACK_SETTING,
): void {
  const meanAccuracy = accuracyUnder(ATTACKS[0]!, { rule: 'mean' }, setting)
  const points = (share: number): number => Math.round(1_000 * share) / 10
  report({ case: 'attacks: mean, none', value: points(meanAccuracy), unit: '%', better: 'higher', bar: null })
  for (const { name: rule, config } of ATTACKED_RULES)
    for (const attack of ATTACKS) {
      signal.throwIfAborted()
      if (rule === 'mean' && attack.name === 'none') continue
      const lost = points(meanAccuracy - accuracyUnder(attack, config, setting))
      const isBarred = ROBUST.includes(rule) && (attack.name === 'none' || BARRED.includes(attack.name))
      report({
        case: `attacks: ${rule}, ${attack.name}`,
        value: lost,
        unit: 'points lost',
        better: 'lower',
        bar: isBarred ? MAX_LOSS_POINTS : null,
      })
      log(`${rule} under ${attack.name}: ${lost} points less than the mean of honest clients`)
    }
}
