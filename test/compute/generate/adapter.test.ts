/** LoRA adapters: a model with one gives what the same model gives whose weights have it merged in. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { GenerateRequest } from '../../../node/compute/generate/language-model.ts'
import { openLanguageModel } from '../../../node/compute/generate/open-language-model.ts'
import { buildModel } from '../../../node/compute/models/builder/build-model.ts'
import { encodeFloats, FLOAT32 } from '../../../node/compute/onnx/data-types.ts'
import { type TinyModel, tinyNoise, writeTinyLanguageModel } from '../../helpers/language-models.ts'
import { rejectsCode } from '../../helpers/throws.ts'
import { bytesOf, safetensors } from '../safetensors/small-safetensors.ts'

const test = suite('adapters')
const NEVER = new AbortController().signal
const RANK = 3
const ALPHA = 12
const MODULES = ['model.layers.0.self_attn.q_proj', 'model.layers.1.mlp.down_proj']

let root = ''
let tiny: TinyModel
test.before(() => {
  root = mkdtempSync(join(tmpdir(), 'village-adapter-'))
  tiny = writeTinyLanguageModel(join(root, 'base'), 'llama', { seed: 5 })
})
test.after(() => rmSync(root, { recursive: true, force: true }))

const tensorOf = (name: string, shape: readonly number[], data: Float32Array) => ({
  name,
  dtype: 'F32',
  shape: [...shape],
  bytes: bytesOf(new Uint8Array(encodeFloats(FLOAT32, data)!)),
})

/** Matrices of one module, as trainers write them. */
function matrices(module: string, index: number) {
  const [outputs, inputs] = tiny.tensors.get(`${module}.weight`)!.dims as [number, number]
  return {
    outputs,
    inputs,
    down: tinyNoise(RANK * inputs, 70 + index, 0.3),
    up: tinyNoise(outputs * RANK, 90 + index, 0.3),
  }
}

function writeAdapter(directory: string, modules = MODULES): string {
  mkdirSync(directory, { recursive: true })
  const tensors = modules.flatMap((module, index) => {
    const known = MODULES.includes(module)
    const { inputs, outputs, down, up } = known
      ? matrices(module, index)
      : { inputs: 32, outputs: 32, down: new Float32Array(96), up: new Float32Array(96) }
    const name = `base_model.model.${module}`
    return [
      tensorOf(`${name}.lora_A.weight`, [RANK, inputs], down),
      tensorOf(`${name}.lora_B.weight`, [outputs, RANK], up),
    ]
  })
  writeFileSync(join(directory, 'adapter_model.safetensors'), safetensors(tensors))
  writeFileSync(join(directory, 'adapter_config.json'), JSON.stringify({ r: RANK, lora_alpha: ALPHA }))
  return directory
}

/** The base with W + alpha/r · B A for the modules. */
function writeMerged(directory: string): string {
  mkdirSync(directory)
  const merged = [...tiny.tensors].map(([name, { dims, data }]) => {
    const index = MODULES.findIndex((module) => name === `${module}.weight`)
    if (index === -1) return tensorOf(name, dims, data)
    const { inputs, outputs, down, up } = matrices(MODULES[index]!, index)
    const sum = data.slice()
    for (let row = 0; row < outputs; row++)
      for (let column = 0; column < inputs; column++)
        for (let rank = 0; rank < RANK; rank++)
          sum[row * inputs + column]! +=
            (ALPHA / RANK) * up[row * RANK + rank]! * down[rank * inputs + column]!
    return tensorOf(name, dims, sum)
  })
  writeFileSync(join(directory, 'config.json'), JSON.stringify(tiny.config))
  writeFileSync(join(directory, 'model.safetensors'), safetensors(merged))
  buildModel({ modelDir: directory, outDir: directory, adapters: false })
  return directory
}

const request = (adapter?: string): GenerateRequest => ({
  tokens: [3, 9, 27, 81, 243],
  maxTokens: 20,
  sampling: {},
  ignoreEnd: true,
  logProbabilities: 0,
  ...(adapter !== undefined && { adapter }),
})

test('an adapter gives what merged weights give, beside requests without one', async () => {
  const adapter = writeAdapter(join(root, 'adapter'))
  const merged = writeMerged(join(root, 'merged'))
  writeFileSync(join(merged, 'tokenizer.json'), JSON.stringify(await tokenizerJson()))
  const plain = await openLanguageModel(join(root, 'base'), { threads: 1 })
  const other = await openLanguageModel(merged, { threads: 1 })
  const model = await openLanguageModel(join(root, 'base'), { threads: 1, adapters: true })
  try {
    const [expectedPlain] = await plain.generate([request()], NEVER)
    const [expected] = await other.generate([request()], NEVER)
    const [base, adapted, again] = await model.generate([request(), request(adapter), request()], NEVER)
    assert.equal([...base!.tokens], [...expectedPlain!.tokens])
    assert.equal([...again!.tokens], [...expectedPlain!.tokens])
    assert.equal([...adapted!.tokens], [...expected!.tokens])
    assert.is.not(adapted!.tokens.join(), base!.tokens.join())
    for (const [index, row] of adapted!.logProbabilities!.entries())
      assert.ok(Math.abs(row.logProbability - expected!.logProbabilities![index]!.logProbability) < 1e-4)
    await rejectsCode(plain.generate([request(adapter)], NEVER), 'ADAPTER_INVALID')
    const odd = writeAdapter(join(root, 'odd'), [...MODULES, 'model.layers.9.mlp.up_proj'])
    await rejectsCode(model.generate([request(odd)], NEVER), 'ADAPTER_INVALID')
  } finally {
    for (const one of [plain, other, model]) await one.close()
  }
})

async function tokenizerJson(): Promise<object> {
  const { byteTokenizer } = await import('../../helpers/byte-tokenizer.ts')
  return byteTokenizer()
}

test.run()
