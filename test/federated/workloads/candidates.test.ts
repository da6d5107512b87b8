/** Candidates as they are made in worker threads: values, memory, and what is refused. */
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { MERGE_METHODS } from '../../../node/federated/merge/methods/table.ts'
import { groupCount, groupOf, type LayerGroups } from '../../../node/federated/workloads/layer-groups.ts'
import { addLowRankNoise, rootMeanSquare } from '../../../node/federated/workloads/low-rank-noise.ts'
import { buildMerge } from '../../../node/federated/workloads/merge-candidate.ts'
import { isEvolvable, mergeCandidate, mergeSpace } from '../../../node/federated/workloads/merge-genome.ts'
import { createTensorCache } from '../../../node/federated/workloads/model-tensors.ts'
import { buildPerturbed } from '../../../node/federated/workloads/perturb-candidate.ts'
import { keptScores } from '../../../node/federated/workloads/score-encoder.ts'
import { writeTinyLanguageModel } from '../../helpers/language-models.ts'
import { rejectsCode } from '../../helpers/throws.ts'

const test = suite<{ directory: string; at: (name: string) => string }>('candidates')

const layerGroups: LayerGroups = { layers: 2, groups: 2, split: false }
const GOLDEN = ['0.672280687076', '0.240807223464', '0.512540382002']
const CACHE_BYTES = 64 * 2 ** 20

test.before(async (context) => {
  context.directory = await mkdtemp(path.join(tmpdir(), 'village-candidates-'))
  context.at = (name) => path.join(context.directory, name)
  for (const [seed, name] of ['base', 'red', 'blue'].entries())
    writeTinyLanguageModel(context.at(name), 'llama', { seed: seed + 1 })
  writeTinyLanguageModel(context.at('wide'), 'llama', { config: { intermediate_size: 64 } })
})

test.after(({ directory }) => rm(directory, { recursive: true, force: true }))

const request = (at: (name: string) => string, outDir: string) => ({
  parents: [at('red'), at('blue')],
  base: at('base'),
  layerGroups,
  seed: 1,
  outDir,
  card: null,
})

const methods = Object.values(MERGE_METHODS)
  .filter((method) => isEvolvable(method, { parents: 2, hasBase: true }))
  .map(({ name }) => name)

const space = {
  parents: 2,
  hasBase: true,
  methods,
  maxWeight: 1,
  groups: layerGroups,
  selection: [1],
}

test('the groups of a model: what is outside of the blocks, then the blocks from first to last', () => {
  const groups = { layers: 6, groups: 3, split: false }
  assert.is(groupCount(groups), 4)
  assert.equal(
    [
      'model.embed_tokens.weight',
      'model.layers.0.mlp.up_proj.weight',
      'model.layers.5.self_attn.q_proj.weight',
    ].map((name) => groupOf(name, groups)),
    [0, 1, 3],
  )
  const split = { ...groups, split: true }
  assert.is(groupCount(split), 7)
  assert.equal(
    ['transformer.h.3.attn.c_attn.weight', 'layer1.ffn.up.weight', 'model.norm.weight'].map((name) =>
      groupOf(name, split),
    ),
    [3, 2, 0],
  )
})

test('a parent alone is that parent, and groups mix as their genes say', async ({ at }) => {
  const cache = createTensorCache({ maxBytes: CACHE_BYTES })
  const red = cache.open(at('red'))
  const base = cache.open(at('base'))
  const genome = {
    m: 'task_arithmetic',
    w: [
      [0, 0],
      [1000, 0],
      [0, 0],
    ],
  }
  const candidate = mergeCandidate({ ...space, methods: ['task_arithmetic'] }, genome)
  await buildMerge(cache, { ...request(at, at('mixed')), candidate })
  const mixed = cache.open(at('mixed'))
  const first = 'model.layers.0.mlp.up_proj.weight'
  const second = 'model.layers.1.mlp.up_proj.weight'
  // base + (red − base) is rounded twice.
  const far = Math.max(...mixed.read(first).map((value, index) => Math.abs(value - red.read(first)[index]!)))
  assert.ok(far < 1e-6, `${far}`)
  assert.equal(mixed.read(second), base.read(second))
  assert.equal(mixed.read('model.embed_tokens.weight'), base.read('model.embed_tokens.weight'))
})

