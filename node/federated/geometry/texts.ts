/** The texts that models are looked at with: a file with a text on each line, or the project's own sentences. */
import { isUtf8 } from 'node:buffer'
import { readFileSync, statSync } from 'node:fs'
import { CALIBRATION_SENTENCES, calibrationSentence } from '../../compute/calibration/sentences.ts'
import { VillageError } from '../../errors.ts'

const MAX_FILE_BYTES = 64 * 2 ** 20
const MAX_LINE_CHARACTERS = 100_000

/**
 * At most `most`, evenly spread over the file, empty lines left out. Throws GEOMETRY_TEXTS_INVALID for a file that cannot be
 * read, is no text, is too large or has fewer than `least` texts.
 */
export function readTexts(file: string | null, most: number, least: number): string[] {
  if (file === null)
    return Array.from({ length: Math.min(most, CALIBRATION_SENTENCES) }, (_, at) => calibrationSentence(at))
  const lines = linesOf(file)
  if (lines.length < least)
    throw invalid(`The file has ${lines.length} texts, and at least ${least} are needed`)
  const long = lines.findIndex((line) => line.length > MAX_LINE_CHARACTERS)
  if (long >= 0) throw invalid(`Text ${long + 1} is longer than ${MAX_LINE_CHARACTERS} characters`)
  if (lines.length <= most) return lines
  return Array.from({ length: most }, (_, at) => lines[Math.floor((at * lines.length) / most)]!)
}

const invalid = (message: string, cause?: unknown): VillageError =>
  new VillageError('GEOMETRY_TEXTS_INVALID', message, cause === undefined ? {} : { cause })

function linesOf(file: string): string[] {
  let bytes: Buffer
  try {
    const stats = statSync(file)
    if (!stats.isFile()) throw invalid(`${file} is no file`)
    if (stats.size > MAX_FILE_BYTES) throw invalid(`The file has more than ${MAX_FILE_BYTES / 2 ** 20} MiB`)
    bytes = readFileSync(file)
  } catch (error) {
    if (error instanceof VillageError) throw error
    throw invalid(`${file} cannot be read (${(error as NodeJS.ErrnoException).code})`, error)
  }
  if (!isUtf8(bytes)) throw invalid('The file is not UTF-8 text')
  return bytes
    .toString('utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
}
