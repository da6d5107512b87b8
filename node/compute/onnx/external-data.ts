import { constants, lstatSync, openSync } from 'node:fs'
import { dirname, join, posix, win32 } from 'node:path'
import { VillageError } from '../../errors.ts'

/** The external_data entries of one tensor, as text. */
export interface ExternalEntry {
  readonly location: string
  readonly offset: number
  /** Undefined where the model does not give it: then it is the tensor's own size. */
  readonly sizeBytes: number | undefined
}

function invalid(tensor: string, what: string): VillageError {
  return new VillageError('MODEL_EXTERNAL_DATA_INVALID', `The external data of tensor "${tensor}" ${what}.`, {
    fields: { tensor },
  })
}

/**
 * Reads the key and value pairs of TensorProto.external_data (onnx.proto: location, offset, length,
 * checksum).
 */
export function parseExternalEntry(tensor: string, pairs: ReadonlyMap<string, string>): ExternalEntry {
  const location = pairs.get('location')
  if (location === undefined || location === '') throw invalid(tensor, 'has no location')
  const number = (key: string): number | undefined => {
    const text = pairs.get(key)
    if (text === undefined) return undefined
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
    if (!Number.isSafeInteger(value)) throw invalid(tensor, `has a ${key} that is not a whole number`)
    return value
  }
  return { location, offset: number('offset') ?? 0, sizeBytes: number('length') }
}

/**
 * The path of an external data file, after checking that it is a plain file inside the model's directory,
 * reached without links, and at least as long as the tensor needs: a model from a stranger must not read
 * other files.
 */
export function resolveExternalFile(
  modelPath: string,
  tensor: string,
  location: string,
): { path: string; sizeBytes: number } {
  if (location.includes('\0') || location.includes('\\'))
    throw invalid(tensor, 'has a location with a character that is not allowed')
  if (posix.isAbsolute(location) || win32.isAbsolute(location) || /^[a-zA-Z]:/.test(location))
    throw invalid(tensor, 'has an absolute location')
  const parts = location.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.length === 0 || parts.includes('..'))
    throw invalid(tensor, 'lies outside the directory of the model')
  let path = dirname(modelPath)
  for (const [index, part] of parts.entries()) {
    path = join(path, part)
    const stat = lstatSync(path, { throwIfNoEntry: false })
    if (stat === undefined) throw invalid(tensor, 'names a file that does not exist')
    if (stat.isSymbolicLink()) throw invalid(tensor, 'is reached through a link')
    const last = index === parts.length - 1
    if (last ? !stat.isFile() : !stat.isDirectory()) throw invalid(tensor, 'is not a plain file')
    if (last) return { path, sizeBytes: stat.size }
  }
  throw invalid(tensor, 'has no location')
}

/** Checks the byte range of a tensor in its file. */
export function checkExternalRange(
  tensor: string,
  entry: ExternalEntry,
  neededBytes: number,
  fileBytes: number,
): void {
  if (entry.sizeBytes !== undefined && entry.sizeBytes !== neededBytes)
    throw invalid(tensor, `has a length of ${entry.sizeBytes} bytes where its dims need ${neededBytes}`)
  if (entry.offset + neededBytes > fileBytes)
    throw invalid(tensor, `ends at byte ${entry.offset + neededBytes} of a file of ${fileBytes} bytes`)
}

/**
 * Opens an external file that was checked; a link put in its place since then is refused where the system
 * can.
 */
export function openExternalFile(path: string): number {
  return openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0))
}
