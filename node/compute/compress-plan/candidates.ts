/** What `auto` chooses from: for each codec that suits ordinary weights, the parameters worth trying. */
import type { JsonObject } from '../../json.ts'
import { codecByName } from '../codecs/table.ts'

export interface Candidate extends JsonObject {
  readonly codec: string
  readonly params: JsonObject
}

/**
 * `vptq` is not among them: its codebooks are trained for like tensors together, so that the cost and the loss of one
 * tensor depend on what the others choose. A tensor can be given to it by name.
 */
const CANDIDATES: readonly Candidate[] = [
  { codec: 'trellis', params: { bits: 2 } },
  { codec: 'trellis', params: { bits: 3 } },
  { codec: 'seedlm', params: { bits: 3 } },
  { codec: 'trellis', params: { bits: 4 } },
  { codec: 'seedlm', params: { bits: 4 } },
  { codec: 'int4', params: { blockSize: 128 } },
  { codec: 'int4', params: { blockSize: 32 } },
  { codec: 'int8', params: { blockSize: 128 } },
]

/** Natively ternary weights lose nothing in theirs, and no other is smaller at that. */
const TERNARY: readonly Candidate[] = [{ codec: 'ternary', params: {} }]

/** The candidate whose effect on the model's outputs is measured: fast, and of about the error that most tensors get. */
export const REFERENCE: Candidate = { codec: 'int4', params: { blockSize: 32 } }

export function candidatesFor(weight: { readonly ternary: boolean }): readonly Candidate[] {
  const candidates = weight.ternary ? TERNARY : CANDIDATES
  return candidates.map(({ codec, params }) => ({ codec, params: codecByName(codec).parseParams(params) }))
}
