/** SeedLM checked against a plain reading of arXiv 2410.10714: no shared tables, no shifts, no whitening. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { codecByName } from '../../../node/compute/codecs/table.ts'
import { readSlice } from '../../../node/compute/codecs/wire.ts'
import { loadKernels } from '../../../node/compute/kernels.ts'
import { gaussianMatrix } from '../../helpers/weights.ts'

const kernels = loadKernels()
const seedlm = codecByName('seedlm')
const C = 8
const P = 3

/** U(seed): the states of the register from the seed on, row by row. */
function basis(seed: number): number[] {
  const entries: number[] = []
  for (let state = seed; entries.length < C * P; ) {
    entries.push((state - 2 ** 15) / (2 ** 15 - 1))
    const bit = (tap: number) => (state >> tap) & 1
    state = (state >> 1) + ((bit(0) + bit(1) + bit(3) + bit(12)) % 2) * 2 ** 15
  }
  return entries
}

function solve3(a: number[][], b: number[]): number[] | null {
  const det = (m: number[][]) =>
    m[0]![0]! * (m[1]![1]! * m[2]![2]! - m[1]![2]! * m[2]![1]!) -
    m[0]![1]! * (m[1]![0]! * m[2]![2]! - m[1]![2]! * m[2]![0]!) +
    m[0]![2]! * (m[1]![0]! * m[2]![1]! - m[1]![1]! * m[2]![0]!)
  const whole = det(a)
  if (Math.abs(whole) < 1e-9) return null
  return [0, 1, 2].map((col) => det(a.map((row, i) => row.map((x, j) => (j === col ? b[i]! : x)))) / whole)
}

/** The least error that any seed leaves when its least-squares coefficients are rounded one by one. */
function bestByRounding(weights: number[]): number {
  let best = Infinity
  for (let seed = 1; seed < 65536; seed++) {
    const u = basis(seed)
    const column = (p: number) => weights.map((_, c) => u[c * P + p]!)
    const dot = (x: number[], y: number[]) => x.reduce((sum, value, i) => sum + value * y[i]!, 0)
    const columns = [0, 1, 2].map(column)
    const t = solve3(
      columns.map((x) => columns.map((y) => dot(x, y))),
      columns.map((x) => dot(x, weights)),
    )
    if (t === null) continue
    const exponent = Math.max(-8, Math.min(7, Math.ceil(Math.log2(Math.max(...t.map(Math.abs)) / 7.5))))
    const q = t.map((value) => Math.max(-8, Math.min(7, Math.round(value / 2 ** exponent))))
    const error = weights.reduce((sum, weight, c) => {
      const value = q.reduce((total, code, p) => total + u[c * P + p]! * code, 0) * 2 ** exponent
      return sum + (weight - value) ** 2
    }, 0)
    if (error < best) best = error
  }
  return best
}

const matrix = gaussianMatrix(1, C * 5, 31)
const packed = seedlm.encode(matrix, {}, kernels)
const { payload, params } = readSlice(packed)
const scale = params.scale as number

test('decodes as the paper says', () => {
  const decoded = seedlm.decode(packed, kernels).data
  for (let block = 0; block < 5; block++) {
    const u = basis(payload[block * 2]! + payload[block * 2 + 1]! * 256)
    const nibble = (i: number) => ((payload[10 + ((block * 4 + i) >> 1)]! >> (i % 2 === 0 ? 0 : 4)) & 15) - 8
    for (let c = 0; c < C; c++) {
      const sum = [0, 1, 2].reduce((total, p) => total + u[c * P + p]! * nibble(p + 1), 0)
      const expected = scale * 2 ** nibble(0) * sum
      assert.ok(
        Math.abs(decoded[block * C + c]! - expected) <= 1e-6 * scale * 64,
        `block ${block}, weight ${c}`,
      )
    }
  }
})

test('finds what a plain search over every seed finds', () => {
  const decoded = seedlm.decode(packed, kernels).data
  let ours = 0
  let plain = 0
  for (let block = 0; block < 5; block++) {
    const weights = Array.from(matrix.data.subarray(block * C, (block + 1) * C), (weight) => weight / scale)
    weights.forEach((weight, c) => {
      ours += (weight - decoded[block * C + c]! / scale) ** 2
    })
    plain += bestByRounding(weights)
  }
  assert.ok(ours <= plain, `error ${ours} where the plain search leaves ${plain}`)
})

test.run()
