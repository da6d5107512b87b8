/** Fused operators of onnxruntime, rewritten into operators that have a gradient. */
import { type Attributes, floatAttribute } from '../operators/operator.ts'
import { groupQueryAttention } from './attention.ts'
import type { Tape } from './tape.ts'

/** Inputs as in the model ('' where left out); the outputs that training can use, in order. */
export type Lowering = (
  tape: Tape,
  inputs: readonly string[],
  attributes: Attributes,
) => readonly (string | undefined)[]

const given = (name: string | undefined): name is string => name !== undefined && name !== ''

const epsilonOf = (attributes: Attributes, fallback: number): Attributes => ({
  axis: { int: -1 },
  epsilon: { float: floatAttribute(attributes, 'epsilon', fallback) },
})

/** Sum of input, skip and bias, then the norm; the sum is the fourth output. */
function skipNorm(norm: 'LayerNormalization' | 'SimplifiedLayerNormalization', biasAt: number): Lowering {
  return (tape, inputs, attributes) => {
    const [input, skip, scale] = inputs as readonly [string, string, string]
    const bias = inputs[biasAt]
    let sum = tape.add('Add', [input, skip])
    if (given(bias)) sum = tape.add('Add', [sum, bias])
    const shift = norm === 'LayerNormalization' ? inputs[3] : undefined
    const [normed] = withStatistics(norm)(tape, [sum, scale, ...(given(shift) ? [shift] : [])], {
      ...epsilonOf(attributes, norm === 'LayerNormalization' ? 1e-12 : 1e-5),
    })
    return [normed, undefined, undefined, sum]
  }
}

/** A norm whose mean and deviation are kept: its gradient reads them. */
function withStatistics(norm: 'LayerNormalization' | 'SimplifiedLayerNormalization'): Lowering {
  const outputs = norm === 'LayerNormalization' ? 3 : 2
  return (tape, inputs, attributes) => {
    const { axis = { int: -1 }, epsilon = { float: 1e-5 } } = attributes
    return tape.addMany(norm, inputs, { axis, epsilon }, { outputs })
  }
}

/** An activation of the sum of a tensor and a bias. */
const biased =
  (opType: string): Lowering =>
  (tape, [input, bias], attributes) => [
    tape.addMany(opType, [given(bias) ? tape.add('Add', [input!, bias]) : input!], attributes, {
      domain: 'com.microsoft',
    })[0],
  ]

export const LOWERINGS: Readonly<Record<string, Lowering>> = {
  GroupQueryAttention: (tape, inputs, attributes) => groupQueryAttention(tape, inputs, attributes),
  LayerNormalization: withStatistics('LayerNormalization'),
  SimplifiedLayerNormalization: withStatistics('SimplifiedLayerNormalization'),
  SkipLayerNormalization: skipNorm('LayerNormalization', 4),
  SkipSimplifiedLayerNormalization: skipNorm('SimplifiedLayerNormalization', 3),
  BiasGelu: biased('Gelu'),
  FastGelu: biased('FastGelu'),
  // Training of what was made for inference: nothing is dropped.
  Dropout: (_tape, [input]) => [input],
}
