/** Packed models of ONNX and of safetensors, taken apart and put together again in worker threads. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeSlice } from '../../../node/compute/codecs/table.ts'
import { loadKernels } from '../../../node/compute/kernels.ts'
import { encodeManifest, parseManifest } from '../../../node/compute/models/packed.ts'
import { encodeFloats, FLOAT16 } from '../../../node/compute/onnx/data-types.ts'
import { openModel } from '../../../node/compute/onnx/read.ts'
import { listWeights, readRows } from '../../../node/compute/onnx/weights.ts'
import { createPool } from '../../../node/compute/pool.ts'
import { openSafetensors } from '../../../node/compute/safetensors/read.ts'
import { createLog } from '../../../node/log.ts'
import { rejectsCode } from '../../helpers/throws.ts'
import { gaussianMatrix } from '../../helpers/weights.ts'
import { writeSmallModel } from '../onnx/small-models.ts'
import { bytesOf, type TestTensor, writeShards } from '../safetensors/small-safetensors.ts'

const root = mkdtempSync(path.join(tmpdir(), 'village-packed-'))
const signal = new AbortController().signal
const kernels = loadKernels()
const pool = createPool({ log: createLog({ level: 'silent' }) }, { threads: 1 })
const test = suite('packed models')

test.before(() => pool.start(signal))
test.after(async () => {
  await pool.stop()
  rmSync(root, { recursive: true, force: true })
})

interface Packed {
  readonly packedDir: string
  /** Decoded rows by weight. */
  readonly decoded: ReadonlyMap<string, Float32Array>
}

/** What a job does: each weight in two slices, with another codec for every second one. */
async function pack(source: string, name: string): Promise<Packed> {
  const modelPath = path.join(source, 'model.onnx')
  const packedDir = path.join(root, name)
  mkdirSync(path.join(packedDir, 'weights'), { recursive: true })
  const weights = await pool.run('model.weights', { modelPath, minElements: 64 }, { signal })
  const decoded = new Map<string, Float32Array>()
  const files = new Map<string, { codec: string; file: string; sliceBytes: number[] }>()
  for (const [index, { name: weight, rows, cols }] of weights.entries()) {
    const codec = index % 2 === 0 ? 'int4' : 'int8'
    const half = Math.ceil(rows / 2)
    const slices: Uint8Array[] = []
    const values = new Float32Array(rows * cols)
    for (const [startRow, count] of [
      [0, half],
      [half, rows - half],
    ] as const) {
      const input = { modelPath, name: weight, startRow, rows: count }
      const matrix = await pool.run('model.readRows', input, { signal })
      const { packed } = await pool.run('codec.encode', { codec, params: {}, matrix }, { signal })
      values.set(decodeSlice(packed, kernels).data, startRow * cols)
      slices.push(packed)
    }
    const file = `weights/${index.toString().padStart(4, '0')}.vslc`
    writeFileSync(path.join(packedDir, file), Buffer.concat(slices))
    files.set(weight, { codec, file, sliceBytes: slices.map(({ length }) => length) })
    decoded.set(weight, values)
  }
  const names = weights.map((weight) => weight.name)
  const missing = await pool.run('packed.skeleton', { modelPath, outDir: packedDir, names }, { signal })
  const format = await pool.run('model.format', { modelPath }, { signal })
  const manifest = encodeManifest({
    source: format as 'onnx' | 'safetensors',
    codec: 'auto',
    params: {},
    weights: missing.map((one) => ({
      ...one,
      ...files.get(one.name)!,
      codebook: null,
      normalisedError: 0.01,
    })),
  })
  writeFileSync(path.join(packedDir, 'packed.json'), manifest)
  return { packedDir, decoded }
}

const unpack = (packedDir: string, outDir: string, runtime?: 'float' | 'int8' | 'dense') =>
  pool.run('packed.unpack', { packedDir, outDir, ...(runtime === undefined ? {} : { runtime }) }, { signal })

