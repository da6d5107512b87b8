/**
 * Tiny random models of the families that the builder knows, as trainers publish them: config.json, tokenizer.json,
 * model.safetensors. The same seed gives the same bytes.
 */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildModel } from '../../node/compute/models/builder/build-model.ts'
import { type LanguageCard, readLanguageCard } from '../../node/compute/models/language-card.ts'
import type { EncoderCard } from '../../node/compute/models/model-card.ts'
import { BFLOAT16, encodeFloats, FLOAT16, FLOAT32 } from '../../node/compute/onnx/data-types.ts'
import { bytesOf, safetensors } from '../compute/safetensors/small-safetensors.ts'
import { BYTE_TOKENIZER_VOCABULARY, byteTokenizer } from './byte-tokenizer.ts'
import { TINY_FAMILIES, type TinyEncoderFamily, type TinyFamily } from './tiny-families.ts'

export type { TinyFamily } from './tiny-families.ts'
export type TinyLanguageFamily = Exclude<TinyFamily, TinyEncoderFamily>

export interface TinyTensor {
  readonly dims: readonly number[]
  readonly data: Float32Array
}

/** What was written, for references that compute the same by other means. */
export interface TinyModel {
  readonly directory: string
  readonly config: Readonly<Record<string, unknown>>
  readonly tensors: ReadonlyMap<string, TinyTensor>
}

export interface TinyInit {
  readonly seed?: number
  /** Keys of config.json that differ from the family's tiny ones. */
  readonly config?: Readonly<Record<string, unknown>>
  readonly dtype?: 'F32' | 'F16' | 'BF16'
}

const CODES = { F32: FLOAT32, F16: FLOAT16, BF16: BFLOAT16 }

/** Numbers spread like a bell, of the deviation `scale`, the same in every run. */
export function tinyNoise(length: number, seed: number, scale: number): Float32Array {
  let state = (Math.imul(seed, 2_654_435_761) ^ 0x5bd1e995) >>> 0
  const uniform = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32 - 0.5
  }
  return Float32Array.from({ length }, () => (uniform() + uniform() + uniform()) * 2 * scale)
}

/** Writes a source directory: what `buildModel` reads. */
export function writeTinySource(directory: string, family: TinyFamily, init: TinyInit = {}): TinyModel {
  const { seed = 1, dtype = 'F32' } = init
  const row = TINY_FAMILIES[family]
  const config = { vocab_size: BYTE_TOKENIZER_VOCABULARY, ...row.config, ...init.config }
  const tensors = new Map<string, TinyTensor>()
  for (const [index, { name, dims, kind }] of row.tensors(config).entries()) {
    const length = dims.reduce((product, size) => product * size, 1)
    const scale = kind === 'matrix' ? 1 / Math.sqrt(dims.at(-1)!) : 0.1
    const data = tinyNoise(length, seed * 1000 + index, scale)
    tensors.set(name, { dims, data: kind === 'scale' ? data.map((value) => 1 + value) : data })
  }
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'config.json'), JSON.stringify(config, null, 2))
  writeFileSync(join(directory, 'tokenizer.json'), JSON.stringify(byteTokenizer()))
  writeFileSync(
    join(directory, 'model.safetensors'),
    safetensors(
      [...tensors].map(([name, { dims, data }]) => ({
        name,
        dtype,
        shape: dims,
        bytes: bytesOf(new Uint8Array(encodeFloats(CODES[dtype], data)!)),
      })),
    ),
  )
  return { directory, config, tensors }
}

/** Builds a tiny model in `directory`: model.onnx, model.json, tokenizer.json, config.json; its source lies in `directory`/source. */
export function writeTinyModel(
  directory: string,
  family: TinyFamily,
  init: TinyInit & { adapters?: boolean } = {},
): TinyModel & { card: LanguageCard | EncoderCard } {
  const source = join(directory, 'source')
  const tiny = writeTinySource(source, family, init)
  const adapters = init.adapters ?? true
  const card = buildModel({
    modelDir: source,
    outDir: directory,
    adapters,
    about: { name: `tiny-${family}` },
  })
  for (const file of ['config.json', 'tokenizer.json'])
    copyFileSync(join(source, file), join(directory, file))
  return { ...tiny, directory, card }
}

/** As writeTinyModel, for a family that generates text. */
export function writeTinyLanguageModel(
  directory: string,
  family: TinyLanguageFamily = 'llama',
  init: TinyInit & { adapters?: boolean } = {},
): TinyModel & { card: LanguageCard } {
  const tiny = writeTinyModel(directory, family, init)
  return { ...tiny, card: readLanguageCard(directory) }
}
