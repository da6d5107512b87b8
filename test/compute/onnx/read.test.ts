// own process: it measures the heap
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FLOAT32, INT8, INT64 } from '../../../node/compute/onnx/data-types.ts'
import { encodeNode, encodeVarint, MessageWriter } from '../../../node/compute/onnx/encode.ts'
import { openModel } from '../../../node/compute/onnx/read.ts'
import { DEFAULT_WIRE_LIMITS } from '../../../node/compute/onnx/wire.ts'
import { type ErrorCode, VillageError } from '../../../node/errors.ts'
import { floats, noise, VOCABULARY, WIDTH, writeSmallModel } from './small-models.ts'

const directory = mkdtempSync(join(tmpdir(), 'village-onnx-'))
const file = (name: string): string => join(directory, name)
const test = suite('ONNX reader')

test.after(() => rmSync(directory, { recursive: true, force: true }))

const fails =
  (code: ErrorCode, part = '') =>
  (error: unknown) => {
    assert.instance(error, VillageError)
    assert.is((error as VillageError).code, code)
    assert.ok(
      (error as VillageError).message.includes(part),
      `${(error as VillageError).message} has no "${part}"`,
    )
    return true
  }

/** A model of one tensor, as raw TensorProto bytes. */
function modelOf(tensor: MessageWriter, name = 'one.onnx'): string {
  const graph = new MessageWriter().string(2, 'g').message(5, tensor)
  writeFileSync(file(name), new MessageWriter().varint(1, 8).message(7, graph).finish())
  return file(name)
}

function readAll(path: string, name: string): number[] {
  using model = openModel(path)
  return [...model.readTensor(model.graph.initializers.get(name)!)]
}

test('structure and data of a written model come back', () => {
  writeSmallModel(file('small.onnx'))
  using model = openModel(file('small.onnx'))
  assert.is(model.irVersion, 8)
  assert.equal(model.opsets, [{ domain: '', version: 17 }])
  assert.equal(
    model.graph.nodes.map((node) => node.opType),
    ['Gather', 'MatMul', 'Add', 'Gemm'],
  )
  assert.equal(model.graph.inputs, [{ name: 'ids', elementType: INT64, dims: ['n'] }])
  assert.equal(model.graph.outputs, [floats('out', ['n', 16])])
  assert.is(model.graph.nodes[3]!.attributes.get('transB')!.int, 1n)
  const table = model.graph.initializers.get('table')!
  assert.equal(table.dims, [VOCABULARY, WIDTH])
  const data = noise(VOCABULARY * WIDTH, 1)
  assert.equal(model.readTensor(table), data)
  assert.equal(model.readTensor(table, { start: 41, count: 7 }), data.slice(41, 48))
  assert.is(model.readTensor(table, { start: data.length }).length, 0)
  const into = new Float32Array(9).fill(5)
  const middle = into.subarray(1, 8)
  assert.is(model.readTensor(table, { start: 41, count: 7 }, middle), middle)
  assert.equal(
    into,
    Float32Array.of(5, ...data.slice(41, 48), 5),
    'an array of the caller, and nothing beside it',
  )
  assert.throws(() => model.readTensor(table, { start: 41, count: 6 }, middle), fails('INVALID_ARGUMENT'))
  for (const range of [{ start: -1 }, { count: -1 }, { start: 0.5 }, { start: data.length, count: 1 }])
    assert.throws(() => model.readTensor(table, range), fails('INVALID_ARGUMENT'))
  model.close()
  assert.throws(() => model.readTensor(table), fails('INVALID_ARGUMENT', 'closed'))
})