function onnxSource(external: boolean): string {
  const directory = path.join(root, `onnx-${external}`)
  mkdirSync(directory)
  writeSmallModel(path.join(directory, 'model.onnx'), { external })
  return directory
}

for (const external of [false, true])
  test(`an ONNX model comes back with its decoded values (external data ${external})`, async () => {
    const { packedDir, decoded } = await pack(onnxSource(external), `packed-${external}`)
    const outDir = path.join(root, `out-${external}`)
    await unpack(packedDir, outDir)
    using model = openModel(path.join(outDir, 'model.onnx'))
    for (const plan of listWeights(model, { minElements: 64 }))
      assert.equal(readRows(model, plan, 0, plan.rows), decoded.get(plan.name), plan.name)
    const runDir = path.join(root, `run-${external}`)
    await unpack(packedDir, runDir, 'int8')
    using runnable = openModel(path.join(runDir, 'model.onnx'))
    const operators = runnable.graph.nodes.map(({ opType }) => opType)
    assert.ok(operators.includes('MatMulNBits') && operators.includes('GatherBlockQuantized'), `${operators}`)
    const facts = await pool.run(
      'model.inspect',
      { modelPath: path.join(packedDir, 'model.onnx') },
      { signal },
    )
    assert.equal(
      (facts.tensors as { name: string }[]).map(({ name }) => name),
      [...decoded.keys()],
    )
    const none = await pool.run(
      'model.weights',
      { modelPath: path.join(packedDir, 'model.onnx') },
      { signal },
    )
    assert.equal(none, [], 'a packed model has nothing left to compress')
  })

const half = (rows: number, cols: number, seed: number) =>
  encodeFloats(FLOAT16, gaussianMatrix(rows, cols, seed).data)!
const TENSORS: readonly TestTensor[] = [
  { name: 'embed.weight', dtype: 'F32', shape: [50, 24], bytes: bytesOf(gaussianMatrix(50, 24, 1).data) },
  { name: 'norm.weight', dtype: 'F32', shape: [24], bytes: bytesOf(gaussianMatrix(1, 24, 2).data) },
  { name: 'up.weight', dtype: 'F16', shape: [40, 24], bytes: half(40, 24, 3) },
  { name: 'steps', dtype: 'I64', shape: [1], bytes: bytesOf(BigInt64Array.of(12n)) },
  { name: 'conv.weight', dtype: 'F32', shape: [2, 2, 24], bytes: bytesOf(gaussianMatrix(4, 24, 4).data) },
]

test('a model of safetensors comes back in its shards: what was not packed byte for byte', async () => {
  const source = path.join(root, 'safetensors')
  mkdirSync(source)
  const shards = {
    'model-00001-of-00002.safetensors': TENSORS.slice(0, 3),
    'model-00002-of-00002.safetensors': TENSORS.slice(3),
  }
  writeShards(source, shards)
  writeFileSync(path.join(source, 'config.json'), '{"hidden_size":24}')
  const { packedDir, decoded } = await pack(source, 'packed-safetensors')
  assert.equal([...decoded.keys()], ['embed.weight', 'up.weight'])
  writeFileSync(path.join(packedDir, 'config.json'), readFileSync(path.join(source, 'config.json')))
  writeFileSync(
    path.join(packedDir, 'model.safetensors.index.json'),
    readFileSync(path.join(source, 'model.safetensors.index.json')),
  )
  const outDir = path.join(root, 'out-safetensors')
  await unpack(packedDir, outDir)
  using before = openSafetensors(source)
  using after = openSafetensors(outDir)
  assert.equal(
    after.shards.map(({ file, header }) => ({ file, header })),
    before.shards.map(({ file, header }) => ({ file, header })),
  )
  for (const tensor of after.tensors) {
    const bytes = new Uint8Array(tensor.sizeBytes)
    after.readBytes(tensor, 0, bytes)
    const values = decoded.get(tensor.name)
    const expected =
      values === undefined
        ? TENSORS.find(({ name }) => name === tensor.name)!.bytes
        : tensor.dtype === 'F16'
          ? encodeFloats(FLOAT16, values)!
          : bytesOf(values)
    assert.equal(Buffer.from(bytes), Buffer.from(expected), tensor.name)
  }
  assert.is(readFileSync(path.join(outDir, 'config.json'), 'utf8'), '{"hidden_size":24}')
  await rejectsCode(unpack(packedDir, path.join(root, 'no-graph'), 'int8'), 'INVALID_ARGUMENT')
  // A tensor that several files are to hold would be written again for each.
  const shardsFile = path.join(packedDir, 'shards.json')
  const places = JSON.parse(readFileSync(shardsFile, 'utf8'))
  places.shards.push({ ...places.shards[0], file: 'model-00003-of-00003.safetensors' })
  writeFileSync(shardsFile, JSON.stringify(places))
  await rejectsCode(unpack(packedDir, path.join(root, 'amplified')), 'MODEL_MALFORMED')
})

