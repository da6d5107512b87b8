import ort from 'onnxruntime-node'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FLOAT32, INT64 } from '../../../node/compute/onnx/data-types.ts'
import { backward } from '../../../node/compute/training/autodiff/backward.ts'
import { emitModel } from '../../../node/compute/training/autodiff/emit.ts'
import { matmulFlops } from '../../../node/compute/training/autodiff/flops.ts'
import { peakBytes } from '../../../node/compute/training/autodiff/peak-memory.ts'
import { createTape, float32, int64 } from '../../../node/compute/training/autodiff/tape.ts'
import { loadGraphSession } from '../../../node/compute/training/graph-session.ts'
import { throwsCode } from '../../helpers/throws.ts'

const test = suite('autodiff')

test('equal nodes are made once, and what repeats a value or adds zero is not made', () => {
  const tape = createTape()
  const x = tape.input('x', float32([2, 3]))
  const y = tape.add('Exp', [x])
  assert.is(tape.add('Exp', [x]), y)
  assert.is.not(tape.add('Neg', [x]), y)
  const made = tape.nodes.length
  const zero = tape.zeros([2, 3])
  assert.is(tape.add('Add', [x, zero]), x)
  assert.is(tape.add('Add', [zero, x]), x)
  assert.is(tape.add('Sub', [x, tape.zeros([3])]), x)
  assert.is(tape.add('Reshape', [x, tape.integers([-1, 3])]), x)
  assert.is(tape.add('Identity', [x]), x)
  assert.is(tape.add('Cast', [x], { to: { int: FLOAT32 } }), x)
  assert.is(tape.add('Transpose', [x], { perm: { ints: [0, 1] } }), x)
  assert.is(tape.add('Gather', [x, tape.integers([0, 1])]), x)
  assert.ok(tape.isZero(tape.add('MatMul', [x, tape.zeros([3, 4])])))
  assert.is(tape.nodes.length, made)
  // A zero of fewer dims does not repeat the other side where that is made larger.
  const small = tape.input('small', float32([3]))
  assert.equal(tape.dimsOf(tape.add('Add', [small, zero])), [2, 3])
  assert.is(tape.nodes.length, made + 1)
  assert.equal(tape.dimsOf(tape.add('Gather', [x, tape.integers([1, 0])])), [2, 3])
  assert.is(tape.nodes.length, made + 2)
})

test('shapes that a graph computes are known', () => {
  const tape = createTape()
  const x = tape.input('x', float32([2, 6, 4]))
  const shape = tape.add('Shape', [x])
  assert.equal(tape.knownIntegers(shape)!.values, [2, 6, 4])
  const slice = (from: number, to: number) =>
    tape.add('Slice', [shape, tape.integers([from]), tape.integers([to]), tape.integers([0])])
  const length = tape.add('Gather', [shape, tape.integers([1], [])])
  const half = tape.add('Unsqueeze', [tape.add('Div', [length, tape.integers([2], [])]), tape.integers([0])])
  const target = tape.add('Concat', [slice(0, 1), half, tape.integers([-1])], { axis: { int: 0 } })
  assert.equal(tape.knownIntegers(target)!.values, [2, 3, -1])
  assert.equal(tape.dimsOf(tape.add('Reshape', [x, target])), [2, 3, 8])
  const range = tape.add('Range', [tape.integers([1], []), length, tape.integers([2], [])])
  assert.equal(tape.knownIntegers(range)!.values, [1, 3, 5])
  assert.is(tape.nodes.length, 1)
})

test('what cannot be known or does not fit is refused', () => {
  const tape = createTape()
  const x = tape.input('x', float32([2, 3]))
  const data = tape.input('data', int64([2]))
  throwsCode(() => tape.add('Hardmax', [x]), 'TRAIN_OPERATOR_UNSUPPORTED')
  throwsCode(() => tape.add('toString', [x]), 'TRAIN_OPERATOR_UNSUPPORTED')
  for (const [opType, inputs] of [
    ['Reshape', [x, data]],
    ['Reshape', [x, tape.integers([4, -1])]],
    ['Reshape', [x, tape.integers([7])]],
    ['MatMul', [x, x]],
    ['Add', [x, tape.input('y', float32([2, 2]))]],
    ['Squeeze', [x, tape.integers([5])]],
    ['Range', [tape.integers([0], []), tape.integers([2 ** 40], []), tape.integers([1], [])]],
  ] as const)
    throwsCode(() => tape.add(opType, inputs), 'MODEL_UNSUPPORTED')
  let list = tape.integers([1, 2])
  throwsCode(() => {
    for (let doubled = 0; doubled < 40; doubled++)
      list = tape.add('Concat', [list, list], { axis: { int: 0 } })
  }, 'MODEL_UNSUPPORTED')
})

test('a value that is read several times sums what its readers give; what nothing depends on has no gradient', async () => {
  const tape = createTape()
  const x = tape.input('x', float32([2]))
  const other = tape.input('other', float32([2]))
  const product = tape.add('Mul', [x, tape.add('Exp', [x])])
  const y = tape.add('Add', [product, x])
  const gradients = backward(tape, new Map([[y, tape.floats([2], Float32Array.of(1, 2))]]), [x, other])
  assert.is(gradients.get(other), undefined)
  const dx = gradients.get(x)!
  // One value under two names, and an input as an output.
  const shown = new Map([
    ['first', dx],
    ['second', dx],
    ['same', x],
  ])
  const session = await loadGraphSession(emitModel(tape, shown, 17), 1)
  try {
    const results = Object.fromEntries([...shown.keys()].map((name) => [name, new Float32Array(2)]))
    const tensors = Object.entries(results).map(([name, data]) => [
      name,
      new ort.Tensor('float32', data, [2]),
    ])
    const start = Float32Array.of(0.5, -1)
    await session.run({ x: new ort.Tensor('float32', start, [2]) }, Object.fromEntries(tensors))
    for (const [at, value] of start.entries()) {
      const expected = (at + 1) * ((1 + value) * Math.exp(value) + 1)
      assert.ok(Math.abs(results.first![at]! - expected) < 1e-5)
    }
    assert.equal(results.second, results.first)
    assert.equal(results.same, start)
  } finally {
    await session.close()
  }
})

test('the work of products and the memory of values are counted', () => {
  const tape = createTape()
  const a = tape.input('a', float32([5, 4, 3]))
  const b = tape.input('b', float32([3, 2]))
  const product = tape.add('MatMul', [a, b])
  const flat = tape.add('Reshape', [product, tape.integers([20, 2])])
  const exponential = tape.add('Exp', [flat])
  const gram = tape.add('FusedMatMul', [exponential, flat], { transA: { int: 1 } })
  tape.add('MatMul', [gram, gram])
  assert.is(matmulFlops(tape, [gram]), 2 * 40 * 3 + 2 * 4 * 20)
  assert.is(matmulFlops(tape, [flat]), 2 * 40 * 3)
  // The product under both its dims, the exponential, and what is made of them.
  assert.is(peakBytes(tape, [gram]), 4 * (40 + 40 + 4))
  assert.is(peakBytes(tape, [exponential]), 4 * (40 + 40))
  const indices = tape.input('indices', int64([7]))
  const shifted = tape.add('Add', [indices, indices])
  assert.is(tape.typeOf(shifted).elementType, INT64)
  assert.is(peakBytes(tape, [shifted]), 8 * 7)
})

test.run()
