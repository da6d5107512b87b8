/** Clouds of points whose dimension is known, and small matrices, the same in every run. */
import { normalOfWord } from '../../../node/compute/training/normal.ts'
import { counterRandom } from '../../../node/compute/training/philox.ts'
import type { Points } from '../../../node/federated/geometry/nearest-neighbours.ts'

export interface Draw {
  uniform(): number
  normal(): number
}

export function draws(seed: number): Draw {
  const random = counterRandom(seed, 77)
  let at = 0
  return {
    uniform: () => (random.word(at++) + 0.5) / 2 ** 32,
    normal: () => normalOfWord(random.word(at++)),
  }
}

/** By name, one point of so many dimensions. */
export const SHAPES: Readonly<Record<string, (dims: number, draw: Draw) => number[]>> = {
  cube: (dims, { uniform }) => Array.from({ length: dims }, uniform),
  normal: (dims, { normal }) => Array.from({ length: dims }, normal),
  sphere(dims, { normal }) {
    const point = Array.from({ length: dims + 1 }, normal)
    const length = Math.hypot(...point)
    return point.map((value) => value / length)
  },
}

/** Points of a shape, laid at random angles into a space of `ambient` dimensions. */
export function cloud(shape: string, dims: number, count: number, seed: number, ambient?: number): Points {
  const draw = draws(seed)
  const rows = Array.from({ length: count }, () => SHAPES[shape]!(dims, draw))
  const inner = rows[0]!.length
  if (ambient === undefined) return { values: Float32Array.from(rows.flat()), count, dims: inner }
  const map = Array.from({ length: inner * ambient }, () => draw.normal() / Math.sqrt(ambient))
  const values = new Float32Array(count * ambient)
  rows.forEach((row, at) => {
    for (let to = 0; to < ambient; to++)
      values[at * ambient + to] = row.reduce((sum, value, from) => sum + value * map[from * ambient + to]!, 0)
  })
  return { values, count, dims: ambient }
}

export function normals(length: number, seed: number): Float32Array {
  const draw = draws(seed)
  return Float32Array.from({ length }, draw.normal)
}
