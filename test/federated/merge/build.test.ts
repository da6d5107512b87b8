/** Whole merges on one machine: what the output directory holds, whatever the models are stored as. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readLanguageCard } from '../../../node/compute/models/language-card.ts'
import { loadLanguageTokenizer } from '../../../node/compute/models/tokenizer.ts'
import { openSafetensors } from '../../../node/compute/safetensors/read.ts'
import { VillageError } from '../../../node/errors.ts'
import { MERGE_OPERATIONS } from '../../../node/federated/merge/operations.ts'
import { openTensorSource } from '../../../node/federated/merge/tensor-source.ts'
import type { JsonObject } from '../../../node/json.ts'
import { bytesOf, writeShards } from '../../compute/safetensors/small-safetensors.ts'
import { byteTokenizer } from '../../helpers/byte-tokenizer.ts'
import {
  type TinyFamily,
  type TinyInit,
  writeTinyModel,
  writeTinySource,
} from '../../helpers/language-models.ts'
import { openGraph } from '../../helpers/run-graph.ts'
import { rejectsCode } from '../../helpers/throws.ts'
import { TINY_FAMILIES } from '../../helpers/tiny-families.ts'

const root = mkdtempSync(path.join(tmpdir(), 'village-merge-'))
test.after(() => rmSync(root, { recursive: true, force: true }))

let count = 0
const fresh = (name: string) => path.join(root, `${count++}-${name}`)
const signal = new AbortController().signal

function weights(family: TinyFamily, init: TinyInit = {}) {
  const directory = fresh(family)
  return writeTinySource(directory, family, init)
}

function graph(family: TinyFamily, init: TinyInit = {}) {
  const directory = fresh(family)
  mkdirSync(directory)
  return writeTinyModel(directory, family, init)
}

async function build(recipe: JsonObject, models: Readonly<Record<string, { directory: string }>>) {
  const outDir = fresh('merged')
  const placed = Object.entries(models).map(([name, { directory }]) => ({ name, directory, cid: null }))
  const built = await MERGE_OPERATIONS['merge.build'](
    { recipe, models: placed, outDir, workDir: fresh('work') },
    signal,
  )
  return { ...built, outDir }
}

const average = (names: readonly string[], more: JsonObject = {}): JsonObject => ({
  merge_method: 'linear',
  models: names.map((model) => ({ model, parameters: { weight: 1 } })),
  ...more,
})

function tensorsOf(directory: string): Map<string, Float32Array> {
  using source = openTensorSource(directory)
  return new Map([...source.tensors.keys()].map((name) => [name, source.read(name)]))
}

/** Every file with its bytes, as one text. */
function hashOf(directory: string): string {
  const hash = createHash('sha256')
  for (const name of readdirSync(directory).sort())
    hash.update(name).update(readFileSync(path.join(directory, name)))
  return hash.digest('hex')
}

const mean = (a: Float32Array, b: Float32Array) => a.map((value, at) => (value + b[at]!) / 2)

for (const family of Object.keys(TINY_FAMILIES) as TinyFamily[])
  test(`${family}: graphs and weights of two models give their mean`, async () => {
    const [a, b] = [graph(family), graph(family, { seed: 2 })]
    const fromGraphs = await build(average(['a', 'b']), { a, b })
    const sources = {
      a: { directory: path.join(a.directory, 'source') },
      b: { directory: path.join(b.directory, 'source') },
    }
    const fromWeights = await build(average(['a', 'b']), sources)
    assert.is(fromGraphs.kind, fromWeights.kind)
    assert.ok(existsSync(path.join(fromGraphs.outDir, 'tokenizer.json')))
    const [one, other] = [tensorsOf(fromGraphs.outDir), tensorsOf(fromWeights.outDir)]
    const turned = fromGraphs.kind === 'encoder'
    let compared = 0
    for (const [name, { data }] of a.tensors) {
      const expected = mean(data, b.tensors.get(name)!.data)
      // Graphs of encoders keep their weights as operands; their values are the same, and lie the other way round.
      for (const merged of [one.get(name), other.get(name)]) {
        if (merged === undefined) continue
        compared++
        const order = (values: Float32Array) => (turned ? values.slice().sort() : values)
        assert.equal(order(merged), order(expected), name)
      }
    }
    assert.ok(compared >= a.tensors.size)
  })