test('typed fields decode, packed or not', () => {
  const packed = (values: readonly number[]): Uint8Array => {
    const out = new MessageWriter()
    for (const value of values) out.raw(encodeVarint(value))
    return out.finish()
  }
  const tensor = (type: number, count: number): MessageWriter =>
    new MessageWriter().varint(1, count).varint(2, type).string(8, 't')
  const floatBytes = new Uint8Array(Float32Array.of(1, -2.5, 3).buffer)
  assert.equal(readAll(modelOf(tensor(FLOAT32, 3).bytes(4, floatBytes)), 't'), [1, -2.5, 3])
  assert.equal(readAll(modelOf(tensor(FLOAT32, 3).float(4, 1).float(4, -2.5).float(4, 3)), 't'), [1, -2.5, 3])
  assert.equal(readAll(modelOf(tensor(INT64, 3).bytes(7, packed([5, -7, 300]))), 't'), [5, -7, 300])
  assert.equal(readAll(modelOf(tensor(INT64, 2).varint(7, -1).varint(7, 9)), 't'), [-1, 9])
  assert.equal(readAll(modelOf(tensor(INT8, 3).bytes(5, packed([-128, 127, 1]))), 't'), [-128, 127, 1])
  assert.equal(readAll(modelOf(tensor(10, 2).bytes(5, packed([0x3c00, 0xc000]))), 't'), [1, -2])
  assert.equal(readAll(modelOf(tensor(16, 2).bytes(5, packed([0x3f80, 0xc000]))), 't'), [1, -2])
  assert.equal(readAll(modelOf(tensor(9, 2).bytes(5, packed([0, 1]))), 't'), [0, 1])
  const doubles = new Uint8Array(Float64Array.of(0.5, -4).buffer)
  assert.equal(readAll(modelOf(tensor(11, 2).bytes(10, doubles)), 't'), [0.5, -4])
  // Both halves of a repeated field count, and an offset skips varints of any width.
  const split = modelOf(
    tensor(INT64, 4)
      .bytes(7, packed([1, 300]))
      .bytes(7, packed([-2, 4])),
  )
  using model = openModel(split)
  assert.equal([...model.readTensor(model.graph.initializers.get('t')!, { start: 1, count: 2 })], [300, -2])
  assert.throws(
    () => readAll(modelOf(tensor(INT64, 2).bytes(7, Uint8Array.of(1, 0x80))), 't'),
    fails('MODEL_MALFORMED', 'cut off'),
  )
  assert.throws(
    () => readAll(modelOf(tensor(INT64, 2).bytes(7, Uint8Array.of(0x80, 1))), 't'),
    fails('MODEL_MALFORMED', '1 of its 2'),
  )
})

test('what a tensor says about itself must fit its data', () => {
  const tensor = (...dims: (number | bigint)[]): MessageWriter => {
    const out = new MessageWriter()
    for (const dim of dims) out.varint(1, dim)
    return out.varint(2, FLOAT32).string(8, 't')
  }
  const raw = new Uint8Array(16)
  assert.equal(readAll(modelOf(tensor(2, 2).bytes(9, raw)), 't'), [0, 0, 0, 0])
  assert.equal(readAll(modelOf(tensor(0, 2 ** 40)), 't'), [])
  const bad: [MessageWriter, string][] = [
    [tensor(2, 3).bytes(9, raw), '16 bytes of raw_data'],
    [tensor(-4).bytes(9, raw), 'not a valid dim'],
    [tensor(2 ** 40).bytes(9, raw), 'raw_data'],
    [tensor(2 ** 52, 2 ** 52).bytes(9, raw), 'too large'],
    [tensor(1n << 62n).bytes(9, raw), 'not a valid dim'],
    [tensor(4), 'no data'],
    [tensor(2 ** 40).bytes(7, Uint8Array.of(1, 2)), 'typed data'],
    [tensor(3).bytes(4, raw), 'typed data'],
    [tensor(...Array.from({ length: 65 }, () => 1)).bytes(9, raw), 'dims'],
    [new MessageWriter().varint(1, 4).varint(2, 99).bytes(9, raw), 'unknown element type'],
    [tensor(4).varint(9, 1), 'raw_data'],
    [tensor(4).bytes(8, Uint8Array.of(0xff)).bytes(9, raw), 'UTF-8'],
    [tensor(4).bytes(4, raw).bytes(7, raw), 'two typed fields'],
  ]
  for (const [writer, part] of bad)
    assert.throws(() => openModel(modelOf(writer)), fails('MODEL_MALFORMED', part), part)
})

test('a model cut off anywhere is refused', () => {
  writeSmallModel(file('whole.onnx'))
  const bytes = readFileSync(file('whole.onnx'))
  const ends = fc.oneof(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 0, max: bytes.length - 1 }))
  fc.assert(
    fc.property(ends, (end) => {
      writeFileSync(file('cut.onnx'), bytes.subarray(0, end))
      assert.throws(() => openModel(file('cut.onnx')), fails('MODEL_MALFORMED'))
    }),
    { numRuns: 400, seed: 11 },
  )
})

