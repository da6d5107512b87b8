import { arcFactors, combine, cosineOf } from '../arc.ts'
import { baseOf } from '../task-vectors.ts'
import { type MergeMethod, numberOf } from './method.ts'

/** Nearer to one line than this, the arc is as good as straight, and its sine too small to divide by. */
const COLINEAR = 0.9995

/**
 * From the base (t = 0) to the other model (t = 1) along the arc between the directions of the two tensors, each taken as one vector. The
 * tensors themselves are combined, not their directions, as everybody does.
 */
export const slerp: MergeMethod = {
  name: 'slerp',
  title: 'Spherical interpolation',
  source: 'Shoemake, Animating rotation with quaternion curves, SIGGRAPH 1985',
  base: 'required',
  models: { min: 1, max: 1 },
  byModel: {},
  global: {
    t: {
      kind: 'number',
      absent: null,
      min: 0,
      max: 1,
      doc: 'Share of the way from the base to the other model.',
    },
  },
  merge(input) {
    const ends = [baseOf(input), input.read(0)] as const
    const whole = { start: 0, stride: 1, count: ends[0].length }
    const factors = arcFactors(cosineOf(...ends, whole), numberOf(input, 't'), (c) => Math.abs(c) > COLINEAR)
    const target = new Float32Array(whole.count)
    combine(ends, factors, whole, target)
    return target
  },
}