test('the same merge gives the same bytes, from graphs and again', async () => {
  const [a, b] = [graph('llama'), graph('llama', { seed: 2 })]
  const recipe = {
    ...average(['b']),
    merge_method: 'dare_linear',
    base_model: 'a',
    parameters: { density: 0.5 },
  }
  const first = await build(recipe, { a, b })
  assert.is(hashOf((await build(recipe, { a, b })).outDir), hashOf(first.outDir))
  const other = await build({ ...recipe, random_seed: 1 }, { a, b })
  assert.is.not(hashOf(other.outDir), hashOf(first.outDir))
})

test('layers of two models are stacked into one that runs', async () => {
  const [a, b] = [graph('llama'), graph('llama', { seed: 2 })]
  const slices = [
    { sources: [{ model: 'a', layer_range: [0, 2] }] },
    {
      sources: [
        {
          model: 'b',
          layer_range: [1, 2],
          parameters: { scale: [{ filter: 'down_proj', value: 0.5 }, { value: 1 }] },
        },
      ],
    },
  ]
  const { outDir } = await build({ merge_method: 'passthrough', slices }, { a, b })
  assert.is(readLanguageCard(outDir).layers, 3)
  const merged = tensorsOf(outDir)
  const norm = 'input_layernorm.weight'
  assert.equal(merged.get(`model.layers.2.${norm}`), b.tensors.get(`model.layers.1.${norm}`)!.data)
  const down = b.tensors.get('model.layers.1.mlp.down_proj.weight')!.data
  assert.equal(
    merged.get('model.layers.2.mlp.down_proj.weight'),
    down.map((value) => value / 2),
  )
  assert.equal(merged.get('model.embed_tokens.weight'), a.tensors.get('model.embed_tokens.weight')!.data)
  assert.equal(
    merged.get('model.norm.weight'),
    b.tensors.get('model.norm.weight')!.data,
    'from the last slice',
  )
  const runner = await openGraph(outDir, readLanguageCard(outDir))
  const logits = await runner.prefill({ rows: [[1, 5, 9]] })
  assert.ok(logits.length > 0 && logits.every(Number.isFinite))
  await runner.close()
})

test('shards are read, the type of the output is that of the recipe, and without a configuration weights come out', async () => {
  const a = weights('llama', { seed: 3 })
  const directory = fresh('shards')
  mkdirSync(directory)
  const all = [...a.tensors].map(([name, { dims, data }]) => ({
    name,
    dtype: 'F32',
    shape: dims,
    bytes: bytesOf(data),
  }))
  writeShards(directory, { 'model-1.safetensors': all.slice(0, 5), 'model-2.safetensors': all.slice(5) })
  const half = await build({ ...average(['s']), out_dtype: 'bfloat16' }, { s: { directory } })
  assert.is(half.kind, 'safetensors')
  using model = openSafetensors(half.outDir)
  assert.ok(model.tensors.every(({ dtype }) => dtype === 'BF16'))
  const full = tensorsOf((await build(average(['s']), { s: { directory } })).outDir)
  for (const [name, { data }] of a.tensors) assert.equal(full.get(name), data)
})

test('a head that one model shares with its embedding and another has of its own', async () => {
  const untied = weights('llama', { config: { tie_word_embeddings: false } })
  const tied = weights('llama', { seed: 2 })
  const { outDir } = await build(average(['u', 't']), { u: untied, t: tied })
  const head = tensorsOf(outDir).get('lm_head.weight')
  assert.equal(
    head,
    mean(untied.tensors.get('lm_head.weight')!.data, tied.tensors.get('model.embed_tokens.weight')!.data),
  )
})

