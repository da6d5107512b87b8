import { halfDots } from '../reference/half-dot.ts'

export interface HalfDotKernels {
  /**
   * Fills the first `count` of `dots` with the dot products of the query and the first `count` rows (query.length halves each, as
   * their bits); see reference/half-dot.ts.
   */
  halfDots(rows: Uint16Array, query: Float32Array, count: number, dots: Float64Array): void
}

export interface HalfDotAddon {
  halfDots(
    rows: Uint16Array,
    query: Float32Array,
    dots: Float64Array,
    count: number,
    cols: number,
    level: number,
  ): void
}

export const referenceHalfDot: HalfDotKernels = { halfDots }

export function bindHalfDot(addon: HalfDotAddon, level: number): HalfDotKernels {
  return {
    halfDots(rows, query, count, dots) {
      if (count > 0) addon.halfDots(rows, query, dots, count, query.length, level)
    },
  }
}
