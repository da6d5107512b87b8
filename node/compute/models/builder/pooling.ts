/**
 * How a sentence encoder makes one vector of many, by the files that sentence-transformers writes beside the weights:
 * modules.json, the folder of the pooling module, sentence_bert_config.json and config_sentence_transformers.json.
 */

import { VillageError } from '../../../errors.ts'
import { isJsonObject } from '../../../json.ts'
import type { Pooling } from '../model-card.ts'
import { configFields, readConfigFile, readJsonFile } from './config-fields.ts'

const MODULES = 'modules.json'
const LIMITS = 'sentence_bert_config.json'
const SETTINGS = 'config_sentence_transformers.json'
/** A plain folder beside the weights. */
const FOLDER = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/
const MAX_MODULES = 16

export interface PoolingConfig {
  readonly pooling: Pooling
  readonly normalise: boolean
  readonly maxTokens: number
}

/** Keys of a pooling module's config.json. */
const MODES: readonly { key: string; pooling: Pooling | null }[] = [
  { key: 'pooling_mode_mean_tokens', pooling: 'mean' },
  { key: 'pooling_mode_cls_token', pooling: 'cls' },
  { key: 'pooling_mode_lasttoken', pooling: 'last' },
  { key: 'pooling_mode_max_tokens', pooling: null },
  { key: 'pooling_mode_mean_sqrt_len_tokens', pooling: null },
  { key: 'pooling_mode_weightedmean_tokens', pooling: null },
]

function invalid(file: string, field: string, what: string): VillageError {
  return new VillageError('MODEL_CONFIG_INVALID', `The key "${field}" of ${file} ${what}.`, {
    fields: { file, field },
  })
}

/**
 * The mean over all tokens where there is no modules.json, as sentence-transformers itself does. Throws MODEL_CONFIG_INVALID for
 * files that are not valid and for modules and poolings that are not built.
 */
export function readPooling(modelDir: string, model: { width: number; longest: number }): PoolingConfig {
  const limits = readConfigFile(modelDir, LIMITS)
  const asked =
    limits === undefined
      ? model.longest
      : configFields(limits, LIMITS).count('max_seq_length', { max: 2 ** 20, absent: model.longest })
  const maxTokens = Math.min(asked, model.longest)
  const settings = readConfigFile(modelDir, SETTINGS)
  if (settings !== undefined && (settings.default_prompt_name ?? null) !== null)
    throw invalid(SETTINGS, 'default_prompt_name', 'asks for a prompt before each text: not supported')
  const modules = readJsonFile(modelDir, MODULES)
  if (modules === undefined) return { pooling: 'mean', normalise: false, maxTokens }
  if (!Array.isArray(modules) || modules.length === 0 || modules.length > MAX_MODULES)
    throw invalid(MODULES, '', 'is not a list of modules')
  let pooling: Pooling | undefined
  let normalise = false
  for (const [index, module] of modules.entries()) {
    if (!isJsonObject(module) || typeof module.type !== 'string' || typeof module.path !== 'string')
      throw invalid(MODULES, `${index}`, 'is not a module')
    const kind = module.type.split('.').at(-1)
    if (kind === 'Transformer' && index === 0 && module.path === '') continue
    if (kind === 'Pooling' && index === 1) pooling = readMode(modelDir, module.path, model.width)
    else if (kind === 'Normalize' && pooling !== undefined) normalise = true
    else
      throw invalid(MODULES, `${index}.type`, `is ${JSON.stringify(kind?.slice(0, 50))}: not supported there`)
  }
  if (pooling === undefined) throw invalid(MODULES, '', 'has no pooling')
  return { pooling, normalise, maxTokens }
}

function readMode(modelDir: string, folder: string, width: number): Pooling {
  if (!FOLDER.test(folder)) throw invalid(MODULES, 'path', 'is not a folder beside it')
  const file = `${folder}/config.json`
  const json = readConfigFile(modelDir, file)
  if (json === undefined) throw invalid(file, '', 'is missing')
  const fields = configFields(json, file)
  if (fields.count('word_embedding_dimension', { max: 2 ** 20 }) !== width)
    throw fields.invalid('word_embedding_dimension', `is not ${width}, the width of the model`)
  const chosen = MODES.filter(({ key }) => fields.flag(key, false))
  const [mode] = chosen
  if (chosen.length !== 1 || mode === undefined)
    throw fields.invalid('pooling_mode_mean_tokens', 'and its like ask for no pooling or for several')
  if (mode.pooling === null) throw fields.invalid(mode.key, 'asks for a pooling that is not supported')
  return mode.pooling
}