test('mutated bytes are read or refused with a code, never more', () => {
  writeSmallModel(file('seed.onnx'))
  const bytes = readFileSync(file('seed.onnx'))
  // Data is most of the file: the structure around it is where parsing can go wrong.
  const structure = [
    ...Array.from({ length: 500 }, (_, i) => i),
    ...Array.from({ length: 900 }, (_, i) => bytes.length - 1 - i),
  ]
  const edit = fc.record({
    at: fc.oneof(fc.constantFrom(...structure), fc.integer({ min: 0, max: bytes.length - 1 })),
    with: fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 12 }),
      fc.constant(Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 255, 127)),
    ),
    remove: fc.integer({ min: 0, max: 8 }),
  })
  let read = 0
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
      let mutated = Buffer.from(bytes)
      for (const { at, with: insert, remove } of edits)
        mutated = Buffer.concat([mutated.subarray(0, at), insert, mutated.subarray(at + remove)])
      writeFileSync(file('mutated.onnx'), mutated)
      try {
        using model = openModel(file('mutated.onnx'))
        for (const tensor of model.graph.initializers.values()) model.readTensor(tensor)
        read++
      } catch (error) {
        assert.instance(error, VillageError)
        assert.match((error as VillageError).code, /^MODEL_(MALFORMED|EXTERNAL_DATA_INVALID|UNSUPPORTED)$/)
      }
    }),
    { numRuns: 1500, seed: 5 },
  )
  assert.ok(read > 0)
})

test('structure beyond the limits is refused', () => {
  const many = new MessageWriter().string(2, 'g')
  for (let i = 0; i < 2000; i++) many.bytes(1, new Uint8Array(0))
  writeFileSync(file('many.onnx'), new MessageWriter().varint(1, 8).message(7, many).finish())
  openModel(file('many.onnx')).close()
  const open = (limits: object) => () => openModel(file('many.onnx'), { ...DEFAULT_WIRE_LIMITS, ...limits })
  assert.throws(open({ items: 1000 }), fails('MODEL_MALFORMED', 'more parts'))
  assert.throws(open({ fields: 1000 }), fails('MODEL_MALFORMED', 'more fields'))
  assert.throws(open({ structureBytes: 0 }), fails('MODEL_MALFORMED', 'structure'))
  let nested = new MessageWriter().string(2, 'inner')
  for (let depth = 0; depth < 40; depth++) {
    const attribute = new MessageWriter().string(1, 'body').message(6, nested)
    nested = new MessageWriter().message(1, new MessageWriter().string(4, 'If').message(5, attribute))
  }
  writeFileSync(file('deep.onnx'), new MessageWriter().varint(1, 8).message(7, nested).finish())
  assert.throws(() => openModel(file('deep.onnx')), fails('MODEL_MALFORMED', 'nested'))
  writeFileSync(
    file('long.onnx'),
    new MessageWriter()
      .varint(1, 8)
      .message(7, new MessageWriter().string(2, 'x'.repeat(70_000)))
      .finish(),
  )
  assert.throws(() => openModel(file('long.onnx')), fails('MODEL_MALFORMED', 'longer'))
  assert.throws(() => openModel(file('absent.onnx')), fails('NOT_FOUND'))
  assert.throws(() => openModel(directory), fails('MODEL_MALFORMED', 'plain file'))
})

test('the worst file that the limits let in stays small in memory', () => {
  const nodes = Buffer.alloc(490_000 * 2).fill(Buffer.of(0x0a, 0))
  writeFileSync(file('empty-nodes.onnx'), new MessageWriter().varint(1, 8).bytes(7, nodes).finish())
  globalThis.gc!()
  const before = process.memoryUsage().heapUsed
  using model = openModel(file('empty-nodes.onnx'))
  globalThis.gc!()
  const growth = process.memoryUsage().heapUsed - before
  assert.is(model.graph.nodes.length, 490_000)
  assert.ok(growth < 200 * 2 ** 20, `${growth} bytes`)
})

test('a model of 4 GiB of external data opens in little memory and reads anywhere', () => {
  const elements = 2 ** 30
  const tensor = new MessageWriter()
    .varint(1, 1024)
    .varint(1, elements / 1024)
    .varint(2, FLOAT32)
  tensor.string(8, 'big').varint(14, 1)
  tensor.message(13, new MessageWriter().string(1, 'location').string(2, 'big.data'))
  writeFileSync(file('big.data'), '')
  truncateSync(file('big.data'), elements * 4)
  const path = modelOf(tensor, 'big.onnx')
  globalThis.gc!()
  const before = process.memoryUsage()
  using model = openModel(path)
  const big = model.graph.initializers.get('big')!
  assert.equal(model.readTensor(big, { start: elements - 5 }), new Float32Array(5))
  globalThis.gc!()
  const after = process.memoryUsage()
  const growth = after.heapUsed + after.external - before.heapUsed - before.external
  assert.ok(growth < 4 * 2 ** 20, `${growth} bytes`)
  assert.is(model.externalTensors, 1)
})

