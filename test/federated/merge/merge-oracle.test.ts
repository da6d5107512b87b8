/** The oracle itself, on numbers worked by hand. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { largestDifference } from '../../helpers/differences.ts'
import type { OracleInput } from '../../helpers/merge-oracle/input.ts'
import { ORACLE } from '../../helpers/merge-oracle/oracle.ts'

function gives(method: string, input: Partial<OracleInput>, expected: readonly number[]): void {
  const tensors = input.tensors ?? []
  const merged = ORACLE[method]!({ dims: [tensors[0]!.length], base: null, ...input, tensors })
  assert.ok(largestDifference(merged, expected) < 1e-12, `${method}: ${[...merged]}`)
}
const zeros = new Float32Array(4)
const f32 = (...values: number[]) => Float32Array.from(values)

test('means are divided by the weights, task vectors are not', () => {
  const tensors = [f32(1, 2), f32(5, 10)]
  gives('linear', { tensors, weights: [3, 1] }, [2, 4])
  gives('linear', { tensors, weights: [3, 1], options: { normalize: false } }, [8, 16])
  gives('task_arithmetic', { tensors, base: f32(1, 1), weights: [3, 1], options: { lambda: 0.5 } }, [3, 7])
  gives('passthrough', { tensors: [f32(4)], options: { scale: 0.25 } }, [1])
})

test('TIES trims, elects the sign by mass and averages those that agree', () => {
  const tensors = [f32(4, -3, 1, 2), f32(2, 4, 3, -6)]
  // Kept at density ½ (by magnitude within each): [4, −3, 0, 0] and [0, 4, 0, −6].
  gives('ties', { tensors, base: zeros, densities: [0.5, 0.5] }, [4, 4, 0, -6])
  gives('ties', { tensors, base: zeros }, [3, 4, 2, -6])
  gives('ties', { tensors, base: zeros, options: { normalize: false } }, [6, 4, 4, -6])
})

test('what is dropped at random is made up for by the density', () => {
  const tensors = [f32(1, 2, 3, 4)]
  const uniforms = [[0.1, 0.6, 0.4, 0.9]]
  gives('dare_linear', { tensors, base: zeros, densities: [0.5], uniforms }, [2, 0, 6, 0])
  // Ranks 0 to 3 of the row keep with 0.2, 0.4, 0.6, 0.8.
  gives('della_linear', { tensors, base: zeros, densities: [0.5], uniforms, options: { epsilons: [0.3] } }, [
    1 / 0.2,
    0,
    3 / 0.6,
    0,
  ])
})

test('breadcrumbs drop both ends, and fewer of the largest where the density asks for it', () => {
  const tensors = [f32(1, -4, 3, 2)]
  const breadcrumbs = (density: number, gamma: number): Partial<OracleInput> => ({
    tensors,
    base: zeros,
    densities: [density],
    options: { gammas: [gamma] },
  })
  gives('breadcrumbs', breadcrumbs(0.5, 0.25), [0, 0, 3, 2])
  gives('breadcrumbs', breadcrumbs(0.75, 0.5), [1, 0, 3, 2])
})

test('spheres: half way between two axes, and the mean of three', () => {
  const half = Math.SQRT1_2
  gives('slerp', { tensors: [f32(1, 0), f32(0, 1)], options: { t: 0.5 } }, [half, half])
  gives('nuslerp', { tensors: [f32(1, 0), f32(0, 1)], weights: [1, 2] }, [
    Math.sin(Math.PI / 6),
    Math.sin(Math.PI / 3),
  ])
  gives('slerp', { tensors: [f32(1, 0), f32(3, 0)], options: { t: 0.25 } }, [1.5, 0])
  const third = 2 / Math.sqrt(3)
  gives('karcher', { tensors: [f32(2, 0, 0), f32(0, 3, 0), f32(0, 0, 1)], options: { tol: 1e-15 } }, [
    third,
    third,
    third,
  ])
})

test('model stock goes home for right angles and to the mean for none', () => {
  gives('model_stock', { tensors: [f32(2, 0), f32(0, 2)], base: f32(0, 0) }, [0, 0])
  gives('model_stock', { tensors: [f32(2, 2), f32(4, 4)], base: f32(0, 0) }, [3, 3])
  // cos 60° = ½: t = 2·½/(1 + ½) = ⅔ of the mean.
  const tensors = [f32(2, 0, 0, 0), f32(1, 1, 1, 1)]
  gives('model_stock', { tensors, base: zeros }, [1, 1 / 3, 1 / 3, 1 / 3])
})

test('SCE weighs by energy what varies and agrees', () => {
  // Variances 0, 4, 1, 0; half of the two that vary is the second place: energies 16 and 0 there.
  const tensors = [f32(1, 4, 2, 0), f32(1, 0, 0, 0)]
  gives('sce', { tensors, base: zeros, options: { selectTopk: 0.5 } }, [0, 4, 0, 0])
  // All places: energies 9 + 1 = 10 and 1 + 4 = 5; the second place elects −.
  gives('sce', { tensors: [f32(3, 1), f32(1, -2)], base: f32(0, 0) }, [(3 * 2 + 1) / 3, -2])
})

test.run()
