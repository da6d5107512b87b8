/** A classifier with at most one hidden layer (tanh), cross-entropy and exact gradients, over one flat vector of parameters. */
import type { CounterRandom } from '../../compute/training/philox.ts'

interface Points {
  readonly features: Float32Array
  readonly labels: Uint8Array
}

export interface Network {
  /** Hidden weights [features, hidden] and biases where there is a hidden layer, then output weights [inputs, classes] and biases. */
  readonly elements: number
  start(random: CounterRandom): Float32Array
  /** Writes the mean gradient of some points into `into`; returns their mean loss in nats. */
  gradient(
    parameters: Readonly<Float32Array>,
    points: Points,
    indices: readonly number[],
    into: Float32Array,
  ): number
  /** The array is overwritten by the next call. */
  logits(parameters: Readonly<Float32Array>, points: Points, index: number): Float64Array
}

export function createNetwork(shape: { features: number; hidden: number; classes: number }): Network {
  const { features, hidden, classes } = shape
  const inputs = hidden === 0 ? features : hidden
  const biasAt = features * hidden
  const outAt = hidden === 0 ? 0 : biasAt + hidden
  const outBiasAt = outAt + inputs * classes
  const elements = outBiasAt + classes
  const units = new Float64Array(inputs)
  const logits = new Float64Array(classes)
  const back = new Float64Array(inputs)

  function forward(parameters: Readonly<Float32Array>, points: Points, index: number): Float64Array {
    const at = index * features
    if (hidden === 0) for (let i = 0; i < features; i++) units[i] = points.features[at + i]!
    else {
      for (let unit = 0; unit < hidden; unit++) units[unit] = parameters[biasAt + unit]!
      for (let i = 0; i < features; i++) {
        const x = points.features[at + i]!
        for (let unit = 0; unit < hidden; unit++) units[unit]! += x * parameters[i * hidden + unit]!
      }
      for (let unit = 0; unit < hidden; unit++) units[unit] = Math.tanh(units[unit]!)
    }
    for (let k = 0; k < classes; k++) logits[k] = parameters[outBiasAt + k]!
    for (let unit = 0; unit < inputs; unit++)
      for (let k = 0; k < classes; k++) logits[k]! += units[unit]! * parameters[outAt + unit * classes + k]!
    return logits
  }

  function softmax(): void {
    let peak = Number.NEGATIVE_INFINITY
    for (const logit of logits) peak = Math.max(peak, logit)
    let sum = 0
    for (let k = 0; k < classes; k++) {
      logits[k] = Math.exp(logits[k]! - peak)
      sum += logits[k]!
    }
    for (let k = 0; k < classes; k++) logits[k]! /= sum
  }

  /** Adds the gradient of one point, of which `logits` holds softmax − one-hot, over `count`. */
  function backward(
    parameters: Readonly<Float32Array>,
    points: Points,
    index: number,
    count: number,
    into: Float32Array,
  ): void {
    back.fill(0)
    for (let k = 0; k < classes; k++) {
      logits[k]! /= count
      into[outBiasAt + k]! += logits[k]!
    }
    for (let unit = 0; unit < inputs; unit++) {
      const row = outAt + unit * classes
      for (let k = 0; k < classes; k++) {
        into[row + k]! += units[unit]! * logits[k]!
        back[unit]! += parameters[row + k]! * logits[k]!
      }
    }
    if (hidden === 0) return
    for (let unit = 0; unit < hidden; unit++) {
      back[unit]! *= 1 - units[unit]! * units[unit]!
      into[biasAt + unit]! += back[unit]!
    }
    for (let i = 0; i < features; i++) {
      const x = points.features[index * features + i]!
      for (let unit = 0; unit < hidden; unit++) into[i * hidden + unit]! += x * back[unit]!
    }
  }

  return {
    elements,
    start(random) {
      const parameters = new Float32Array(elements)
      const uniform = (at: number) => ((random.word(at) + 0.5) / 2 ** 32) * 2 - 1
      for (let at = 0; at < biasAt; at++) parameters[at] = uniform(at) / Math.sqrt(features)
      for (let at = outAt; at < outBiasAt; at++) parameters[at] = uniform(at) / Math.sqrt(inputs)
      return parameters
    },
    gradient(parameters, points, indices, into) {
      into.fill(0)
      let loss = 0
      for (const index of indices) {
        forward(parameters, points, index)
        softmax()
        const label = points.labels[index]!
        loss -= Math.log(Math.max(logits[label]!, Number.MIN_VALUE))
        logits[label]! -= 1
        backward(parameters, points, index, indices.length, into)
      }
      return loss / indices.length
    },
    logits: forward,
  }
}
