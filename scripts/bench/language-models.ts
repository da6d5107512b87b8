/** The models that generation is measured with: a trained one of 260 thousand parameters, and one of 28 million that knows nothing. */
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { buildModel } from '../../node/compute/models/builder/build-model.ts'
import { sentencePieceTokenizer } from '../../node/compute/models/builder/llama2c-tokenizer.ts'
import { initialiseModel } from '../../node/compute/training/initialise.ts'
import { importStories } from './models-import.ts'

const SPECIAL_AND_BYTES = 259

export const MADE_CONFIG = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_size: 512,
  intermediate_size: 1408,
  num_hidden_layers: 8,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  vocab_size: 8192,
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
  tie_word_embeddings: true,
  hidden_act: 'silu',
  bos_token_id: 1,
  eos_token_id: 2,
}

export interface BenchModel {
  readonly name: string
  /** As onnxruntime runs it. */
  readonly directory: string
  /** config.json and model.safetensors. */
  readonly source: string
}

/** Returns null where the data is not there. */
export function storiesModel(root: string): (BenchModel & { readonly seconds: number }) | null {
  const imported = importStories(path.join(root, 'stories'))
  if (imported === null) return null
  const { modelDir, seconds } = imported
  return { name: 'stories260K', directory: modelDir, source: modelDir, seconds }
}

export function madeModel(root: string): BenchModel {
  const directory = path.join(root, 'made')
  mkdirSync(directory)
  initialiseModel({ config: MADE_CONFIG, seed: 1, outDir: directory })
  const pieces = Array.from({ length: MADE_CONFIG.vocab_size - SPECIAL_AND_BYTES }, (_, index) => ({
    text: ` t${index}`,
    score: -index,
  }))
  writeFileSync(path.join(directory, 'tokenizer.json'), JSON.stringify(sentencePieceTokenizer(pieces)))
  buildModel({ modelDir: directory, outDir: directory, adapters: false })
  return { name: 'made 28M', directory, source: directory }
}
