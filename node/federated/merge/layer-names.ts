/** Which layer a tensor belongs to, by its name: `model.layers.3.mlp.up_proj.weight`, `transformer.h.3.ln_1.bias`, `encoder.layer.3.…`. */

const LAYER = /^(.*?(?:^|\.)(?:layers|layer|blocks|block|h))\.(\d+)\.(.*)$/

export interface LayerName {
  readonly stack: string
  readonly layer: number
  readonly rest: string
}

/** Null for what is outside the layers: embeddings, the last norm, the head. */
export function layerOf(name: string): LayerName | null {
  const found = LAYER.exec(name)
  return found === null ? null : { stack: found[1]!, layer: Number(found[2]), rest: found[3]! }
}

export const nameInLayer = ({ stack, rest }: LayerName, layer: number): string => `${stack}.${layer}.${rest}`

/** Token and position tables, whatever comes before the first layer. */
const BEFORE = /(^|\.)(embed_tokens|wte|wpe|embeddings?|word_embeddings|position_embeddings)(\.|$)/

/** Rows by token: what changes with the tokenizer. */
const BY_TOKEN = /(^|\.)(embed_tokens|wte|word_embeddings|lm_head)\.weight$/

export const isBeforeLayers = (name: string): boolean => BEFORE.test(name)
export const isByToken = (name: string): boolean => BY_TOKEN.test(name)

export function layersOf(names: Iterable<string>): number {
  let layers = 0
  for (const name of names) layers = Math.max(layers, (layerOf(name)?.layer ?? -1) + 1)
  return layers
}
