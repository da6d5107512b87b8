/**
 * LoRA weights of a directory as feeds of a graph that has them as inputs: adapter_model.safetensors and adapter_config.json
 * in the form of PEFT (`base_model.model.<module>.lora_A.weight` [r, inputs], `…lora_B.weight` [outputs, r]).
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { VillageError } from '../../errors.ts'
import { isJsonObject } from '../../json.ts'
import type { LanguageCard } from '../models/language-card.ts'
import { openShards } from '../safetensors/read.ts'
import type { LanguageSession, Tensors } from './language-session.ts'
import type { LoadedAdapter } from './runner.ts'

const WEIGHTS_FILE = 'adapter_model.safetensors'
const CONFIG_FILE = 'adapter_config.json'
const PREFIX = 'base_model.model.'
const MAX_CONFIG_BYTES = 2 ** 20
const MAX_LOADED = 4
const MAX_RANK = 4096

export interface Adapters {
  /** Throws ADAPTER_INVALID where it is none, or none for this model. The last few stay loaded. */
  load(directory: string): LoadedAdapter
}

const invalid = (message: string, cause?: unknown) => new VillageError('ADAPTER_INVALID', message, { cause })

function readScale(directory: string): number {
  let json: unknown
  try {
    const bytes = readFileSync(join(directory, CONFIG_FILE))
    if (bytes.byteLength > MAX_CONFIG_BYTES) throw new Error('it is too long')
    json = JSON.parse(bytes.toString('utf8'))
  } catch (error) {
    throw invalid(`${CONFIG_FILE} cannot be read`, error)
  }
  if (!isJsonObject(json)) throw invalid(`${CONFIG_FILE} is not a JSON object`)
  const { r, lora_alpha: alpha, use_rslora: rootScaled } = json
  if (typeof r !== 'number' || !Number.isInteger(r) || r < 1 || r > MAX_RANK)
    throw invalid(`The key "r" of ${CONFIG_FILE} is not valid`)
  if (typeof alpha !== 'number' || !Number.isFinite(alpha))
    throw invalid(`The key "lora_alpha" of ${CONFIG_FILE} is not valid`)
  return alpha / (rootScaled === true ? Math.sqrt(r) : r)
}

/** [rows, columns] to [columns, rows], times a factor. */
function transposed(data: Float32Array, rows: number, columns: number, factor: number): Float32Array {
  const out = new Float32Array(data.length)
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      out[column * rows + row] = data[row * columns + column]! * factor
  return out
}

export function createAdapters(session: LanguageSession, card: LanguageCard): Adapters {
  const loaded = new Map<string, LoadedAdapter>()

  function read(directory: string): LoadedAdapter {
    const modules = card.adapters?.modules
    if (modules === undefined)
      throw invalid('The model takes no adapters: it was built without inputs for them')
    const scale = readScale(directory)
    using weights = openShards(directory, [WEIGHTS_FILE])
    const feeds: Tensors = {}
    const byName = new Map(weights.tensors.map((tensor) => [tensor.name, tensor]))
    let used = 0
    for (const { name, inputs, outputs } of modules) {
      const down = byName.get(`${PREFIX}${name}.lora_A.weight`)
      const up = byName.get(`${PREFIX}${name}.lora_B.weight`)
      if ((down === undefined) !== (up === undefined))
        throw invalid(`Half of the matrices of ${name} is missing`)
      const rank = down?.shape[0] ?? 0
      if (down !== undefined && up !== undefined) {
        used += 2
        const [, columns] = down.shape
        const [rows, upRank] = up.shape
        if (columns !== inputs || rows !== outputs || upRank !== rank || rank > MAX_RANK)
          throw invalid(`The matrices of ${name} do not fit the model`)
      }
      const data = (tensor: typeof down, factor: number): Float32Array =>
        tensor === undefined
          ? new Float32Array(0)
          : transposed(
              weights.readFloats(tensor, 0, tensor.elements),
              tensor.shape[0]!,
              tensor.shape[1]!,
              factor,
            )
      feeds[`${name}.lora_A`] = new session.ort.Tensor('float32', data(down, 1), [inputs, rank])
      feeds[`${name}.lora_B`] = new session.ort.Tensor('float32', data(up, scale), [rank, outputs])
    }
    // What is left over would silently not count.
    if (used !== weights.tensors.length)
      throw invalid('It has weights for modules that the model does not have')
    return { feeds }
  }

  return {
    load(directory) {
      const known = loaded.get(directory)
      loaded.delete(directory)
      const adapter = known ?? read(directory)
      loaded.set(directory, adapter)
      if (loaded.size > MAX_LOADED) loaded.delete(loaded.keys().next().value!)
      return adapter
    },
  }
}
