import { addMoments, factorMoments, outputEnergies } from '../reference/moments.ts'

export interface MomentsKernels {
  /** Adds `count` rows' outer products to the upper triangle of `sums` (cols × cols); see reference/moments.ts. */
  addMoments(rows: Float32Array, count: number, cols: number, sums: Float64Array): void
  /** Feedback and conditional weights of second moments, which are destroyed; null where they are not positive definite. */
  factorMoments(
    moments: Float64Array,
    cols: number,
  ): { feedback: Float32Array; conditional: Float64Array } | null
  /** By row of a matrix with `cols` columns the energy of its output; see reference/moments.ts. */
  outputEnergies(
    rows: Float32Array,
    cols: number,
    feedback: Float32Array,
    conditional: Float32Array,
  ): Float64Array
}

export interface MomentsAddon {
  addMoments(rows: Float32Array, sums: Float64Array, count: number, cols: number, level: number): void
  /** Works in the second array (zeros) and fills the two after it; false where the moments are not positive definite. */
  factorMoments(
    moments: Float64Array,
    inverse: Float64Array,
    feedback: Float32Array,
    conditional: Float64Array,
    cols: number,
    level: number,
  ): boolean
  /** Fills the energies. */
  outputEnergies(
    rows: Float32Array,
    feedback: Float32Array,
    conditional: Float32Array,
    energies: Float64Array,
    count: number,
    cols: number,
    level: number,
  ): void
}

export const referenceMoments: MomentsKernels = { addMoments, factorMoments, outputEnergies }

export function bindMoments(addon: MomentsAddon, level: number): MomentsKernels {
  return {
    addMoments(rows, count, cols, sums) {
      addon.addMoments(rows, sums, count, cols, level)
    },
    factorMoments(moments, cols) {
      const feedback = new Float32Array(cols * cols)
      const conditional = new Float64Array(cols)
      const inverse = new Float64Array(cols * cols)
      return addon.factorMoments(moments, inverse, feedback, conditional, cols, level)
        ? { feedback, conditional }
        : null
    },
    outputEnergies(rows, cols, feedback, conditional) {
      const count = rows.length / cols
      const energies = new Float64Array(count)
      addon.outputEnergies(rows, feedback, conditional, energies, count, cols, level)
      return energies
    },
  }
}
