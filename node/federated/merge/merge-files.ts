/**
 * The directory that a merge gives: the graph of the template with other weights where its shape stays, a new graph by the builder where layers
 * or tokens change or the template has none, and plain safetensors where no graph can be built.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { buildModel } from '../../compute/models/builder/build-model.ts'
import { configFields } from '../../compute/models/builder/config-fields.ts'
import { familyOf } from '../../compute/models/builder/families.ts'
import {
  encodeLanguageCard,
  type LanguageCard,
  readLanguageCard,
} from '../../compute/models/language-card.ts'
import { encodeCard, readAnyCard } from '../../compute/models/model-card.ts'
import {
  CARD_FILE,
  COMPRESSED_FILE,
  CONFIG_FILE,
  MODEL_FILE,
  README_FILE,
  SAFETENSORS_INDEX_FILE,
} from '../../compute/models/model-files.ts'
import { copyExtras } from '../../compute/models/packed.ts'
import {
  BFLOAT16,
  dataTypeByCode,
  decodeElements,
  encodeFloats,
  FLOAT16,
} from '../../compute/onnx/data-types.ts'
import { replacingTensors } from '../../compute/onnx/replace-tensors.ts'
import { SAFETENSORS_FILE } from '../../compute/safetensors/read.ts'
import { type WrittenType, writingSafetensors } from '../../compute/safetensors/write.ts'
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import type { MergePlan, PlannedTensor } from './plan.ts'
import type { FloatName } from './recipe.ts'
import type { TensorSource } from './tensor-source.ts'
import type { TokenizerOfMerge } from './token-alignment.ts'

export interface MergeAbout {
  readonly name: string
  readonly title: string
  readonly licence: string
  readonly source: string
}

export interface MergeOutput {
  readonly plan: MergePlan
  readonly template: TensorSource
  readonly dtype: FloatName
  readonly about: MergeAbout
  readonly outDir: string
  /** Room for files on the way; it is left empty. */
  readonly workDir: string
  /** Null where the template's stays. */
  readonly tokenizer: TokenizerOfMerge | null
  readonly signal: AbortSignal
  /** The merged values of a tensor; asked for once. */
  values(tensor: PlannedTensor): Float32Array
}

export interface WrittenMerge {
  readonly kind: 'language' | 'encoder' | 'onnx' | 'safetensors'
  readonly parameters: number
}

const WRITTEN: Readonly<Record<FloatName, WrittenType>> = { float32: 'F32', float16: 'F16', bfloat16: 'BF16' }
const CODES: Readonly<Record<FloatName, number | null>> = {
  float32: null,
  float16: FLOAT16,
  bfloat16: BFLOAT16,
}

/** The values as a file of that type would give them back. */
function rounded(values: Float32Array, dtype: FloatName): Float32Array {
  const code = CODES[dtype]
  if (code === null) return values
  const target = new Float32Array(values.length)
  decodeElements(dataTypeByCode(code)!, encodeFloats(code, values)!, target, 0)
  return target
}

/** A matrix [rows, cols] as [cols, rows], in tiles whose writes share cache lines. */
function turned(values: Float32Array, [rows, cols]: readonly [number, number]): Float32Array {
  const target = new Float32Array(values.length)
  for (let row = 0; row < rows; row += 16) {
    const end = Math.min(rows, row + 16)
    for (let col = 0; col < cols; col++)
      for (let at = row; at < end; at++) target[col * rows + at] = values[at * cols + col]!
  }
  return target
}

/** Other forms of the template's tokenizer. */
const OLD_TOKENIZERS = [
  'tokenizer.model',
  'vocab.json',
  'vocab.txt',
  'merges.txt',
  'added_tokens.json',
] as const

/** Lets the thread hear between two tensors that it is not wanted any more. */
async function paced(steps: Generator<undefined, void>, signal: AbortSignal): Promise<void> {
  for (const _ of steps) {
    await setImmediate()
    signal.throwIfAborted()
  }
}

async function stageExtras(output: MergeOutput, except: readonly string[]): Promise<void> {
  await copyExtras(output.template.directory, output.outDir)
  // What was said of the template is not true of what was made of it.
  for (const name of [COMPRESSED_FILE, README_FILE, ...except])
    rmSync(path.join(output.outDir, name), { force: true })
  if (output.tokenizer === null) return
  for (const name of OLD_TOKENIZERS) rmSync(path.join(output.outDir, name), { force: true })
  for (const [name, text] of output.tokenizer.files) {
    rmSync(path.join(output.outDir, name), { force: true })
    writeFileSync(path.join(output.outDir, name), text)
  }
}

/** The graph stays; its weights change. */
async function writeGraph(output: MergeOutput): Promise<WrittenMerge> {
  const { plan, template, dtype, outDir, about } = output
  await stageExtras(output, [CARD_FILE])
  const values = plan.tensors.map((tensor): [string, () => Float32Array] => [
    tensor.name,
    () => {
      const merged = rounded(output.values(tensor), dtype)
      return template.turned.has(tensor.name) ? turned(merged, tensor.shape as [number, number]) : merged
    },
  ])
  await paced(
    replacingTensors(path.join(template.directory, MODEL_FILE), outDir, new Map(values)),
    output.signal,
  )
  const elements = plan.tensors.reduce((sum, { shape }) => sum + shape.reduce((n, size) => n * size, 1), 0)
  return writeCard(template.directory, outDir, about, elements)
}

