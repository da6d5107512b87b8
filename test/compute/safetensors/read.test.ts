import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { encodeHead, parseHeader } from '../../../node/compute/safetensors/header.ts'
import { openSafetensors, safetensorsFiles } from '../../../node/compute/safetensors/read.ts'
import { VillageError } from '../../../node/errors.ts'
import { throwsCode } from '../../helpers/throws.ts'
import { bytesOf, safetensors, type TestTensor, withHeader, writeShards } from './small-safetensors.ts'

const root = mkdtempSync(path.join(tmpdir(), 'village-safetensors-'))
const test = suite('safetensors')
test.after(() => rmSync(root, { recursive: true, force: true }))

let count = 0
function directoryWith(file: Uint8Array): string {
  const directory = mkdtempSync(path.join(root, `${count++}-`))
  writeFileSync(path.join(directory, 'model.safetensors'), file)
  return directory
}

const floats = Float32Array.of(1, -2.5, 3.25, 0, 1e-20, -7)
const tensors: readonly TestTensor[] = [
  { name: 'full', dtype: 'F32', shape: [2, 3], bytes: bytesOf(floats) },
  { name: 'half', dtype: 'F16', shape: [3], bytes: bytesOf(Uint16Array.of(0x3c00, 0xc100, 0x0001)) },
  { name: 'brain', dtype: 'BF16', shape: [1, 2], bytes: bytesOf(Uint16Array.of(0x3f80, 0xc020)) },
  { name: 'scalar', dtype: 'I64', shape: [], bytes: bytesOf(BigInt64Array.of(-3n)) },
  { name: 'empty', dtype: 'F32', shape: [0, 4], bytes: new Uint8Array(0) },
  { name: 'flag', dtype: 'BOOL', shape: [1], bytes: Uint8Array.of(1) },
]

test('full, half and brain floats are read exactly; ranges and bytes as they are', () => {
  using model = openSafetensors(directoryWith(safetensors(tensors, { metadata: { format: 'pt' } })))
  const byName = (name: string) => model.tensors.find((tensor) => tensor.name === name)!
  assert.equal(model.readFloats(byName('full'), 0, 6), floats)
  assert.equal(model.readFloats(byName('full'), 2, 3), floats.slice(2, 5))
  assert.equal(model.readFloats(byName('half'), 0, 3), Float32Array.of(1, -2.5, 2 ** -24))
  assert.equal(model.readFloats(byName('brain'), 0, 2), Float32Array.of(1, -2.5))
  const bytes = new Uint8Array(8)
  model.readBytes(byName('scalar'), 0, bytes)
  assert.equal(bytes, tensors[3]!.bytes)
  assert.equal(model.shards[0]!.header.metadata, { format: 'pt' })
  assert.is(byName('empty').sizeBytes, 0)
  throwsCode(() => model.readFloats(byName('scalar'), 0, 1), 'MODEL_UNSUPPORTED')
  throwsCode(() => model.readFloats(byName('full'), 4, 3), 'INVALID_ARGUMENT')
})

test('shards are one model', () => {
  const directory = mkdtempSync(path.join(root, 'shards-'))
  writeShards(directory, {
    'model-00001-of-00002.safetensors': tensors.slice(0, 2),
    'model-00002-of-00002.safetensors': tensors.slice(2),
  })
  using model = openSafetensors(directory)
  assert.equal(model.tensors.map(({ name }) => name).sort(), tensors.map(({ name }) => name).sort())
  const full = model.tensors.find(({ name }) => name === 'full')!
  assert.equal(model.readFloats(full, 0, 6), floats)
})

test('an index that lies is refused, and so is one that leads elsewhere', () => {
  const directory = mkdtempSync(path.join(root, 'lies-'))
  const shards = { 'a.safetensors': tensors.slice(0, 2), 'b.safetensors': tensors.slice(2) }
  const write = (map: object) =>
    writeFileSync(path.join(directory, 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }))
  writeShards(directory, shards)
  const good = Object.fromEntries(
    Object.entries(shards).flatMap(([file, inside]) => inside.map(({ name }) => [name, file])),
  )
  for (const map of [
    { ...good, full: 'b.safetensors' },
    { ...good, more: 'a.safetensors' },
    { full: 'a.safetensors' },
    { ...good, full: '../a.safetensors' },
    { ...good, full: '/etc/a.safetensors' },
    { ...good, full: 'missing.safetensors' },
    { ...good, full: 7 },
    {},
  ]) {
    write(map)
    throwsCode(() => openSafetensors(directory)[Symbol.dispose](), 'MODEL_MALFORMED')
  }
  write(good)
  openSafetensors(directory)[Symbol.dispose]()
})

