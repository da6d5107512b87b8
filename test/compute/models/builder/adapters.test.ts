/** LoRA inputs of the graphs: without a rank they change nothing, with one they act as if merged into the weights. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { buildModel } from '../../../../node/compute/models/builder/build-model.ts'
import type { LanguageCard } from '../../../../node/compute/models/language-card.ts'
import { largestDifference } from '../../../helpers/differences.ts'
import {
  type TinyModel,
  type TinyTensor,
  tinyNoise,
  writeTinyLanguageModel,
} from '../../../helpers/language-models.ts'
import { openGraph } from '../../../helpers/run-graph.ts'
import { bytesOf, safetensors } from '../../safetensors/small-safetensors.ts'

let directory = ''
test.before.each(() => {
  directory = mkdtempSync(join(tmpdir(), 'village-adapters-'))
})
test.after.each(() => rmSync(directory, { recursive: true, force: true }))

const TOKENS = [1, 300, 261, 270, 330]

function writeWeights(tensors: ReadonlyMap<string, TinyTensor>): void {
  const list = [...tensors].map(([name, { dims, data }]) => ({
    name,
    dtype: 'F32',
    shape: dims,
    bytes: bytesOf(data),
  }))
  writeFileSync(join(directory, 'model.safetensors'), safetensors(list))
}

/** W + A · B in the orientation of the file: the same layer with the adapter merged in. */
function mergeAdapter(
  tiny: TinyModel,
  module: string,
  down: Float32Array,
  up: Float32Array,
  conv: boolean,
): void {
  const { dims, data } = tiny.tensors.get(`${module}.weight`)!
  const [first, second] = dims as [number, number]
  const [inputs, outputs] = conv ? [first, second] : [second, first]
  const rank = down.length / inputs
  for (let i = 0; i < inputs; i++)
    for (let o = 0; o < outputs; o++) {
      let sum = 0
      for (let r = 0; r < rank; r++) sum += down[i * rank + r]! * up[r * outputs + o]!
      data[conv ? i * outputs + o : o * inputs + i]! += sum
    }
}

for (const family of ['llama', 'qwen2', 'qwen3', 'mistral', 'gpt2'] as const)
  test(`${family}: LoRA inputs of rank 0 change nothing but rounding; fed, they act as if merged into the weights`, async () => {
    const plain = writeTinyLanguageModel(directory, family, { adapters: false })
    assert.is(plain.card.adapters, null)
    const bare = await openGraph(directory, plain.card)
    const without = await bare.prefill({ rows: [TOKENS] })
    await bare.close()

    const tiny = writeTinyLanguageModel(directory, family)
    const modules = tiny.card.adapters!.modules
    assert.is(modules.length, family === 'gpt2' ? 8 : 14)
    const graph = await openGraph(directory, tiny.card)
    const absent = largestDifference(await graph.prefill({ rows: [TOKENS] }), without)
    const size = without.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    assert.ok(absent <= 1e-6 * size, `of rank 0, they change logits of ${size} by ${absent}`)

    // Of rank 4 on every other module, of rank 2 on one more.
    const fed: Record<string, { dims: readonly number[]; data: Float32Array }> = {}
    for (const [index, { name, inputs, outputs }] of modules.entries()) {
      if (index % 2 === 1 && index !== 3) continue
      const rank = index === 3 ? 2 : 4
      const down = tinyNoise(inputs * rank, 50 + index, 0.2)
      const up = tinyNoise(outputs * rank, 90 + index, 0.2)
      fed[`${name}.lora_A`] = { dims: [inputs, rank], data: down }
      fed[`${name}.lora_B`] = { dims: [rank, outputs], data: up }
      mergeAdapter(tiny, name, down, up, family === 'gpt2')
    }
    const adapted = await graph.prefill({ rows: [TOKENS], adapters: fed })
    await graph.close()
    writeFileSync(join(directory, 'config.json'), JSON.stringify(tiny.config))
    writeWeights(tiny.tensors)
    const card = buildModel({ modelDir: directory, outDir: directory, adapters: false }) as LanguageCard
    const merged = await openGraph(directory, card)
    const expected = await merged.prefill({ rows: [TOKENS] })
    await merged.close()
    const [effect, error] = [largestDifference(expected, without), largestDifference(adapted, expected)]
    assert.ok(effect > 0.05, `the adapter changes logits by ${effect}`)
    assert.ok(error < 2e-5, `fed and merged, logits are ${error} apart`)
  })

test.run()