/** A model whose tokenizer has one ordinary piece more, and the rows of its last two tokens changed over. */
function withOwnTokens(seed: number) {
  const tokenizer = JSON.parse(JSON.stringify(byteTokenizer())) as {
    model: { vocab: [string, number][] | Record<string, number>; merges?: unknown[] }
  }
  const { vocab } = tokenizer.model
  const own = '▁village'
  if (Array.isArray(vocab)) vocab.push([own, -50])
  else vocab[own] = Object.keys(vocab).length
  const size = Object.keys(vocab).length
  const model = weights('llama', { seed, config: { vocab_size: size } })
  writeFileSync(path.join(model.directory, 'tokenizer.json'), JSON.stringify(tokenizer))
  return { ...model, own, size }
}

test('a union of tokenizers: every token gets the rows of those who know it', async () => {
  const [a, b] = [weights('llama'), withOwnTokens(2)]
  await rejectsCode(build(average(['a', 'b']), { a, b }), 'MERGE_SHAPE_MISMATCH')
  const table = 'model.embed_tokens.weight'
  const { outDir } = await build(average(['a', 'b'], { tokenizer_source: 'union' }), { a, b })
  const card = readLanguageCard(outDir)
  assert.is(card.vocabulary, b.size)
  const tokenizer = loadLanguageTokenizer(outDir)
  const row = tokenizer.tokenOf(b.own)!
  const cols = a.tensors.get(table)!.dims[1]!
  const merged = tensorsOf(outDir).get(table)!
  const [ours, theirs] = [a.tensors.get(table)!.data, b.tensors.get(table)!.data]
  assert.equal(merged.subarray(row * cols, (row + 1) * cols), theirs.subarray(row * cols, (row + 1) * cols))
  assert.equal(merged.subarray(0, cols), mean(ours, theirs).subarray(0, cols))

  const tokens = { [b.own]: { source: { kind: 'zero' }, force: true } }
  const zero = await build(
    average(['a', 'b'], { tokenizer: { source: 'union', tokens, pad_to_multiple_of: 64 } }),
    { a, b },
  )
  const zeroed = tensorsOf(zero.outDir).get(table)!
  assert.ok(zeroed.subarray(row * cols, (row + 1) * cols).every((value) => value === 0))
  assert.is(zeroed.length / cols, Math.ceil(b.size / 64) * 64)
  assert.is(tokenizer.encode(' village').length > 0, true)

  const chosen = await build(average(['a', 'b'], { tokenizer_source: 'b' }), { a, b })
  assert.is(readLanguageCard(chosen.outDir).vocabulary, b.size)
})

test('tokenizers that differ are not merged without a word', async () => {
  const [a, b] = [weights('llama'), weights('llama', { seed: 2 })]
  const tokenizer = JSON.parse(JSON.stringify(byteTokenizer())) as {
    normalizer: unknown
    model: { vocab: Record<string, number> }
  }
  const { vocab } = tokenizer.model
  const [first, second] = Object.keys(vocab).slice(300)
  ;[vocab[first!], vocab[second!]] = [vocab[second!]!, vocab[first!]!]
  writeFileSync(path.join(b.directory, 'tokenizer.json'), JSON.stringify(tokenizer))
  await rejectsCode(build(average(['a', 'b']), { a, b }), 'MERGE_TOKENIZER_DIFFERS')
  await build(average(['a', 'b'], { tokenizer_source: 'union' }), { a, b })
  tokenizer.normalizer = { type: 'Lowercase' }
  writeFileSync(path.join(b.directory, 'tokenizer.json'), JSON.stringify(tokenizer))
  await rejectsCode(
    build(average(['a', 'b'], { tokenizer_source: 'union' }), { a, b }),
    'MERGE_TOKENIZER_DIFFERS',
  )
})