test('every method that is offered takes every genome, and the same one gives the same bytes', async ({
  at,
}) => {
  assert.ok(methods.length >= 8, methods.join())
  const cache = createTensorCache({ maxBytes: CACHE_BYTES })
  const wide = mergeSpace(space)
  for (const [index, method] of methods.entries())
    for (const level of [0.05, 1]) {
      const genes = new Array<number>(wide.dimensions).fill(level)
      genes[0] = (index + 0.5) / methods.length
      const candidate = mergeCandidate(space, wide.decode(genes))
      assert.is(candidate.method, method)
      await buildMerge(cache, { ...request(at, at('first')), candidate })
      const { infos, read } = cache.open(at('first'))
      for (const name of infos.keys())
        assert.ok(read(name).every(Number.isFinite), `${method} at ${level}: ${name}`)
      if (level !== 1) continue
      await buildMerge(createTensorCache({ maxBytes: 0 }), { ...request(at, at('second')), candidate })
      const [first, second] = await Promise.all(
        ['first', 'second'].map((name) => readFile(path.join(at(name), 'model.onnx'))),
      )
      assert.ok(first!.equals(second!), `${method} at ${level}`)
    }
})

test('the base is a starting point of every merge that has one, whatever the methods', async ({ at }) => {
  for (const chosen of [['linear'], ['linear', 'ties'], ['task_arithmetic']]) {
    const narrow = { ...space, methods: chosen }
    const [first, ...others] = mergeSpace(narrow).seeds
    assert.equal(first!.w, [
      [0, 0],
      [0, 0],
      [0, 0],
    ])
    assert.is(others.length >= 3, true)
    const cache = createTensorCache({ maxBytes: CACHE_BYTES })
    await buildMerge(cache, { ...request(at, at('zero')), candidate: mergeCandidate(narrow, first!) })
    const [built, base] = [cache.open(at('zero')), cache.open(at('base'))]
    for (const name of base.infos.keys()) assert.equal(built.read(name), base.read(name), name)
    await rm(at('zero'), { recursive: true })
  }
})

test('models of another shape are refused by the name of the tensor', async ({ at }) => {
  const cache = createTensorCache({ maxBytes: CACHE_BYTES })
  const candidate = mergeCandidate(space, mergeSpace(space).seeds[0]!)
  const parents = [at('red'), at('wide')]
  const error = await rejectsCode(
    buildMerge(cache, { ...request(at, at('never')), parents, candidate }),
    'EVOLVE_MODELS_DIFFER',
  )
  assert.match(error.message, 'mlp.')
  await rejectsCode(
    stat(at('never')).catch(() => Promise.reject(error)),
    'EVOLVE_MODELS_DIFFER',
  )
})

test('tensors stay in memory within a limit, and a model that was written anew is read anew', async ({
  at,
}) => {
  const directory = at('changing')
  writeTinyLanguageModel(directory, 'llama', { seed: 4 })
  const name = 'model.layers.0.mlp.up_proj.weight'
  const cache = createTensorCache({ maxBytes: 32 * 48 * 4 * 2 })
  const before = cache.open(directory).read(name)
  assert.is(cache.open(directory).read(name), before)
  for (const other of cache.open(directory).infos.keys()) {
    cache.open(directory).read(other)
    assert.ok(cache.sizeBytes() <= 32 * 48 * 4 * 2)
  }
  assert.is.not(cache.open(directory).read(name), before)
  assert.equal(cache.open(directory).read(name), before)
  await rm(directory, { recursive: true })
  writeTinyLanguageModel(directory, 'llama', { seed: 5 })
  assert.not.equal(cache.open(directory).read(name), before)
})

