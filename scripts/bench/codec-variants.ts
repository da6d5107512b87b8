/** Every codec with the bits that it offers: rows for the benchmarks that loop over all of them. */
import type { Codec, CodecParams } from '../../node/compute/codecs/codec.ts'
import { CODECS } from '../../node/compute/codecs/table.ts'
import { VillageError } from '../../node/errors.ts'

export interface Variant {
  /** `int4`, `trellis 3-bit`. */
  readonly name: string
  readonly codec: Codec
  /** As a job is told them. */
  readonly given: CodecParams
  /** With the defaults filled in. */
  readonly params: CodecParams
}

const BITS = [2, 3, 4]
/** Of codecs that want another parameter with some bits. */
const MORE: readonly CodecParams[] = [{}, { layout: 'residual' }]

function parse(codec: Codec, given: CodecParams): CodecParams | null {
  try {
    return codec.parseParams(codec.needsForce ? { ...given, force: true } : given)
  } catch (error) {
    if (error instanceof VillageError && error.code === 'INVALID_ARGUMENT') return null
    throw error
  }
}

/** Of the named codecs, or of all. */
export function variants(names: readonly string[] | null): Variant[] {
  return CODECS.filter(({ name }) => names === null || names.includes(name)).flatMap((codec): Variant[] => {
    const byBits = BITS.flatMap((bits): Variant[] => {
      for (const more of MORE) {
        const given = { bits, ...more }
        const params = parse(codec, given)
        if (params !== null) return [{ name: `${codec.name} ${bits}-bit`, codec, given, params }]
      }
      return []
    })
    if (byBits.length > 0) return byBits
    return [{ name: codec.name, codec, given: {}, params: parse(codec, {})! }]
  })
}

/** Codecs that a calibration changes nothing for have one line. */
export function calibrationsOf({ codec }: Variant): readonly ('none' | 'auto')[] {
  return codec.aids.some((aid) => aid !== 'codebook') ? ['none', 'auto'] : ['none']
}
