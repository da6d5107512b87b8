/** The models that come with the daemon. */
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { VillageError } from '../../../errors.ts'
import { nearest } from '../../../nearest.ts'
import { PACKAGE_ROOT } from '../../../package-root.ts'
import { CONFIG_FILE } from '../model-files.ts'

/** village-lm: one directory a model, made by scripts/train-village-lm.ts. */
const VILLAGE_LM = fileURLToPath(new URL('models/village-lm/', PACKAGE_ROOT))
const FAMILY = 'village-lm'
const BASE = 'base'

export interface EmbeddedModel {
  readonly name: string
  /** The id where none is wished for. */
  readonly id: string
  /** A directory with config.json and safetensors; null for the encoder, which is written from its package. */
  readonly directory: string | null
}

const ENCODER: EmbeddedModel = { name: 'encoder', id: 'encoder', directory: null }

/** The encoder, `village-lm`, and `village-lm-<specialist>` by the directories that are shipped. */
export function embeddedModels(directory = VILLAGE_LM): EmbeddedModel[] {
  const folders = existsSync(directory) ? readdirSync(directory).sort() : []
  const models = folders
    .filter((folder) => existsSync(path.join(directory, folder, CONFIG_FILE)))
    .map((folder) => {
      const name = folder === BASE ? FAMILY : `${FAMILY}-${folder}`
      return { name, id: name, directory: path.join(directory, folder) }
    })
  return [ENCODER, ...models]
}

/** Throws INVALID_ARGUMENT with the names that there are. */
export function needEmbedded(name: string, directory?: string): EmbeddedModel {
  const models = embeddedModels(directory)
  const found = models.find((model) => model.name === name)
  if (found !== undefined) return found
  const names = models.map((model) => model.name)
  const meant = nearest(name, names)
  throw new VillageError(
    'INVALID_ARGUMENT',
    `There is no embedded model "${name}"${meant === null ? '.' : `; did you mean "${meant}"?`} There is: ${names.join(', ')}`,
    { fields: { argument: 'embedded' } },
  )
}