test('a packed model of version 1 is still read', () => {
  const weight = {
    name: 'w',
    rows: 2,
    cols: 3,
    transposed: true,
    elementType: 1,
    offset: 0,
    sizeBytes: 24,
    codec: 'int4',
    file: 'weights/0000.vslc',
    sliceBytes: [40],
  }
  const old = { format: 'village-packed', version: 1, codec: 'int4', params: {}, weights: [weight] }
  const parsed = parseManifest(Buffer.from(JSON.stringify(old)))
  assert.equal(parsed.weights, [{ ...weight, codebook: null, normalisedError: null }])
  assert.is(parsed.source, 'onnx')
})

test('packed models that do not hold together are refused, and leave no model', async () => {
  const { packedDir } = await pack(path.join(root, 'onnx-false'), 'packed-hostile')
  const file = path.join(packedDir, 'packed.json')
  const good = readFileSync(file, 'utf8')
  type Weight = Record<string, unknown>
  const edit = (change: (weights: Weight[], manifest: Record<string, unknown>) => void) => {
    const manifest = JSON.parse(good)
    change(manifest.weights, manifest)
    writeFileSync(file, JSON.stringify(manifest))
  }
  const refused = async (code: 'MODEL_MALFORMED' | 'CODEC_MALFORMED', change: Parameters<typeof edit>[0]) => {
    edit(change)
    for (const runtime of ['float', 'int8'] as const)
      await rejectsCode(unpack(packedDir, path.join(root, 'refused'), runtime), code)
  }
  await refused('MODEL_MALFORMED', ([first]) => (first!.offset = 2 ** 50))
  await refused('MODEL_MALFORMED', (weights) => (weights[1]!.offset = 0))
  await refused('MODEL_MALFORMED', ([first]) => (first!.sizeBytes = 8))
  await refused('MODEL_MALFORMED', ([first]) => (first!.file = '../../etc/passwd'))
  await refused('MODEL_MALFORMED', ([first]) => (first!.codebook = '../x'))
  await refused('MODEL_MALFORMED', ([first]) => (first!.elementType = 7))
  await refused('MODEL_MALFORMED', (_, manifest) => (manifest.source = 'pickle'))
  await refused('CODEC_MALFORMED', ([first]) => (first!.sliceBytes as number[]).pop())
  await refused('CODEC_MALFORMED', ([first]) => {
    const sizes = first!.sliceBytes as number[]
    sizes[0]! += 1
    sizes[1]! -= 1
  })
  await refused('CODEC_MALFORMED', ([first, second]) => {
    const { file: own, sliceBytes: ownBytes } = first!
    const { file: other, sliceBytes } = second!
    Object.assign(first!, { file: other, sliceBytes })
    Object.assign(second!, { file: own, sliceBytes: ownBytes })
  })
  await refused('MODEL_MALFORMED', ([first, second]) => (first!.file = second!.file))
  writeFileSync(file, good)
  await unpack(packedDir, path.join(root, 'accepted'))
  assert.throws(() => readFileSync(path.join(root, 'refused', 'model.onnx')))
})

test.run()
