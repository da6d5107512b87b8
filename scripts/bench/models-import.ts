/** Importing a trained llama2.c checkpoint: what the graph computes against the reference's forward pass, and what it tells. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ort from 'onnxruntime-node'
import { buildModel } from '../../node/compute/models/builder/build-model.ts'
import { importLlama2c } from '../../node/compute/models/builder/llama2c.ts'
import { type LanguageCard, readLanguageCard } from '../../node/compute/models/language-card.ts'
import { loadLanguageTokenizer } from '../../node/compute/models/tokenizer.ts'
import { llamaLogits, plainFrequencies, type ReferenceConfig } from '../../node/compute/reference/llama.ts'
import { openSafetensors } from '../../node/compute/safetensors/read.ts'
import type { BenchContext } from './bench.ts'

const DATA = fileURLToPath(new URL('../../../shared/data/models', import.meta.url))
const STORY = 'Once upon a time, there was a little girl named Lily.'
const LOGIT_BAR = 1e-4

/** Imports stories260K into `directory`; null where the data is not there. */
export function importStories(directory: string): { modelDir: string; seconds: number } | null {
  const [checkpoint, tokenizer] = [join(DATA, 'stories260K.bin'), join(DATA, 'tok512.bin')]
  if (!existsSync(checkpoint) || !existsSync(tokenizer)) return null
  mkdirSync(directory, { recursive: true })
  const startedAt = performance.now()
  importLlama2c({ checkpoint, tokenizer, outDir: directory })
  buildModel({ modelDir: directory, outDir: directory, adapters: false, about: { name: 'stories260k' } })
  return { modelDir: directory, seconds: (performance.now() - startedAt) / 1000 }
}

/** Reports the time, the largest difference of logits to the reference, and how much of the story is told. */
export async function reportImport(
  { report }: Pick<BenchContext, 'report'>,
  imported: { modelDir: string; seconds: number },
): Promise<void> {
  const { modelDir, seconds } = imported
  report({ case: 'stories260K: import', value: seconds, unit: 's', better: 'lower', bar: null })
  const card = readLanguageCard(modelDir)
  const tokenizer = loadLanguageTokenizer(modelDir)
  const session = await ort.InferenceSession.create(join(modelDir, 'model.onnx'), { logSeverityLevel: 4 })
  try {
    const tokens = tokenizer.encode(STORY, { specialTokens: true })
    const logits = await logitsOf(session, card, tokens)
    const expected = referenceLogits(modelDir, tokens)
    const difference = logits.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0)
    report({
      case: 'stories260K: logits, largest difference to the reference',
      value: difference,
      unit: 'logits',
      better: 'lower',
      bar: LOGIT_BAR,
    })
    const told = tokens.slice(0, 1)
    while (told.length < tokens.length) {
      const last = (await logitsOf(session, card, told)).subarray(-card.vocabulary)
      told.push(last.indexOf(Math.max(...last)))
    }
    const text = tokenizer.decode(told, { skipSpecial: true })
    let same = 0
    while (same < STORY.length && text[same] === STORY[same]) same++
    report({
      case: 'stories260K: share of the known beginning that greedy decoding tells',
      value: same / STORY.length,
      unit: 'share',
      better: 'higher',
      bar: 1,
    })
  } finally {
    await session.release()
  }
}

/** Of every token, with nothing in the cache: [tokens, vocabulary]. */
async function logitsOf(
  session: ort.InferenceSession,
  card: LanguageCard,
  tokens: readonly number[],
): Promise<Float32Array> {
  const count = tokens.length
  const int64 = (values: readonly number[], dims: number[]) =>
    new ort.Tensor('int64', BigInt64Array.from(values, BigInt), dims)
  const places = tokens.map((_, at) => at)
  const feeds: Record<string, ort.Tensor> = {
    input_ids: int64(tokens, [1, count]),
    seqlens_k: new ort.Tensor('int32', Int32Array.of(count - 1), [1]),
    total_sequence_length: new ort.Tensor('int32', Int32Array.of(count), []),
    logit_rows: int64(places, [count]),
    ...(card.positionInput && { position_ids: int64(places, [1, count]) }),
  }
  const cache = [1, card.keyValueHeads, count, card.headSize]
  for (let layer = 0; layer < card.layers; layer++)
    for (const what of ['key', 'value'])
      feeds[`past_key_values.${layer}.${what}`] = new ort.Tensor(
        'float32',
        new Float32Array(card.keyValueHeads * count * card.headSize),
        cache,
      )
  const { logits } = await session.run(feeds, ['logits'])
  return logits!.data as Float32Array
}

function referenceLogits(modelDir: string, tokens: readonly number[]): Float32Array {
  using model = openSafetensors(modelDir)
  const weights = new Map(
    model.tensors.map((tensor) => [tensor.name, model.readFloats(tensor, 0, tensor.elements)]),
  )
  const json = JSON.parse(readFileSync(join(modelDir, 'config.json'), 'utf8')) as Record<string, number>
  const [width, heads] = [json.hidden_size!, json.num_attention_heads!]
  const headSize = width / heads
  const config: ReferenceConfig = {
    width,
    hidden: json.intermediate_size!,
    layers: json.num_hidden_layers!,
    heads,
    keyValueHeads: json.num_key_value_heads!,
    headSize,
    vocabulary: json.vocab_size!,
    epsilon: json.rms_norm_eps!,
    frequencies: plainFrequencies(headSize, json.rope_theta!),
    pairs: 'half',
  }
  return llamaLogits((name) => weights.get(name), config, tokens)
}