function writeCard(templateDir: string, outDir: string, about: MergeAbout, elements: number): WrittenMerge {
  let card: ReturnType<typeof readAnyCard>
  try {
    card = readAnyCard(templateDir)
  } catch (error) {
    // Any other graph has no card, and its copy neither.
    if (error instanceof VillageError && error.code === 'MODEL_CARD_INVALID')
      return { kind: 'onnx', parameters: elements }
    throw error
  }
  const isLanguage = card.task === 'text-generation'
  const text = isLanguage
    ? encodeLanguageCard({ ...card, ...about } as LanguageCard)
    : encodeCard({ ...card, ...about } as Parameters<typeof encodeCard>[0])
  writeFileSync(path.join(outDir, CARD_FILE), text)
  return { kind: isLanguage ? 'language' : 'encoder', parameters: card.parameters }
}

/** Keys of config.json for the number of layers, as families call them. */
const LAYER_KEYS = ['num_hidden_layers', 'n_layer', 'n_layers'] as const

function changedConfig(config: JsonObject, { plan: { layers }, tokenizer }: MergeOutput): JsonObject {
  const changes: [string, JsonObject[string]][] = []
  if (layers !== null) {
    for (const key of LAYER_KEYS) if (Object.hasOwn(config, key)) changes.push([key, layers])
    if (Array.isArray(config.layer_types)) {
      const kinds = [...new Set(config.layer_types as readonly string[])]
      if (kinds.length > 1)
        throw new VillageError(
          'MERGE_MODEL_UNSUITABLE',
          'Layers of different kinds of attention cannot be put together anew',
        )
      changes.push(['layer_types', new Array<string>(layers).fill(kinds[0] ?? 'full_attention')])
    }
  }
  if (tokenizer !== null)
    changes.push(['vocab_size', tokenizer.alignment.rows], ...Object.entries(tokenizer.config))
  return { ...config, ...Object.fromEntries(changes) }
}

function writeWeights(output: MergeOutput, directory: string): Promise<void> {
  const { plan, dtype } = output
  const tensors = plan.tensors.map((tensor) => ({
    name: tensor.name,
    shape: tensor.shape,
    dtype: WRITTEN[dtype],
    values: () => [output.values(tensor)],
  }))
  const file = path.join(directory, SAFETENSORS_FILE)
  return paced(writingSafetensors(file, tensors, { format: 'pt' }), output.signal)
}

function canBuild({ config }: TensorSource): boolean {
  if (config === null) return false
  try {
    familyOf(configFields(config, CONFIG_FILE))
    return true
  } catch (error) {
    if (error instanceof VillageError && error.code === 'MODEL_ARCHITECTURE_UNSUPPORTED') return false
    throw error
  }
}

async function writeBuilt(output: MergeOutput): Promise<WrittenMerge> {
  const { template, outDir, about } = output
  const directory = path.join(output.workDir, 'weights')
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  try {
    await copyExtras(template.directory, directory)
    const config = changedConfig(template.config!, output)
    const text = `${JSON.stringify(config, null, 2)}\n`
    for (const name of [CARD_FILE, SAFETENSORS_INDEX_FILE])
      rmSync(path.join(directory, name), { force: true })
    writeFileSync(path.join(directory, CONFIG_FILE), text)
    for (const [name, content] of output.tokenizer?.files ?? []) {
      rmSync(path.join(directory, name), { force: true })
      writeFileSync(path.join(directory, name), content)
    }
    await writeWeights(output, directory)
    const adapters = template.kind !== 'village' || readLanguageCard(template.directory).adapters !== null
    await stageExtras(output, [CARD_FILE, SAFETENSORS_INDEX_FILE])
    writeFileSync(path.join(outDir, CONFIG_FILE), text)
    const card = buildModel({ modelDir: directory, outDir, adapters, about })
    return { kind: card.task === 'text-generation' ? 'language' : 'encoder', parameters: card.parameters }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function writePlain(output: MergeOutput): Promise<WrittenMerge> {
  const { plan, template, outDir } = output
  await stageExtras(output, [CARD_FILE, SAFETENSORS_INDEX_FILE])
  if (template.config !== null) {
    const config = changedConfig(template.config, output)
    writeFileSync(path.join(outDir, CONFIG_FILE), `${JSON.stringify(config, null, 2)}\n`)
  }
  await writeWeights(output, outDir)
  const elements = plan.tensors.reduce((sum, { shape }) => sum + shape.reduce((n, size) => n * size, 1), 0)
  return { kind: 'safetensors', parameters: elements }
}

/** Throws what builders and writers throw; MERGE_MODEL_UNSUITABLE where layers change and nothing can be built anew. */
export async function writeMerge(output: MergeOutput): Promise<WrittenMerge> {
  const { template, plan, tokenizer } = output
  mkdirSync(output.outDir, { recursive: true })
  const changes = plan.layers !== null || tokenizer !== null
  if (template.kind !== 'safetensors' && !changes) return writeGraph(output)
  if (canBuild(template)) return writeBuilt(output)
  if (template.kind === 'safetensors') return writePlain(output)
  throw new VillageError(
    'MERGE_MODEL_UNSUITABLE',
    'A finished graph keeps its layers and tokens: only models that came as safetensors can be put together anew',
  )
}
