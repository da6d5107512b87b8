/**
 * What compression loses of an update is added to the next one (Seide et al., Interspeech 2014; Karimireddy et al.,
 * arXiv 1901.09847, algorithm 2): without it top-k never sends small values, however long they add up.
 */
import { type CounterRandom, counterRandom, streamOf } from '../../compute/training/philox.ts'
import { decodeUpdate, encodeUpdate, type UpdateCompression } from './update-codec.ts'

export interface CompressedUpdate {
  readonly bytes: Uint8Array
  /** What the receiver will see. */
  readonly seen: Float32Array
  /** What is left to be sent; it counts only once the receiver has used the update. */
  readonly residual: Float32Array
}

/** `residual`: what was left the last time that counted; null for none. Throws UPDATE_MALFORMED. */
export function compressUpdate(
  delta: Float32Array,
  compression: UpdateCompression,
  residual: Float32Array | null,
  random: CounterRandom,
): CompressedUpdate {
  const wanted = delta.map((value, i) => value + (residual?.[i] ?? 0))
  const bytes = encodeUpdate(wanted, compression, random)
  const seen = decodeUpdate(bytes, compression.codec, delta.length)
  return { bytes, seen, residual: wanted.map((value, i) => value - seen[i]!) }
}

/** The random numbers of one client's update of one round: an update that is made again has the same bytes. */
export function updateRandom(at: { federation: string; round: number; client: string }): CounterRandom {
  return counterRandom(streamOf(`${at.federation}/${at.client}`), at.round)
}