test('noise of low rank: unit variance, of its rank, by seed and tensor', () => {
  const init = { tensor: 'w', rows: 60, cols: 50, rank: 2, seed: 7 }
  const noise = (part: Partial<typeof init> = {}) => {
    const target = new Float64Array(60 * 50)
    addLowRankNoise(target, { ...init, ...part, scale: 1 })
    return target
  }
  const values = noise()
  const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length
  assert.ok(variance > 0.5 && variance < 1.8, `${variance}`)
  assert.equal(noise(), values)
  assert.not.equal(noise({ seed: 8 }), values)
  assert.not.equal(noise({ tensor: 'v' }), values)
  // Of rank 2: every 3 × 3 minor is zero.
  const at = (row: number, col: number) => values[row * 50 + col]!
  const minor = (rows: readonly number[], cols: readonly number[]) => {
    const [a, b, c] = rows as [number, number, number]
    const [x, y, z] = cols as [number, number, number]
    return (
      at(a, x) * (at(b, y) * at(c, z) - at(b, z) * at(c, y)) -
      at(a, y) * (at(b, x) * at(c, z) - at(b, z) * at(c, x)) +
      at(a, z) * (at(b, x) * at(c, y) - at(b, y) * at(c, x))
    )
  }
  assert.ok(Math.abs(minor([3, 17, 51], [2, 20, 44])) < 1e-9)
  assert.ok(Math.abs(at(3, 2) * at(17, 20) - at(3, 20) * at(17, 2)) > 1e-6)
  // Golden: the same numbers on every machine.
  assert.equal(
    Array.from(values.subarray(0, 3), (value) => value.toFixed(12)),
    GOLDEN,
  )
})

test('a perturbed model is its base plus the sum of its steps, vectors untouched', async ({ at }) => {
  const cache = createTensorCache({ maxBytes: CACHE_BYTES })
  const steps = [
    { direction: 0, step: 0.5 },
    { direction: 3, step: -1 },
  ]
  const init = { modelDir: at('base'), seed: 11, rank: 3, largest: 0.2, card: null }
  await buildPerturbed(cache, { ...init, steps, outDir: at('moved') })
  const [base, moved] = [cache.open(at('base')), cache.open(at('moved'))]
  const name = 'model.layers.1.self_attn.q_proj.weight'
  const [rows, cols] = base.infos.get(name)!.dims as [number, number]
  const expected = Float64Array.from(base.read(name))
  const unit = rootMeanSquare(base.read(name)) * 0.2
  for (const { direction, step } of steps)
    addLowRankNoise(expected, { tensor: name, rows, cols, rank: 3, seed: 11 + direction, scale: unit * step })
  assert.equal(moved.read(name), Float32Array.from(expected))
  assert.not.equal(moved.read(name), base.read(name))
  assert.equal(moved.read('model.norm.weight'), base.read('model.norm.weight'))
})

test('what an encoder keeps: 1 for the same direction, 0 from a cosine of a half on', () => {
  const before = Float32Array.of(1, 0, 1, 0, 1, 0, 0, 0)
  const after = Float32Array.of(2, 0, 0.5, Math.sqrt(0.75), -1, 0, 1, 1)
  const [same, half, opposite, nothing] = keptScores(before, after, 4)
  assert.is(same, 1)
  assert.ok(half! < 1e-6)
  assert.is(opposite, 0)
  assert.is(nothing, 0)
  assert.equal([...keptScores(Float32Array.of(1, 0), Float32Array.of(Number.NaN, 1), 1)], [0])
  assert.equal([...keptScores(Float32Array.of(1, 0), Float32Array.of(Number.POSITIVE_INFINITY, 1), 1)], [0])
})

test.run()
