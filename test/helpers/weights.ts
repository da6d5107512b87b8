/** Weights for tests: seeded, so that a failure can be repeated. */
import type { WeightMatrix } from '../../node/compute/codecs/codec.ts'
import { type Kernels, loadKernels, nativeLevels } from '../../node/compute/kernels.ts'

/** Numbers from 0 to 1 (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Normally distributed weights (Box-Muller). */
export function gaussianMatrix(rows: number, cols: number, seed = 1, deviation = 0.02): WeightMatrix {
  const random = seededRandom(seed)
  const data = Float32Array.from({ length: rows * cols }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - random()))
    return deviation * radius * Math.cos(2 * Math.PI * random())
  })
  return { rows, cols, data }
}

export function rowsOf(matrix: WeightMatrix, from: number, to: number): WeightMatrix {
  const { cols, data } = matrix
  return { rows: to - from, cols, data: data.slice(from * cols, to * cols) }
}

/** The plain reference first, then every other way to compute that this machine has. */
export function allKernels(): Kernels[] {
  const levels = nativeLevels()
  if (levels.length === 0) console.log('skipped: native kernels (the addon is not built)')
  return ['typescript', 'wasm', ...levels].map((simd) => loadKernels({ simd }))
}
