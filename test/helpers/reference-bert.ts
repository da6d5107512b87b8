/** Encoders of the BERT family as a naive forward pass over plain arrays: the oracle of their graphs. */
import type { TinyModel } from './language-models.ts'
import { gelu, layerNorm, softmax } from './reference-gpt2.ts'
import { ENCODER_TENSORS, type TinyEncoderFamily } from './tiny-families.ts'

type Row = readonly number[]

/** Vectors of the tokens, [tokens, width]. */
export function encoderStates(
  family: TinyEncoderFamily,
  tiny: TinyModel,
  tokens: readonly number[],
): number[] {
  const config = tiny.config as Readonly<Record<string, number>>
  const width = (config.hidden_size ?? config.dim)!
  const heads = (config.num_attention_heads ?? config.n_heads)!
  const layers = (config.num_hidden_layers ?? config.n_layers)!
  const epsilon = config.layer_norm_eps ?? 1e-12
  const firstPosition = family === 'roberta' ? config.pad_token_id! + 1 : 0
  const size = width / heads
  const names = ENCODER_TENSORS[family]
  const find = (name: string) => tiny.tensors.get(`${names.prefix}${name}`)
  const get = (name: string) => find(name)!.data
  const rowOf = (name: string, row: number): number[] => [
    ...get(`embeddings.${name}.weight`).subarray(row * width, (row + 1) * width),
  ]
  const linear = (x: Row, name: string): number[] => {
    const [matrix, bias] = [get(`${name}.weight`), get(`${name}.bias`)]
    return [...bias].map((start, o) =>
      x.reduce((sum, value, i) => sum + value * matrix[o * x.length + i]!, start),
    )
  }
  const norm = (x: Row, name: string) => layerNorm(x, get(`${name}.weight`), get(`${name}.bias`), epsilon)
  const plus = (...rows: Row[]) => rows[0]!.map((_, i) => rows.reduce((sum, row) => sum + row[i]!, 0))
  const segment =
    find('embeddings.token_type_embeddings.weight') === undefined ? undefined : 'token_type_embeddings'

  let states = tokens.map((token, at) =>
    norm(
      plus(
        rowOf('word_embeddings', token),
        rowOf('position_embeddings', firstPosition + at),
        ...(segment === undefined ? [] : [rowOf(segment, 0)]),
      ),
      'embeddings.LayerNorm',
    ),
  )
  for (let index = 0; index < layers; index++) {
    const layer = `${names.layer}.${index}`
    const project = (name: string) => states.map((state) => linear(state, `${layer}.${name}`))
    const [queries, keys, values] = [project(names.query), project(names.key), project(names.value)]
    states = states.map((state, at) => {
      const mixed = Array.from({ length: heads }, (_, head) => {
        const part = (row: Row) => row.slice(head * size, (head + 1) * size)
        const query = part(queries[at]!)
        const dot = (row: Row) => part(row).reduce((sum, value, i) => sum + value * query[i]!, 0)
        const shares = softmax(keys.map((key) => dot(key) / Math.sqrt(size)))
        return query.map((_, i) => values.reduce((sum, row, k) => sum + shares[k]! * part(row)[i]!, 0))
      }).flat()
      const attended = norm(
        plus(state, linear(mixed, `${layer}.${names.mixed}`)),
        `${layer}.${names.mixedNorm}`,
      )
      const active = linear(attended, `${layer}.${names.up}`).map(gelu.exact)
      return norm(plus(attended, linear(active, `${layer}.${names.down}`)), `${layer}.${names.outputNorm}`)
    })
  }
  return states.flat()
}
