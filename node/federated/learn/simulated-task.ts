/**
 * A classification task for simulations: thousands of clients with data of their own, a small network with exact gradients,
 * nothing to download. Each class is two clouds of points, so that a linear model cannot have all of it; what a client has of
 * each class is drawn from a Dirichlet distribution (Hsu, Qi, Brown, arXiv 1909.06335, section 3): a small alpha gives each
 * client few classes.
 */
import { normalOfWord } from '../../compute/training/normal.ts'
import { type CounterRandom, counterRandom, streamOf } from '../../compute/training/philox.ts'
import { dirichlet, placeByShares } from './dirichlet.ts'
import { createNetwork, type Network } from './simulated-network.ts'

export interface SimulatedTaskInit {
  readonly seed: number
  readonly clients: number
  /** Of the Dirichlet distribution; large is the same data everywhere. */
  readonly alpha: number
  readonly classes: number
  readonly features: number
  /** Units of the hidden layer; 0: none, a linear model. */
  readonly hidden: number
  readonly examplesByClient: number
  readonly testExamples: number
}

export interface Examples {
  readonly count: number
  /** count × features. */
  readonly features: Float32Array
  readonly labels: Uint8Array
}

export interface SimulatedTask {
  readonly elements: number
  readonly clients: number
  /** The parameters before the first round. */
  start(): Float32Array
  examples(client: number): Examples
  /** Mean gradient of the batch at a place of the client's endless order; `labels` replaces those of the client's data (attacks). */
  gradient(
    client: number,
    at: number,
    batch: number,
    parameters: Readonly<Float32Array>,
    into: Float32Array,
    labels?: Uint8Array,
  ): { loss: number; examples: number }
  /** Of the test data, which have all classes alike. */
  test(parameters: Readonly<Float32Array>): { accuracy: number; loss: number }
}

const CLOUDS_BY_CLASS = 2
/** Distance of the clouds in standard deviations of a cloud, by coordinate: the best classifier is right about nine times in ten. */
const SPREAD = 1.1
const MAX_CLASSES = 255

/** Data of a client are made when they are first asked for. Throws RangeError for sizes that make no task. */
export function createSimulatedTask(init: SimulatedTaskInit): SimulatedTask {
  const { seed, clients, classes, features, hidden, examplesByClient } = init
  if (classes < 2 || classes > MAX_CLASSES || features < 1 || clients < 1 || examplesByClient < 1)
    throw new RangeError('a simulated task needs 2 to 255 classes, features, clients and examples')
  const centres = cloudsOf(init)
  const network = createNetwork({ features, hidden, classes })
  const made = new Map<number, Examples>()
  const testLabels = Uint8Array.from({ length: init.testExamples }, (_, i) => i % classes)
  const test = pointsOf(testLabels, centres, features, counterRandom(seed, streamOf('test')))

  function examples(client: number): Examples {
    const found = made.get(client)
    if (found !== undefined) return found
    const random = counterRandom(seed, streamOf(`client ${client}`))
    const shares = dirichlet(classes, init.alpha, random)
    const labelRandom = counterRandom(seed, streamOf(`labels ${client}`))
    const labels = Uint8Array.from({ length: examplesByClient }, (_, i) =>
      placeByShares(shares, (labelRandom.word(i) + 0.5) / 2 ** 32),
    )
    const own = pointsOf(labels, centres, features, counterRandom(seed, streamOf(`points ${client}`)))
    made.set(client, own)
    return own
  }

  return {
    elements: network.elements,
    clients,
    start: () => network.start(counterRandom(seed, streamOf('network'))),
    examples,
    gradient(client, at, batch, parameters, into, labels) {
      const own = examples(client)
      const indices = Array.from(
        { length: Math.min(batch, own.count) },
        (_, i) => (at * batch + i) % own.count,
      )
      const loss = network.gradient(parameters, { ...own, labels: labels ?? own.labels }, indices, into)
      return { loss, examples: indices.length }
    },
    test: (parameters) => testOf(network, parameters, test),
  }
}

function testOf(network: Network, parameters: Readonly<Float32Array>, test: Examples) {
  let right = 0
  let loss = 0
  for (let index = 0; index < test.count; index++) {
    const logits = network.logits(parameters, test, index)
    const label = test.labels[index]!
    let sum = 0
    let best = 0
    for (const [place, logit] of logits.entries()) {
      sum += Math.exp(logit)
      if (logit > logits[best]!) best = place
    }
    loss += Math.log(sum) - logits[label]!
    right += best === label ? 1 : 0
  }
  return { accuracy: right / test.count, loss: loss / test.count }
}

function cloudsOf({ seed, classes, features }: SimulatedTaskInit): Float32Array[] {
  const random = counterRandom(seed, streamOf('centres'))
  return Array.from({ length: classes * CLOUDS_BY_CLASS }, (_, cloud) =>
    Float32Array.from(
      { length: features },
      (_, i) => SPREAD * normalOfWord(random.word(cloud * features + i)),
    ),
  )
}

function pointsOf(
  labels: Uint8Array,
  centres: readonly Float32Array[],
  features: number,
  random: CounterRandom,
): Examples {
  const points = new Float32Array(labels.length * features)
  const words = features + 1
  for (const [index, label] of labels.entries()) {
    const cloud = random.word(index * words) % CLOUDS_BY_CLASS
    const centre = centres[label * CLOUDS_BY_CLASS + cloud]!
    for (let i = 0; i < features; i++)
      points[index * features + i] = centre[i]! + normalOfWord(random.word(index * words + 1 + i))
  }
  return { count: labels.length, features: points, labels }
}
