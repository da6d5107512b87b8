/** How much an error of the weights moves the layer's output, over the inputs that the calibration saw. */
import type { WeightMatrix } from '../codecs/codec.ts'
import type { MomentsKernels } from '../kernels/moments.ts'
import type { TensorCalibration } from './calibration-directory.ts'

/**
 * tr(E H Eᵀ) up to a factor that is the calibration's own, H damped; where only the diagonal is known, Σ_j d_j Σ_i e_ij².
 * The ratio of an error's to that of the weights is the share of the output's energy that is lost. Float64 sums in a
 * fixed order: the same number for everybody. INVALID_ARGUMENT is the caller's to throw: the columns must fit.
 */
export function outputEnergy(
  matrix: WeightMatrix,
  calibration: TensorCalibration,
  kernels: MomentsKernels,
): number {
  const { rows, cols, data } = matrix
  const { diagonal, conditional, feedback } = calibration
  if (feedback !== null && conditional !== null)
    return kernels.outputEnergies(data, cols, feedback, conditional).reduce((sum, energy) => sum + energy, 0)
  let energy = 0
  for (let row = 0; row < rows; row++)
    for (let col = 0; col < cols; col++) {
      const value = data[row * cols + col]!
      energy += diagonal[col]! * (value * value)
    }
  return energy
}
