/** What the codecs with block scales share: the exponent that their scales are stored over, and its bounds. */
import { VillageError } from '../../errors.ts'
import type { BlockwiseShape } from '../kernels/blockwise.ts'
import { LARGEST_ADJUSTED } from '../reference/blockwise-in-order.ts'
import { readScale } from '../reference/blockwise-layout.ts'
import type { ParamReader } from './params.ts'
import type { TensorStats } from './tensor-stats.ts'
import { malformed } from './wire.ts'

/** Tensors with their largest weight in this range need no exponent. */
const PLAIN_MAX_ABS = { from: 2 ** -6, to: 2 ** 15 }
const LARGEST_HALF = 65504
/** Leaves room for squares of weights, and for the exponent. */
const LARGEST_SINGLE = 2 ** 27
const MAX_SCALE_EXPONENT = 100
/** 255 times this is still a float32. */
const MAX_SCALE = 2 ** 119

/** The parameter scaleExponent; undefined until fitted. */
export function readScaleExponent(codec: string, reader: ParamReader): number | undefined {
  const scaleExponent = reader.number('scaleExponent', -MAX_SCALE_EXPONENT, MAX_SCALE_EXPONENT)
  if (scaleExponent === undefined) return undefined
  if (!Number.isInteger(scaleExponent))
    throw new VillageError(
      'INVALID_ARGUMENT',
      `The parameter scaleExponent of ${codec} must be a whole number.`,
      { fields: { argument: 'params.scaleExponent' } },
    )
  // Negative zero is zero: one value, one text.
  return scaleExponent + 0
}

/**
 * A power of two that brings tensors with very small or large weights near 1, where scales and squares are
 * exact enough.
 */
export function fitScaleExponent({ maxAbs }: TensorStats): number {
  const isPlain = maxAbs === 0 || (maxAbs >= PLAIN_MAX_ABS.from && maxAbs <= PLAIN_MAX_ABS.to)
  const exponent = isPlain ? 0 : exponentOf(maxAbs)
  return Math.max(-MAX_SCALE_EXPONENT, Math.min(MAX_SCALE_EXPONENT, exponent))
}

function exponentOf(positive: number): number {
  let exponent = 0
  while (2 ** (exponent + 1) <= positive) exponent++
  while (2 ** exponent > positive) exponent--
  return exponent
}

/**
 * Refuses weights whose scales, over so many codes, could not be stored. Feedback moves weights, so it asks for
 * more room.
 */
export function checkScaleRoom(
  codec: string,
  { maxAbs }: TensorStats,
  {
    scaleBytes,
    scaleExponent,
    codes,
    feedback,
  }: Pick<BlockwiseShape, 'scaleBytes' | 'scaleExponent'> & {
    codes: number
    feedback: boolean
  },
): void {
  const unit = 2 ** scaleExponent
  const largestScale = (2 * maxAbs) / (codes - 2)
  const largestStored = scaleBytes === 2 ? LARGEST_HALF : LARGEST_SINGLE
  const fits = largestScale <= Math.min(largestStored * unit, MAX_SCALE / 4)
  if (fits && !(feedback && maxAbs > LARGEST_ADJUSTED * unit)) return
  throw new VillageError('INVALID_ARGUMENT', `The weights are too large for the scales of ${codec}.`, {
    fields: { argument: 'params.scaleExponent', maxAbs },
  })
}

/** Throws CODEC_MALFORMED for a scale that is not finite; a row begins with those of its blocks. */
export function checkScales(payload: Uint8Array, shape: BlockwiseShape, rowBytes: number): void {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  const end = Math.ceil(shape.cols / shape.blockSize) * shape.scaleBytes
  for (let row = 0; row < shape.rows; row++)
    for (let at = 0; at < end; at += shape.scaleBytes)
      // False for NaN as well.
      if (!(Math.abs(readScale(view, row * rowBytes + at, shape)) <= MAX_SCALE))
        throw malformed('a scale is not finite')
}