test('what does not fit together is named, and nothing is left of it', async () => {
  const a = weights('llama')
  const wide = weights('llama', { config: { intermediate_size: 96 } })
  const deep = weights('llama', { config: { num_hidden_layers: 3 } })
  const huge = weights('llama', { seed: 4 })
  const shape = await rejectsCode(build(average(['a', 'wide']), { a, wide }), 'MERGE_SHAPE_MISMATCH')
  assert.is(shape.fields.model, 'wide')
  const missing = await rejectsCode(build(average(['deep', 'a']), { a, deep }), 'MERGE_TENSOR_MISSING')
  assert.is(missing.fields.model, 'a')
  await rejectsCode(build(average(['a', 'deep']), { a, deep }), 'MERGE_TENSOR_MISSING')
  const slices = [{ sources: [{ model: 'a', layer_range: [0, 9] }] }]
  await rejectsCode(build({ merge_method: 'passthrough', slices }, { a }), 'MERGE_TENSOR_MISSING')
  await rejectsCode(build(average(['a', 'other']), { a }), 'INVALID_ARGUMENT')
  const recipe = { ...average(['a', 'huge']), parameters: { normalize: false } }
  const models = [
    { model: 'a', parameters: { weight: 1 } },
    { model: 'huge', parameters: { weight: 1e6 } },
  ]
  const [name, { dims, data }] = [...huge.tensors][3]!
  data.fill(1e38)
  writeShards(huge.directory, {
    'model.safetensors': [...huge.tensors].map(([key, tensor]) => ({
      name: key,
      dtype: 'F32',
      shape: key === name ? dims : tensor.dims,
      bytes: bytesOf(tensor.data),
    })),
  })
  const before = readdirSync(root).length
  const error = await rejectsCode(build({ ...recipe, models }, { a, huge }), 'MERGE_NOT_FINITE')
  assert.is(error.fields.tensor, name)
  assert.not.ok(
    readdirSync(root)
      .slice(before)
      .some((entry) => entry.includes('merged')),
  )
})

test('slices of a merge are the merge, and a changed bit is found', async () => {
  const [a, b] = [graph('llama'), graph('llama', { seed: 2 })]
  const recipe = average(['a', 'b'])
  const models = [a, b].map(({ directory }, at) => ({ name: 'ab'[at]!, directory, cid: null }))
  const { tensors } = await MERGE_OPERATIONS['merge.survey']({ recipe, models })
  const range = { from: 2, end: 6 }
  const values = await MERGE_OPERATIONS['merge.tensors']({ recipe, models, ...range }, signal)
  const whole = tensorsOf((await build(recipe, { a, b })).outDir)
  const joined = tensors.slice(2, 6).flatMap(({ name }) => [...whole.get(name)!])
  assert.equal([...values], joined)
  const bytes = new Uint8Array(values.buffer.slice(0))
  const chosen = [2, 3, 4, 5]
  assert.is(await MERGE_OPERATIONS['merge.check']({ recipe, models, ...range, chosen, bytes }, signal), null)
  bytes[tensors[2]!.elements * 4 + 1]! ^= 1
  const found = await MERGE_OPERATIONS['merge.check']({ recipe, models, ...range, chosen, bytes }, signal)
  assert.is(found, tensors[3]!.name)
  await rejectsCode(
    MERGE_OPERATIONS['merge.tensors']({ recipe, models, from: 0, end: 999 }, signal),
    'INVALID_ARGUMENT',
  )
})

test('a merge that is cancelled ends at the next tensor, and leaves nothing', async () => {
  const [a, b] = [graph('llama'), weights('llama', { seed: 2 })]
  for (const [name, model] of Object.entries({ a, b })) {
    const stop = new AbortController()
    const outDir = fresh('cancelled')
    let merged = 0
    const work = MERGE_OPERATIONS['merge.build'](
      {
        recipe: average([name]),
        models: [{ name, directory: model.directory, cid: null }],
        outDir,
        workDir: fresh('cancelled-work'),
      },
      stop.signal,
      () => {
        if (++merged === 3) stop.abort(new VillageError('ABORTED'))
      },
    )
    await rejectsCode(work, 'ABORTED')
    assert.is(merged, 3)
    assert.not.ok(existsSync(outDir))
  }
})

test.run()
