/** A model of a few matrices that can be run, with outliers in some columns and, if wanted, ternary weights. */
import { INT64 } from '../../node/compute/onnx/data-types.ts'
import { float32Tensor } from '../../node/compute/onnx/encode.ts'
import { createGraphBuilder } from '../../node/compute/onnx/write.ts'
import { floats, noise, writeGraph } from '../compute/onnx/small-models.ts'

export const FEATURES = 64

/**
 * x [n, 64] → MatMul → Relu → MatMul → Relu → MatMul → out [n, 8], or with `classes` the index of its largest [n, 1].
 * Weights: first, second, third.
 */
export function writeLayeredModel(path: string, init: { ternary?: boolean; classes?: boolean } = {}): void {
  const graph = createGraphBuilder()
  const weight = (name: string, rows: number, cols: number, seed: number) => {
    const values = noise(rows * cols, seed).map(
      (value, at) => (at % cols === 3 ? value * 6 : value) / Math.sqrt(rows),
    )
    return graph.tensor(float32Tensor(name, [rows, cols], values))
  }
  const ternary = noise(128 * 96, 5).map((value) => (value > 0.2 ? 0.05 : value < -0.2 ? -0.05 : 0))
  const first = graph.add('Relu', [graph.add('MatMul', ['x', weight('first', FEATURES, 128, 1)])])
  const middle =
    init.ternary === true
      ? graph.tensor(float32Tensor('second', [128, 96], ternary))
      : weight('second', 128, 96, 2)
  const second = graph.add('Relu', [graph.add('MatMul', [first, middle])])
  const classes = init.classes === true
  const scores = graph.add('MatMul', [second, weight('third', 96, 8, 3)], {}, classes ? 'scores' : 'out')
  if (classes) graph.add('ArgMax', [scores], { axis: { int: 1 }, keepdims: { int: 1 } }, 'out')
  const output = classes ? { name: 'out', elementType: INT64, dims: ['n', 1] } : floats('out', ['n', 8])
  writeGraph(path, graph, { inputs: [floats('x', ['n', FEATURES])], outputs: [output] })
}

/** Items of calibration data for it, one a line: activations that differ in size from feature to feature. */
export function layeredItems(items: number): string {
  return Array.from({ length: items }, (_, item) => {
    const x = noise(FEATURES * 4, item + 100).map((value, at) => value * (at % FEATURES === 5 ? 8 : 1))
    return JSON.stringify({ x: { dims: [4, FEATURES], data: [...x] } })
  }).join('\n')
}
