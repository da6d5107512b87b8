/** What a workload of compression is about, before it is settled and after. */
import { codecByName } from '../../compute/codecs/table.ts'
import { candidatesFor } from '../../compute/compress-plan/candidates.ts'
import { invalid, readParams } from '../../compute/tasks/read-params.ts'
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import type { CodecRow } from './compress-candidate.ts'
import {
  type CompressSpace,
  compressSpace,
  MAX_CHOICES,
  MAX_COMPRESS_GROUPS,
  type WeightGroup,
} from './compress-genome.ts'
import { checkCid, isSettled, parseSettledTasks, type SettledTasks } from './language-tasks.ts'

/** As a configuration has it; a language model has `tasks` as the workload `merge`, an encoder may have `data`. */
export interface CompressOptions extends JsonObject {
  readonly model: string
  readonly choices: readonly CodecRow[]
  /** Of all compressed weights together, headers included. */
  readonly bitsPerWeight: number
}

export interface SettledCompress extends SettledTasks {
  readonly model: string
  readonly kind: 'encoder' | 'language'
  readonly choices: readonly CodecRow[]
  readonly groups: readonly WeightGroup[]
  readonly budgetBytes: number
  readonly fullBytes: number
  readonly seeds: readonly (readonly number[])[]
}

const MAX_BYTES = 2 ** 46
const MAX_SEEDS = MAX_CHOICES + 1

function readChoices(value: JsonValue | undefined): CodecRow[] {
  if (value === undefined || value === null) return [...candidatesFor({ ternary: false })]
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_CHOICES)
    throw invalid('choices', `a list of 1 to ${MAX_CHOICES} codecs`)
  return value.map((row: JsonValue) => {
    const reader = readParams(row)
    const codec = codecByName(reader.text('codec', 40))
    const params = codec.parseParams(reader.object('params'))
    reader.end()
    if (codec.aids.includes('codebook'))
      throw invalid('choices', `codecs without codebooks, not ${codec.name}`)
    return { codec: codec.name, params }
  })
}

export function readCompressOptions(input: JsonObject): { own: CompressOptions; rest: JsonObject } {
  const { model, choices, bitsPerWeight, ...rest } = input
  const reader = readParams({ model: model ?? null, bitsPerWeight: bitsPerWeight ?? null })
  const bits = reader.optionalNumber('bitsPerWeight', 1, 32)
  if (bits === null) throw invalid('bitsPerWeight', 'a number from 1 to 32')
  return {
    own: { model: reader.text('model', 128), choices: readChoices(choices), bitsPerWeight: bits },
    rest,
  }
}

export interface EncoderTexts extends JsonObject {
  readonly data: string | null
  readonly selectionItems: number
  readonly validationItems: number
  readonly finalItems: number
  readonly finalShare: number
}

export function parseEncoderTexts(input: JsonObject): EncoderTexts {
  const reader = readParams(input)
  const data = reader.optionalText('data', 128)
  const parsed = {
    data: data === null ? null : checkCid(data, 'data'),
    selectionItems: reader.integer('selectionItems', 1, 20_000, 128),
    validationItems: reader.integer('validationItems', 1, 20_000, 128),
    finalItems: reader.integer('finalItems', 1, 20_000, 600),
    finalShare: reader.optionalNumber('finalShare', 0.05, 0.95) ?? 0.4,
  }
  reader.end()
  return parsed
}

function readGroups(value: JsonValue | undefined, choices: number): WeightGroup[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_COMPRESS_GROUPS)
    throw invalid('groups', `a list of 1 to ${MAX_COMPRESS_GROUPS}`)
  return value.map((row: JsonValue) => {
    if (!isJsonObject(row)) throw invalid('groups', 'a list of objects')
    const reader = readParams({ weights: row.weights ?? null })
    const weights = reader.texts('weights', 4_096, 512)
    const { bytes } = row
    const isSize = (size: unknown) =>
      Number.isSafeInteger(size) && (size as number) > 0 && (size as number) < MAX_BYTES
    if (!Array.isArray(bytes) || bytes.length !== choices || !bytes.every(isSize))
      throw invalid('groups', 'lists of sizes by choice')
    return { weights, bytes: [...bytes] as number[] }
  })
}

export function readSettledCompress(input: JsonObject): SettledCompress {
  const { choices, groups, seeds, items, selection, validation, final, ...rest } = input
  const reader = readParams(rest)
  const kind = reader.choice('kind', ['encoder', 'language'])
  const own = {
    model: checkCid(reader.text('model', 128), 'model'),
    budgetBytes: reader.integer('budgetBytes', 1, MAX_BYTES),
    fullBytes: reader.integer('fullBytes', 1, MAX_BYTES),
  }
  reader.end()
  const rows = readChoices(choices ?? [])
  const parsed = readGroups(groups, rows.length)
  const isSeed = (seed: JsonValue): seed is readonly number[] =>
    Array.isArray(seed) &&
    seed.length === parsed.length &&
    seed.every(
      (choice) => Number.isInteger(choice) && (choice as number) >= 0 && (choice as number) < rows.length,
    )
  if (!Array.isArray(seeds) || seeds.length === 0 || seeds.length > MAX_SEEDS || !seeds.every(isSeed))
    throw invalid('seeds', 'lists of choices by group')
  const tasks = parseSettledTasks({ items, selection, validation, final } as JsonObject)
  const settled = { ...own, kind, choices: rows, groups: parsed, seeds: seeds as number[][], ...tasks }
  // Throws where not even the smallest recipe fits.
  compressSpace(compressSpaceOf(settled))
  return settled
}

export function settledCompress(options: JsonObject): SettledCompress {
  if (!isSettled(options)) throw new VillageError('EVOLVE_NOT_SETTLED')
  return options as SettledCompress
}

/** `trellis, 2 bits`; what else a choice sets is told only where two would be called the same. */
export function choiceNames(
  choices: readonly { readonly codec: string; readonly params: JsonObject }[],
): string[] {
  const short = choices.map(({ codec, params: { bits } }) =>
    typeof bits === 'number' ? `${codec}, ${bits} bits` : codec,
  )
  return choices.map(({ params }, index) => {
    const name = short[index]!
    if (short.indexOf(name) === short.lastIndexOf(name)) return name
    const others = Object.entries(params).filter(([key]) => key !== 'bits')
    return `${name} (${others.map(([key, value]) => `${key} ${String(value)}`).join(', ')})`
  })
}

export const compressSpaceOf = ({
  groups,
  choices,
  budgetBytes,
  fullBytes,
  seeds,
}: SettledCompress): CompressSpace => ({
  groups,
  choices: choices.length,
  names: choiceNames(choices),
  budgetBytes,
  fullBytes,
  seeds,
})
