/** The spread of a cloud of points over its directions. */
import type { MomentsKernels } from '../../compute/kernels/moments.ts'
import type { Points } from './nearest-neighbours.ts'
import { type PrincipalDimensions, principalDimensions } from './spectral-measures.ts'
import { spectrumOf } from './spectrum.ts'

/** A spread of a smaller share of the squares than float32 can tell from none. */
const ROUNDING = 1e-12

/** Of the covariance of the points (PCA). Clouds with more than MAX_SIDE points and dimensions give the largest directions only: null. */
export async function principalDimensionsOf(
  { values, count, dims }: Points,
  kernels: Pick<MomentsKernels, 'addMoments'>,
  pause: () => Promise<void>,
): Promise<PrincipalDimensions | null> {
  const means = new Float64Array(dims)
  for (let at = 0; at < values.length; at++) means[at % dims]! += values[at]!
  means.forEach((sum, at) => {
    means[at] = sum / count
  })
  const centred = Float32Array.from(values, (value, at) => value - means[at % dims]!)
  const reader = {
    rows: count,
    cols: dims,
    read: (start: number, rows: number) => centred.subarray(start * dims, (start + rows) * dims),
  }
  const { squares, frobeniusSquare, isComplete } = await spectrumOf(reader, kernels, pause)
  if (!isComplete) return null
  let size = 0
  for (let at = 0; at < values.length; at++) size += values[at]! ** 2
  return principalDimensions(frobeniusSquare > ROUNDING * size ? squares : [])
}
