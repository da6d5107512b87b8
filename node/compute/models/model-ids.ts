/** The short names that people give to models. */
import path from 'node:path'
import { VillageError } from '../../errors.ts'

const ID = /^[a-z0-9][a-z0-9._-]{0,63}$/

/** Throws INVALID_ARGUMENT. */
export function checkModelId(id: string): string {
  if (ID.test(id)) return id
  throw new VillageError(
    'INVALID_ARGUMENT',
    'A model id has 1 to 64 lower-case letters, digits, dots, dashes or underscores',
    { fields: { argument: 'id' } },
  )
}

/** An id from a file name: `My Model.onnx` → `my-model`. */
export function idFromPath(file: string): string {
  const base = path.basename(file).replace(/\.(onnx|safetensors|bin)$/i, '')
  const id = base
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+|-+$/g, '')
  return id.slice(0, 64) || 'model'
}
