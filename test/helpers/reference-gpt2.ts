/** GPT-2 as a naive forward pass over plain arrays: the oracle of its graph. */
import type { TinyModel } from './language-models.ts'

type Row = readonly number[]

export const gelu = {
  /** Hendrycks and Gimpel, arXiv 1606.08415: the approximation by tanh. */
  tanh: (x: number) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  /** x Φ(x), with erf by its series; for |x| < 6. */
  exact: (x: number) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
}

function erf(x: number): number {
  let sum = 0
  let term = x
  for (let n = 0; n < 200; n++) {
    sum += term / (2 * n + 1)
    term *= -(x * x) / (n + 1)
  }
  return Math.abs(x) > 5 ? Math.sign(x) : (2 / Math.sqrt(Math.PI)) * sum
}

export function layerNorm(
  x: Row,
  gain: ArrayLike<number>,
  bias: ArrayLike<number>,
  epsilon: number,
): number[] {
  const mean = x.reduce((sum, value) => sum + value, 0) / x.length
  const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length
  return x.map((value, i) => ((value - mean) / Math.sqrt(variance + epsilon)) * gain[i]! + bias[i]!)
}

export function softmax(scores: Row): number[] {
  const top = Math.max(...scores)
  const shares = scores.map((score) => Math.exp(score - top))
  const total = shares.reduce((sum, share) => sum + share, 0)
  return shares.map((share) => share / total)
}

/** Logits of every token, [tokens, vocabulary]. */
export function gpt2Logits(tiny: TinyModel, tokens: readonly number[]): Float32Array {
  const config = tiny.config as Readonly<Record<string, number>>
  const [width, heads, epsilon] = [config.n_embd!, config.n_head!, config.layer_norm_epsilon!]
  const size = width / heads
  const get = (name: string) => tiny.tensors.get(`transformer.${name}`)!
  const rowOf = (name: string, row: number): number[] => [
    ...get(name).data.subarray(row * width, (row + 1) * width),
  ]
  const conv = (x: Row, name: string): number[] => {
    const [matrix, bias] = [get(`${name}.weight`), get(`${name}.bias`)]
    const outputs = matrix.dims[1]!
    return Array.from({ length: outputs }, (_, o) =>
      x.reduce((sum, value, i) => sum + value * matrix.data[i * outputs + o]!, bias.data[o]!),
    )
  }
  const norm = (x: Row, name: string) =>
    layerNorm(x, get(`${name}.weight`).data, get(`${name}.bias`).data, epsilon)
  const plus = (x: Row, y: Row) => x.map((value, i) => value + y[i]!)

  let states = tokens.map((token, at) => plus(rowOf('wte.weight', token), rowOf('wpe.weight', at)))
  for (let layer = 0; layer < config.n_layer!; layer++) {
    const packed = states.map((state) => conv(norm(state, `h.${layer}.ln_1`), `h.${layer}.attn.c_attn`))
    states = states.map((state, at) => {
      const mixed = Array.from({ length: heads }, (_, head) => {
        const part = (row: Row, which: number) =>
          row.slice(which * width + head * size, which * width + (head + 1) * size)
        const query = part(packed[at]!, 0)
        const seen = packed.slice(0, at + 1)
        const scores = seen.map(
          (row) => part(row, 1).reduce((sum, value, i) => sum + value * query[i]!, 0) / Math.sqrt(size),
        )
        const shares = softmax(scores)
        return query.map((_, i) => seen.reduce((sum, row, k) => sum + shares[k]! * part(row, 2)[i]!, 0))
      }).flat()
      const attended = plus(state, conv(mixed, `h.${layer}.attn.c_proj`))
      const up = conv(norm(attended, `h.${layer}.ln_2`), `h.${layer}.mlp.c_fc`)
      return plus(attended, conv(up.map(gelu.tanh), `h.${layer}.mlp.c_proj`))
    })
  }
  return Float32Array.from(
    states.flatMap((state) => {
      const normed = norm(state, 'ln_f')
      return Array.from({ length: config.vocab_size! }, (_, token) =>
        rowOf('wte.weight', token).reduce((sum, value, i) => sum + value * normed[i]!, 0),
      )
    }),
  )
}
