import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FLOAT16, numberToFloat16 } from '../../../node/compute/onnx/data-types.ts'
import { float32Tensor } from '../../../node/compute/onnx/encode.ts'
import { createSessions } from '../../../node/compute/onnx/sessions.ts'
import type { TensorValue } from '../../../node/compute/onnx/tensor-value.ts'
import { createGraphBuilder } from '../../../node/compute/onnx/write.ts'
import { type ErrorCode, VillageError } from '../../../node/errors.ts'
import { floats, SMALL_FEEDS, writeGraph, writeSmallModel } from './small-models.ts'

const directory = mkdtempSync(join(tmpdir(), 'village-sessions-'))
const file = (name: string): string => join(directory, name)
const signal = new AbortController().signal
const test = suite('sessions')

test.before(() => {
  for (const name of ['a', 'b', 'c']) writeSmallModel(file(`${name}.onnx`))
})

test.after(() => rmSync(directory, { recursive: true, force: true }))

const rejects = (promise: Promise<unknown>, code: ErrorCode, part = ''): Promise<void> =>
  promise.then(
    () => assert.unreachable('it was accepted'),
    (error: unknown) => {
      assert.instance(error, VillageError)
      assert.is((error as VillageError).code, code)
      assert.ok((error as VillageError).message.includes(part), (error as VillageError).message)
    },
  )

function writeAdder(path: string, addend: number): void {
  const graph = createGraphBuilder()
  graph.add(
    'Add',
    ['x', graph.tensor(float32Tensor('addend', [2], Float32Array.of(addend, addend)))],
    undefined,
    'out',
  )
  writeGraph(path, graph, { inputs: [floats('x', [2])], outputs: [floats('out', [2])] })
}

const ADDER_FEEDS: Record<string, TensorValue> = {
  x: { type: 'float32', dims: [2], data: Float32Array.of(1, 2) },
}

test('a model runs, and its outputs own their memory', async () => {
  const sessions = createSessions()
  writeAdder(file('adder.onnx'), 10)
  const { out } = await sessions.run({ modelPath: file('adder.onnx'), feeds: ADDER_FEEDS }, signal)
  assert.equal(out, { type: 'float32', dims: [2], data: Float32Array.of(11, 12) })
  assert.is(out!.data.buffer.byteLength, 8)
  await sessions.close()
})

test('half floats go in as their bits and come out as floats', async () => {
  const sessions = createSessions()
  const graph = createGraphBuilder()
  graph.add('Add', ['x', 'x'], undefined, 'out')
  const value = (name: string) => ({ name, elementType: FLOAT16, dims: [2] })
  writeGraph(file('halves.onnx'), graph, { inputs: [value('x')], outputs: [value('out')] })
  const bits = Uint16Array.of(numberToFloat16(1.5), numberToFloat16(-2))
  const feeds: Record<string, TensorValue> = { x: { type: 'float16', dims: [2], data: bits } }
  const { out } = await sessions.run({ modelPath: file('halves.onnx'), feeds }, signal)
  assert.equal(out, { type: 'float32', dims: [2], data: Float32Array.of(3, -4) })
  await sessions.close()
})

