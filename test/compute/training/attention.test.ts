import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ort from 'onnxruntime-node'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FLOAT32, INT32 } from '../../../node/compute/onnx/data-types.ts'
import { float32Tensor } from '../../../node/compute/onnx/encode.ts'
import { writeModel } from '../../../node/compute/onnx/write.ts'
import { groupQueryAttention } from '../../../node/compute/training/autodiff/attention.ts'
import { backward } from '../../../node/compute/training/autodiff/backward.ts'
import { emitModel } from '../../../node/compute/training/autodiff/emit.ts'
import { matmulFlops } from '../../../node/compute/training/autodiff/flops.ts'
import { createTape, float32 } from '../../../node/compute/training/autodiff/tape.ts'
import { loadGraphSession } from '../../../node/compute/training/graph-session.ts'
import type { Attributes } from '../../../node/compute/training/operators/operator.ts'
import { spread } from '../../../scripts/bench/gradient-check.ts'
import { throwsCode } from '../../helpers/throws.ts'

const test = suite('training attention')

const [BATCH, LENGTH, HEADS, KEY_HEADS, SIZE] = [2, 11, 4, 2, 16]
const CACHE = [BATCH, KEY_HEADS, LENGTH, SIZE]
const WIDTHS = { query: HEADS * SIZE, key: KEY_HEADS * SIZE, value: KEY_HEADS * SIZE }
const NAMES = ['query', 'key', 'value'] as const
const dimsOf = (name: (typeof NAMES)[number]) => [BATCH, LENGTH, WIDTHS[name]]
const DATA = new Map(NAMES.map((name, at) => [name, spread(BATCH * LENGTH * WIDTHS[name], at + 1)]))
const ANGLES = [Math.cos, Math.sin].map((fn) =>
  Float32Array.from({ length: (LENGTH * SIZE) / 2 }, (_, at) =>
    fn(Math.floor(at / 8) * 10 ** (-(at % 8) / 4)),
  ),
)
const HEADS_OF = { num_heads: { int: HEADS }, kv_num_heads: { int: KEY_HEADS } }

const FORMS: readonly (readonly [string, Attributes])[] = [
  ['causal', HEADS_OF],
  ['rotary', { ...HEADS_OF, do_rotary: { int: 1 } }],
  ['interleaved', { ...HEADS_OF, do_rotary: { int: 1 }, rotary_interleaved: { int: 1 } }],
  ['a window of 4', { ...HEADS_OF, do_rotary: { int: 1 }, local_window_size: { int: 4 } }],
  ['a scale and a cap', { ...HEADS_OF, scale: { float: 0.4 }, softcap: { float: 2 } }],
]

const tensor = (data: Float32Array, dims: readonly number[]) => new ort.Tensor('float32', data, [...dims])
const feeds = () => Object.fromEntries(NAMES.map((name) => [name, tensor(DATA.get(name)!, dimsOf(name))]))

/** By onnxruntime's own operator. */
async function byTheOperator(attributes: Attributes): Promise<Float32Array> {
  const directory = mkdtempSync(join(tmpdir(), 'village-attention-test-'))
  const path = join(directory, 'attention.onnx')
  const cache = (name: string) => ({ name, elementType: FLOAT32, dims: CACHE })
  const isRotary = attributes.do_rotary !== undefined
  const tables = isRotary ? ['cos', 'sin'] : []
  writeModel(path, {
    irVersion: 8,
    producer: 'test',
    opsets: [
      { domain: '', version: 17 },
      { domain: 'com.microsoft', version: 1 },
    ],
    graphName: 'attention',
    nodes: [
      {
        opType: 'GroupQueryAttention',
        domain: 'com.microsoft',
        inputs: [...NAMES, 'past_key', 'past_value', 'lengths', 'total', ...tables],
        outputs: ['output', 'present_key', 'present_value'],
        attributes,
      },
    ],
    inputs: [
      ...NAMES.map((name) => ({ name, elementType: FLOAT32, dims: dimsOf(name) })),
      cache('past_key'),
      cache('past_value'),
      { name: 'lengths', elementType: INT32, dims: [BATCH] },
      { name: 'total', elementType: INT32, dims: [] },
    ],
    outputs: [
      { name: 'output', elementType: FLOAT32, dims: dimsOf('query') },
      cache('present_key'),
      cache('present_value'),
    ],
    initializers: tables.map((name, at) => float32Tensor(name, [LENGTH, SIZE / 2], ANGLES[at]!)),
  })
  const session = await ort.InferenceSession.create(path, { intraOpNumThreads: 1, logSeverityLevel: 4 })
  try {
    const empty = () => tensor(new Float32Array(CACHE.reduce((total, dim) => total * dim, 1)), CACHE)
    const { output } = await session.run({
      ...feeds(),
      past_key: empty(),
      past_value: empty(),
      lengths: new ort.Tensor('int32', new Int32Array(BATCH).fill(LENGTH - 1), [BATCH]),
      total: new ort.Tensor('int32', Int32Array.of(LENGTH), []),
    })
    return (output!.data as Float32Array).slice()
  } finally {
    await session.release()
    rmSync(directory, { recursive: true, force: true })
  }
}

