/**
 * The logits of a Llama-like decoder by a forward pass written for clearness: the oracle of the graphs that the builder makes.
 * It knows nothing of them. Weights lie as trainers write them ([outputs, inputs] under Hugging Face's names); values are
 * float32 between the steps, sums float64. It takes tokens × parameters multiplications: for tests and small models.
 */

export interface ReferenceConfig {
  readonly width: number
  readonly hidden: number
  readonly layers: number
  readonly heads: number
  readonly keyValueHeads: number
  readonly headSize: number
  readonly vocabulary: number
  readonly epsilon: number
  /** Radians by position of each pair of features of a head: headSize / 2 numbers. */
  readonly frequencies: ArrayLike<number>
  /** Which features turn together: 2i with 2i + 1 (llama2.c), or i with i + headSize / 2 (Hugging Face). */
  readonly pairs: 'adjacent' | 'half'
  /** By layer how many of the last tokens are seen, this one among them; all where absent or null. */
  readonly windows?: readonly (number | null)[]
}

/** A weight by name; undefined for what the model does not have: biases, norms of heads (Qwen3), a head of its own. */
export type ReferenceWeights = (name: string) => Float32Array | undefined

/** θ^(−2i/headSize), i = 0 … headSize/2 − 1 (Su et al., arXiv 2104.09864, section 3.2.2). */
export function plainFrequencies(headSize: number, theta: number): Float64Array {
  return Float64Array.from({ length: headSize / 2 }, (_, pair) => theta ** ((-2 * pair) / headSize))
}

function need(weights: ReferenceWeights, name: string): Float32Array {
  const weight = weights(name)
  if (weight === undefined) throw new RangeError(`The reference model lacks "${name}"`)
  return weight
}

/** y = x / √(mean(x²) + ε) · g (Zhang and Sennrich, arXiv 1910.07467, equation 4). */
function rmsNorm(x: Float32Array, gain: Float32Array, epsilon: number): Float32Array {
  let squares = 0
  for (const value of x) squares += value * value
  const scale = 1 / Math.sqrt(squares / x.length + epsilon)
  return x.map((value, i) => value * scale * gain[i]!)
}

/** W x + b, W [outputs, inputs]. */
function linear(x: Float32Array, weights: ReferenceWeights, name: string): Float32Array {
  const matrix = need(weights, `${name}.weight`)
  const bias = weights(`${name}.bias`)
  const inputs = x.length
  return Float32Array.from({ length: matrix.length / inputs }, (_, row) => {
    let sum = bias?.[row] ?? 0
    for (let i = 0; i < inputs; i++) sum += matrix[row * inputs + i]! * x[i]!
    return sum
  })
}

/** Turns every head of `x` by its position. */
function rotate(x: Float32Array, position: number, config: ReferenceConfig): void {
  const { headSize, frequencies, pairs } = config
  for (let head = 0; head < x.length; head += headSize)
    for (let pair = 0; pair < headSize / 2; pair++) {
      const [a, b] =
        pairs === 'adjacent'
          ? [head + 2 * pair, head + 2 * pair + 1]
          : [head + pair, head + pair + headSize / 2]
      const angle = position * frequencies[pair]!
      const [u, v] = [x[a]!, x[b]!]
      x[a] = u * Math.cos(angle) - v * Math.sin(angle)
      x[b] = u * Math.sin(angle) + v * Math.cos(angle)
    }
}

/** An RMS norm of each head, where the model has one. */
function normHeads(x: Float32Array, gain: Float32Array | undefined, config: ReferenceConfig): Float32Array {
  if (gain === undefined) return x
  const out = new Float32Array(x.length)
  for (let at = 0; at < x.length; at += config.headSize)
    out.set(rmsNorm(x.subarray(at, at + config.headSize), gain, config.epsilon), at)
  return out
}

/** softmax(q kᵀ / √headSize) v over the tokens so far, each query head with its group's keys. */
function attend(
  query: Float32Array,
  keys: readonly Float32Array[],
  values: readonly Float32Array[],
  config: ReferenceConfig,
  window: number | null,
): Float32Array {
  const { heads, keyValueHeads, headSize } = config
  const first = window === null ? 0 : Math.max(0, keys.length - window)
  const out = new Float32Array(heads * headSize)
  for (let head = 0; head < heads; head++) {
    const from = Math.floor((head * keyValueHeads) / heads) * headSize
    const scores = keys.slice(first).map((key) => {
      let dot = 0
      for (let i = 0; i < headSize; i++) dot += query[head * headSize + i]! * key[from + i]!
      return dot / Math.sqrt(headSize)
    })
    const top = Math.max(...scores)
    const shares = scores.map((score) => Math.exp(score - top))
    const total = shares.reduce((sum, share) => sum + share, 0)
    for (let i = 0; i < headSize; i++) {
      let sum = 0
      for (const [at, share] of shares.entries()) sum += share * values[first + at]![from + i]!
      out[head * headSize + i] = sum / total
    }
  }
  return out
}

const add = (x: Float32Array, y: Float32Array): Float32Array => x.map((value, i) => value + y[i]!)

/**
 * Logits of every token, [tokens, vocabulary]. The head is `lm_head.weight`, or the table of the embedding where there is none.
 */
export function llamaLogits(
  weights: ReferenceWeights,
  config: ReferenceConfig,
  tokens: readonly number[],
): Float32Array {
  const { width, layers, epsilon, vocabulary } = config
  const table = need(weights, 'model.embed_tokens.weight')
  for (const token of tokens)
    if (!(token >= 0 && token < vocabulary)) throw new RangeError(`There is no token ${token}`)
  let states: Float32Array[] = tokens.map((token) => table.slice(token * width, (token + 1) * width))
  for (let layer = 0; layer < layers; layer++) {
    const name = `model.layers.${layer}`
    const norm = (x: Float32Array, which: string) =>
      rmsNorm(x, need(weights, `${name}.${which}.weight`), epsilon)
    const keys: Float32Array[] = []
    const values: Float32Array[] = []
    states = states.map((state, position) => {
      const normed = norm(state, 'input_layernorm')
      const project = (part: string) => linear(normed, weights, `${name}.self_attn.${part}_proj`)
      const query = normHeads(project('q'), weights(`${name}.self_attn.q_norm.weight`), config)
      const key = normHeads(project('k'), weights(`${name}.self_attn.k_norm.weight`), config)
      rotate(query, position, config)
      rotate(key, position, config)
      keys.push(key)
      values.push(project('v'))
      const mixed = attend(query, keys, values, config, config.windows?.[layer] ?? null)
      const attended = add(state, linear(mixed, weights, `${name}.self_attn.o_proj`))
      const inner = norm(attended, 'post_attention_layernorm')
      const gate = linear(inner, weights, `${name}.mlp.gate_proj`)
      const up = linear(inner, weights, `${name}.mlp.up_proj`)
      // SwiGLU (Shazeer, arXiv 2002.05202, equation 6).
      const gated = gate.map((value, i) => (value / (1 + Math.exp(-value))) * up[i]!)
      return add(attended, linear(gated, weights, `${name}.mlp.down_proj`))
    })
  }
  const head = weights('lm_head.weight') === undefined ? 'model.embed_tokens' : 'lm_head'
  const logits = new Float32Array(tokens.length * vocabulary)
  for (const [at, state] of states.entries())
    logits.set(
      linear(rmsNorm(state, need(weights, 'model.norm.weight'), epsilon), weights, head),
      at * vocabulary,
    )
  return logits
}