test('headers that are not valid are refused', () => {
  const change = (edit: (header: Record<string, Record<string, unknown>>) => void) =>
    safetensors(tensors, { change: edit as (header: Record<string, unknown>) => void })
  const data = Buffer.concat(tensors.map(({ bytes }) => bytes))
  for (const file of [
    Buffer.alloc(0),
    Buffer.alloc(7),
    Buffer.alloc(8, 255),
    withHeader('', data),
    withHeader('[]', data),
    withHeader(' {}', new Uint8Array(0)),
    withHeader('{"a":', data),
    withHeader('{}', data),
    safetensors(tensors).subarray(0, -1),
    Buffer.concat([safetensors(tensors), Buffer.alloc(1)]),
    change((header) => (header.full!.data_offsets = [0, 20])),
    change((header) => (header.half!.data_offsets = [20, 26])),
    change((header) => (header.half!.data_offsets = [26, 32])),
    change((header) => (header.full!.shape = [2, 4])),
    change((header) => (header.full!.shape = [2.5, 2.4])),
    change((header) => (header.full!.shape = [-2, -3])),
    change((header) => (header.full!.shape = [2 ** 52, 2 ** 52])),
    change((header) => (header.full!.shape = '6')),
    change((header) => {
      header.full = undefined!
    }),
    change((header) => (header.__metadata__ = { a: 1 })),
    change((header) => (header[''] = { dtype: 'F32', shape: [0], data_offsets: [0, 0] })),
  ])
    throwsCode(() => openSafetensors(directoryWith(file))[Symbol.dispose](), 'MODEL_MALFORMED')
  throwsCode(
    () => openSafetensors(directoryWith(change((header) => (header.full!.dtype = 'F31'))))[Symbol.dispose](),
    'MODEL_UNSUPPORTED',
  )
})

test('damaged bytes give a model or a code, never anything else', () => {
  const file = safetensors(tensors, { metadata: { format: 'pt' } })
  const headerEnd = file.length - tensors.reduce((sum, { bytes }) => sum + bytes.length, 0)
  const directory = directoryWith(file)
  fc.assert(
    fc.property(fc.nat(headerEnd - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      const damaged = Buffer.from(file)
      damaged[at]! ^= mask
      writeFileSync(path.join(directory, 'model.safetensors'), damaged)
      try {
        openSafetensors(directory)[Symbol.dispose]()
      } catch (error) {
        assert.instance(error, VillageError)
        assert.ok(['MODEL_MALFORMED', 'MODEL_UNSUPPORTED'].includes((error as VillageError).code))
      }
    }),
    { numRuns: 300 },
  )
})

test('a link is not followed, and a directory without a model has none', () => {
  const directory = directoryWith(safetensors(tensors))
  const linked = mkdtempSync(path.join(root, 'link-'))
  assert.is(safetensorsFiles(linked), null)
  throwsCode(() => openSafetensors(linked), 'NOT_FOUND')
  symlinkSync(path.join(directory, 'model.safetensors'), path.join(linked, 'model.safetensors'))
  throwsCode(() => openSafetensors(linked), 'MODEL_MALFORMED')
})

test('a header that is written is read again as it was', () => {
  const { length } = safetensors(tensors)
  const dataBytes = tensors.reduce((sum, { bytes }) => sum + bytes.length, 0)
  const text = safetensors(tensors, { metadata: { a: 'b' } }).subarray(8, -dataBytes)
  const header = parseHeader(text, dataBytes)
  const head = encodeHead(header)
  assert.is(head.length % 8, 0)
  assert.ok(head.length <= length + 32)
  assert.equal(parseHeader(head.subarray(8), dataBytes), header)
})

test.run()