interface WrittenOut {
  /** Output and the gradients of query, key and value. */
  readonly values: readonly Float32Array[]
  readonly flops: number
}

async function writtenOut(attributes: Attributes, block: number): Promise<WrittenOut> {
  const tape = createTape()
  for (const name of NAMES) tape.input(name, float32(dimsOf(name)))
  const tables = ANGLES.map((data) => tape.floats([LENGTH, SIZE / 2], data))
  const [output] = groupQueryAttention(tape, [...NAMES, '', '', '', '', ...tables], attributes, block)
  const weights = spread(BATCH * LENGTH * WIDTHS.query, 9)
  const seeds = new Map([[output, tape.floats(dimsOf('query'), weights)]])
  const gradients = backward(tape, seeds, NAMES)
  const shown = new Map([
    ['output', output],
    ...NAMES.map((name) => [`d:${name}`, gradients.get(name)!] as const),
  ])
  const session = await loadGraphSession(emitModel(tape, shown, 17), 1)
  try {
    const dims = [dimsOf('query'), ...NAMES.map(dimsOf)]
    const values = dims.map((each) => new Float32Array(each.reduce((total, dim) => total * dim, 1)))
    const results = [...shown.keys()].map((name, at) => [name, tensor(values[at]!, dims[at]!)])
    await session.run(feeds(), Object.fromEntries(results))
    return { values, flops: matmulFlops(tape, [output]) }
  } finally {
    await session.close()
  }
}

const near = (a: Float32Array, b: Float32Array) =>
  a.length === b.length && a.every((value, at) => Math.abs(value - b[at]!) < 2e-5)

for (const [title, attributes] of FORMS)
  test(`${title}: written out in blocks of any size it gives what the operator gives`, async () => {
    const expected = await byTheOperator(attributes)
    const whole = await writtenOut(attributes, 128)
    assert.ok(near(whole.values[0]!, expected))
    for (const block of [6, 3, 1]) {
      const { values, flops } = await writtenOut(attributes, block)
      for (const [at, value] of values.entries()) assert.ok(near(value, whole.values[at]!), `${block}, ${at}`)
      assert.ok(flops < whole.flops)
    }
  })

test('a window leaves out the blocks before it', async () => {
  const windowed = await writtenOut({ ...HEADS_OF, local_window_size: { int: 2 } }, 2)
  const causal = await writtenOut(HEADS_OF, 2)
  assert.ok(windowed.flops < causal.flops)
})

test('forms that are not written out are refused', () => {
  const tape = createTape()
  for (const name of NAMES) tape.input(name, float32(dimsOf(name)))
  const inputs = [...NAMES, '', '', '', '', '', '', '', 'query']
  throwsCode(() => groupQueryAttention(tape, inputs, HEADS_OF), 'TRAIN_OPERATOR_UNSUPPORTED')
  const smooth = { ...HEADS_OF, smooth_softmax: { int: 1 } }
  throwsCode(() => groupQueryAttention(tape, NAMES, smooth), 'TRAIN_OPERATOR_UNSUPPORTED')
  throwsCode(
    () => groupQueryAttention(tape, NAMES, { ...HEADS_OF, kv_num_heads: { int: 3 } }),
    'TRAIN_OPERATOR_UNSUPPORTED',
  )
})

test.run()
