/**
 * Which genes speak for which tensors: the blocks of a model in stretches of equal length, what attends and what computes in a block
 * together or apart, and one group for what stands outside of the blocks (embeddings, last norm, head).
 */
import type { JsonObject } from '../../json.ts'

export interface LayerGroups extends JsonObject {
  /** Blocks of the model. */
  readonly layers: number
  /** Stretches that they are cut into, at most `layers`. */
  readonly groups: number
  /** Whether attention and feed-forward layers of a stretch have genes of their own. */
  readonly split: boolean
}

/** `model.layers.3.…` of the Llama family, `transformer.h.3.…` of GPT-2, `encoder.layer.3.…` and `layer3.…` of encoders. */
const BLOCK = /(?:^|[./])(?:layers?|h|blocks?)[./_]?(\d+)[./]/
const ATTENTION = /attn|attention/

export const groupCount = ({ groups, split }: LayerGroups): number => 1 + groups * (split ? 2 : 1)

/** Group of a tensor by its name: 0 outside of the blocks, then in the order of the blocks, attention first. */
export function groupOf(tensor: string, { layers, groups, split }: LayerGroups): number {
  const found = BLOCK.exec(tensor)
  if (found === null) return 0
  const layer = Math.min(Number(found[1]), layers - 1)
  const stretch = Math.floor((layer * groups) / layers)
  if (!split) return 1 + stretch
  return 1 + 2 * stretch + (ATTENTION.test(tensor) ? 0 : 1)
}