test('external data outside the directory, missing, short or behind links is refused', () => {
  mkdirSync(file('model'), { recursive: true })
  mkdirSync(file('model/sub'), { recursive: true })
  writeFileSync(file('secret.bin'), new Uint8Array(64))
  writeFileSync(file('model/data.bin'), new Uint8Array(64))
  writeFileSync(file('model/sub/data.bin'), new Uint8Array(64))
  symlinkSync(file('secret.bin'), file('model/link.bin'))
  symlinkSync(directory, file('model/up'))
  const external = (pairs: Record<string, string>): string => {
    const tensor = new MessageWriter().varint(1, 4).varint(2, FLOAT32).string(8, 't')
    for (const [key, value] of Object.entries(pairs))
      tensor.message(13, new MessageWriter().string(1, key).string(2, value))
    return modelOf(tensor.varint(14, 1), 'model/m.onnx')
  }
  for (const location of ['data.bin', './data.bin', 'sub/data.bin'])
    assert.equal(readAll(external({ location, offset: '48' }), 't'), [0, 0, 0, 0])
  const cases: [Record<string, string>, string][] = [
    [{}, 'no location'],
    [{ location: '../secret.bin' }, 'outside'],
    [{ location: 'sub/../../secret.bin' }, 'outside'],
    [{ location: file('secret.bin') }, 'absolute'],
    [{ location: 'C:data.bin' }, 'absolute'],
    [{ location: 'sub\\data.bin' }, 'not allowed'],
    [{ location: 'data.bin\0' }, 'not allowed'],
    [{ location: 'link.bin' }, 'link'],
    [{ location: 'up/secret.bin' }, 'link'],
    [{ location: 'sub' }, 'plain file'],
    [{ location: 'data.bin/x' }, 'plain file'],
    [{ location: 'none.bin' }, 'does not exist'],
    [{ location: 'data.bin', offset: '49' }, 'ends at byte 65'],
    [{ location: 'data.bin', offset: '-1' }, 'whole number'],
    [{ location: 'data.bin', offset: '1e3' }, 'whole number'],
    [{ location: 'data.bin', length: '15' }, 'length of 15'],
    [{ location: 'data.bin', offset: '9999999999999999' }, 'whole number'],
  ]
  for (const [pairs, part] of cases)
    assert.throws(
      () => openModel(external(pairs)),
      fails('MODEL_EXTERNAL_DATA_INVALID', part),
      JSON.stringify(pairs),
    )
})

test('external data is checked in attributes, subgraphs and functions as well', () => {
  const tensor = new MessageWriter().varint(1, 4).varint(2, FLOAT32).string(8, 't')
  tensor.message(13, new MessageWriter().string(1, 'location').string(2, '../x')).varint(14, 1)
  const node = new MessageWriter()
    .string(4, 'Constant')
    .message(5, new MessageWriter().string(1, 'value').message(5, tensor))
  const inner = new MessageWriter().message(5, tensor)
  const withGraph = new MessageWriter()
    .string(4, 'If')
    .message(5, new MessageWriter().string(1, 'then').message(6, inner))
  const graph = (part: MessageWriter, field: number): MessageWriter =>
    new MessageWriter().varint(1, 8).message(7, new MessageWriter().message(field, part))
  const models = [
    graph(node, 1),
    graph(withGraph, 1),
    graph(new MessageWriter().message(1, tensor), 15),
    graph(new MessageWriter().string(4, 'Relu'), 1).message(25, new MessageWriter().message(7, node)),
  ]
  for (const model of models) {
    writeFileSync(file('inner.onnx'), model.finish())
    assert.throws(() => openModel(file('inner.onnx')), fails('MODEL_EXTERNAL_DATA_INVALID', 'outside'))
  }
  writeFileSync(
    file('two.onnx'),
    new MessageWriter()
      .varint(1, 8)
      .bytes(7, encodeNode({ opType: '', inputs: [], outputs: [] }))
      .bytes(7, new Uint8Array(0))
      .finish(),
  )
  assert.throws(() => openModel(file('two.onnx')), fails('MODEL_MALFORMED', 'two graphs'))
})

test.run()
