/** Activation functions by their names in config.json, and the operators that compute them. */
import type { AttributeValue } from '../../onnx/encode.ts'
import type { GraphBuilder } from '../../onnx/write.ts'

export const MICROSOFT = 'com.microsoft'

interface Activation {
  readonly opType: string
  readonly domain: string
  readonly attributes?: Readonly<Record<string, AttributeValue>>
}

const TANH_GELU: Activation = { opType: 'FastGelu', domain: MICROSOFT }
// x · sigmoid(x).
const SILU: Activation = { opType: 'QuickGelu', domain: MICROSOFT, attributes: { alpha: { float: 1 } } }

export type ActivationName =
  | 'gelu'
  | 'gelu_new'
  | 'gelu_fast'
  | 'gelu_pytorch_tanh'
  | 'relu'
  | 'silu'
  | 'swish'

export const ACTIVATIONS: Readonly<Record<ActivationName, Activation>> = {
  gelu: { opType: 'Gelu', domain: MICROSOFT },
  gelu_new: TANH_GELU,
  gelu_fast: TANH_GELU,
  gelu_pytorch_tanh: TANH_GELU,
  relu: { opType: 'Relu', domain: '' },
  silu: SILU,
  swish: SILU,
}

export function addActivation(
  graph: GraphBuilder,
  name: ActivationName,
  input: string,
  output: string,
): string {
  graph.addNode({ ...ACTIVATIONS[name], inputs: [input], outputs: [output] })
  return output
}
