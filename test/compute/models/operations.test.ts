/** The model operations in real worker threads, up to a compressed and scored encoder. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { suiteByName } from '../../../node/compute/evaluate/suites.ts'
import { createPool } from '../../../node/compute/pool.ts'
import type { VillageError } from '../../../node/errors.ts'
import { createLog } from '../../../node/log.ts'
import { rejectsCode } from '../../helpers/throws.ts'

const directory = mkdtempSync(join(tmpdir(), 'village-model-operations-'))
const modelDir = join(directory, 'encoder')
const modelPath = join(modelDir, 'model.onnx')
const signal = new AbortController().signal
const pool = createPool({ log: createLog({ level: 'silent' }) }, { threads: 2 })
const test = suite('model operations')

test.before(async () => {
  await pool.start(signal)
  await pool.run('encoder.write', { modelDir }, { signal })
})

test.after(async () => {
  await pool.stop()
  rmSync(directory, { recursive: true, force: true })
})

test('a model is described from its structure', async () => {
  const facts = await pool.run('model.inspect', { modelPath }, { signal })
  assert.is(facts.parameters, 6_975_872)
  assert.equal(facts.opsets, [{ domain: '', version: 17 }])
  assert.is((facts.operators as Record<string, number>).LayerNormalization, 4)
  assert.is((facts.tensors as { compressible: boolean }[]).filter((tensor) => tensor.compressible).length, 11)
  assert.equal(facts.outputs, [{ name: 'sentence_embedding', type: 'float32', dims: ['batch', 512] }])
  assert.equal(await pool.run('model.externalFiles', { modelPath }, { signal }), [])
})

test('rows and statistics of a weight', async () => {
  const name = 'layer1.ffn.down.weight'
  const whole = await pool.run('model.readRows', { modelPath, name, startRow: 0, rows: 512 }, { signal })
  assert.equal([whole.rows, whole.cols, whole.data.length], [512, 1536, 512 * 1536])
  const some = await pool.run('model.readRows', { modelPath, name, startRow: 100, rows: 3 }, { signal })
  const wide = { modelPath, name, startRow: 100, rows: 3, cols: whole.cols + 1 }
  await rejectsCode(pool.run('model.readRows', wide, { signal }), 'INVALID_ARGUMENT')
  assert.equal(some.data, whole.data.slice(100 * 1536, 103 * 1536))
  const stats = (await pool.run('model.weightStats', { modelPath, names: [name] }, { signal }))[0]!
  assert.is(stats.weights, whole.data.length)
  assert.is(
    stats.maxAbs,
    whole.data.reduce((max, x) => Math.max(max, Math.abs(x)), 0),
  )
  await pool.run('model.weightStats', { modelPath, names: ['layer1.ffn.down.bias'] }, { signal }).then(
    () => assert.unreachable(),
    (error: VillageError) => assert.is(error.code, 'INVALID_ARGUMENT'),
  )
})

test('slices that two workers packed become a model that keeps the neighbours', async () => {
  const compressed = join(directory, 'compressed')
  mkdirSync(compressed)
  const weights = await pool.run('model.weights', { modelPath }, { signal })
  const packed = await Promise.all(
    weights.map(async ({ name, rows }, index) => {
      const half = Math.ceil(rows / 2)
      const slices = await Promise.all(
        [
          [0, half],
          [half, rows - half],
        ].map(async ([startRow, count]) => {
          const matrix = await pool.run(
            'model.readRows',
            { modelPath, name, startRow: startRow!, rows: count! },
            { signal },
          )
          const { packed: bytes } = await pool.run(
            'codec.encode',
            { codec: 'int4', params: { blockSize: 32 }, matrix },
            { signal },
          )
          return bytes
        }),
      )
      // Files and bytes both serve.
      if (index > 0) return { name, slices, codebook: null }
      const file = join(directory, 'slices')
      writeFileSync(file, Buffer.concat(slices))
      return { name, file, sliceBytes: slices.map(({ length }) => length), codebook: null }
    }),
  )
  const outPath = join(compressed, 'model.onnx')
  const rewritten = await pool.run(
    'model.rewrite',
    { modelPath, outPath, runtime: 'int8', weights: packed },
    { signal },
  )
  assert.is(rewritten.filter((weight) => weight.runtime === 'MatMulNBits').length, 10)
  assert.is(rewritten.filter((weight) => weight.runtime === 'GatherBlockQuantized').length, 1)
  for (const file of ['tokenizer.json', 'model.json'])
    copyFileSync(join(modelDir, file), join(compressed, file))

  const { items } = suiteByName('similarity')
  const evaluate = async (dir: string): Promise<Uint8Array[]> => {
    const cut = 100
    const ranges = [
      [cut, items - cut],
      [0, cut],
    ]
    const parts = ranges.map(([start, count]) =>
      pool.run(
        'evaluate.items',
        { suite: 'similarity', modelDir: dir, start: start!, count: count! },
        { signal },
      ),
    )
    return (await Promise.all(parts)).map((part) => part.bytes)
  }
  const original = await evaluate(modelDir)
  const candidate = await evaluate(compressed)
  const alone = await pool.run('evaluate.score', { candidate: original, original: null, seed: 1 }, { signal })
  assert.ok((alone.groupAccuracy as number) > 0.9)
  const scores = await pool.run(
    'evaluate.score',
    { candidate, original, seed: 1, resamples: 100 },
    { signal },
  )
  const value = (name: string): number => (scores[name] as { value: number }).value
  assert.is(scores.items, items)
  assert.ok(value('neighbourAgreement') > 0.8, JSON.stringify(scores))
  assert.ok(value('spearman') > 0.97, JSON.stringify(scores))
  assert.ok(value('meanCosine') < 0.9999, 'the compressed model cannot be the original')
})

test('items that a suite does not have, and results of different items, are refused', async () => {
  const refused = async (promise: Promise<unknown>, code: string): Promise<void> => {
    await promise.then(
      () => assert.unreachable(),
      (error: unknown) => assert.is((error as VillageError).code, code),
    )
  }
  const items = (start: number, count: number): Promise<{ bytes: Uint8Array }> =>
    pool.run('evaluate.items', { suite: 'similarity', modelDir, start, count }, { signal })
  for (const [start, count] of [
    [-1, 2],
    [0, 0],
    [0, 1e6],
    [0.5, 1],
  ] as const)
    await refused(items(start, count), 'INVALID_ARGUMENT')
  const [a, b] = await Promise.all([items(0, 2), items(1, 2)])
  await refused(
    pool.run('evaluate.score', { candidate: [a.bytes], original: [b.bytes], seed: 1 }, { signal }),
    'INVALID_ARGUMENT',
  )
})

test('slices that do not make up their weight are refused', async () => {
  const name = 'output.weight'
  const matrix = await pool.run('model.readRows', { modelPath, name, startRow: 0, rows: 10 }, { signal })
  const { packed } = await pool.run('codec.encode', { codec: 'int4', params: {}, matrix }, { signal })
  const outPath = join(directory, 'bad.onnx')
  const rewrite = (weight: string): Promise<unknown> =>
    pool.run(
      'model.rewrite',
      { modelPath, outPath, runtime: 'int8', weights: [{ name: weight, slices: [packed], codebook: null }] },
      { signal },
    )
  for (const [weight, part, code] of [
    [name, '10 rows', 'CODEC_MALFORMED'],
    ['embeddings', '512 columns', 'CODEC_MALFORMED'],
    ['output.bias', 'not a weight', 'INVALID_ARGUMENT'],
  ] as const)
    await rewrite(weight).then(
      () => assert.unreachable(),
      (error: unknown) => {
        assert.is((error as VillageError).code, code)
        assert.ok((error as VillageError).message.includes(part), (error as VillageError).message)
      },
    )
})

test.run()