test('feeds that do not fit are refused by the name of the input', async () => {
  const sessions = createSessions()
  const run = (feeds: Record<string, TensorValue>): Promise<unknown> =>
    sessions.run({ modelPath: file('a.onnx'), feeds }, signal)
  const ids = SMALL_FEEDS.ids!
  await rejects(run({}), 'INVALID_ARGUMENT', '"ids" of the model is missing')
  await rejects(run({ ...SMALL_FEEDS, more: ids }), 'INVALID_ARGUMENT', '"more" of the model does not exist')
  await rejects(
    run({ ids: { type: 'int32', dims: [1], data: Int32Array.of(1) } }),
    'INVALID_ARGUMENT',
    'takes int64',
  )
  await rejects(
    run({ ids: { type: 'int64', dims: [2], data: BigInt64Array.of(1n) } }),
    'INVALID_ARGUMENT',
    '1 elements',
  )
  await rejects(
    run({ ids: { type: 'int64', dims: [1, 1], data: BigInt64Array.of(1n) } }),
    'INVALID_ARGUMENT',
    'takes 1 dims',
  )
  await rejects(
    run({ ids: { type: 'int64', dims: [-1], data: BigInt64Array.of() } }),
    'INVALID_ARGUMENT',
    'invalid dims',
  )
  const lying = { type: 'int64', dims: [1], data: Float32Array.of(1) } as unknown as TensorValue // as from a peer
  await rejects(run({ ids: lying }), 'INVALID_ARGUMENT', 'wrong type')
  writeAdder(file('adder.onnx'), 1)
  const wide: TensorValue = { type: 'float32', dims: [3], data: new Float32Array(3) }
  await rejects(
    sessions.run({ modelPath: file('adder.onnx'), feeds: { x: wide } }, signal),
    'INVALID_ARGUMENT',
    'takes 2 along axis 0',
  )
  // An index past the table is found by onnxruntime only.
  await rejects(
    run({ ids: { type: 'int64', dims: [1], data: BigInt64Array.of(50n) } }),
    'SESSION_FAILED',
    'run',
  )
  await sessions.close()
})

test('files that are not models are refused, and leave nothing loaded', async () => {
  const sessions = createSessions()
  const run = (name: string): Promise<unknown> =>
    sessions.run({ modelPath: file(name), feeds: SMALL_FEEDS }, signal)
  await rejects(run('none.onnx'), 'NOT_FOUND')
  writeFileSync(file('text.onnx'), 'this is not a model')
  await rejects(run('text.onnx'), 'MODEL_MALFORMED')
  const graph = createGraphBuilder()
  graph.add('NoSuchOperator', ['ids'], undefined, 'out')
  writeGraph(file('unknown.onnx'), graph, { inputs: [floats('ids', [1])], outputs: [floats('out', [1])] })
  await rejects(run('unknown.onnx'), 'SESSION_FAILED', 'load')
  assert.equal(sessions.loaded(), [])
  await sessions.close()
})

test('the least recently used session goes first, by count and by bytes', async () => {
  const run = (sessions: ReturnType<typeof createSessions>, name: string): Promise<unknown> =>
    sessions.run({ modelPath: file(`${name}.onnx`), feeds: SMALL_FEEDS }, signal)
  const two = createSessions({ maxSessions: 2 })
  for (const name of ['a', 'b', 'a', 'c']) await run(two, name)
  assert.equal(two.loaded(), [file('a.onnx'), file('c.onnx')])
  await two.close()
  const small = createSessions({ maxBytes: 1 })
  await run(small, 'a')
  assert.equal(small.loaded(), [file('a.onnx')])
  // One that is evicted while it runs finishes first.
  await Promise.all([run(small, 'a'), run(small, 'b'), run(small, 'c')])
  assert.equal(small.loaded(), [file('c.onnx')])
  await small.close()
  assert.equal(small.loaded(), [])
})

test('a replaced file is loaded anew', async () => {
  const sessions = createSessions()
  writeAdder(file('first.onnx'), 10)
  writeAdder(file('second.onnx'), 20)
  copyFileSync(file('first.onnx'), file('now.onnx'))
  const run = async (): Promise<number> => {
    const { out } = await sessions.run({ modelPath: file('now.onnx'), feeds: ADDER_FEEDS }, signal)
    return Number(out!.data[0])
  }
  assert.is(await run(), 11)
  rmSync(file('now.onnx'))
  copyFileSync(file('second.onnx'), file('now.onnx'))
  assert.is(await run(), 21)
  assert.equal(sessions.loaded(), [file('now.onnx')])
  await sessions.close()
})

test('an aborted run does not start', async () => {
  const sessions = createSessions()
  const abort = new AbortController()
  abort.abort(new VillageError('ABORTED'))
  await rejects(sessions.run({ modelPath: file('a.onnx'), feeds: SMALL_FEEDS }, abort.signal), 'ABORTED')
  assert.equal(sessions.loaded(), [])
})

test.run()
