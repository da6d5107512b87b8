/** Refuses what cannot be indexed before anything is begun. */
import { VillageError } from '../../../errors.ts'
import type { IndexWishes } from './collections.ts'

const MAX_PATHS = 256
const MAX_PATTERNS = 256
const LANGUAGE = /^[a-z]{2,3}$/
const KNOWN_LANGUAGES = new Intl.DisplayNames(['en'], { type: 'language', fallback: 'none' })

const invalid = (message: string, argument: string) =>
  new VillageError('INVALID_ARGUMENT', message, { fields: { argument } })

/** Whether it is the code of a language that there is, and the one that is used for it: `de`, not `deu`. */
export const isLanguage = (code: string): boolean =>
  LANGUAGE.test(code) && KNOWN_LANGUAGES.of(code) !== undefined && new Intl.Locale(code).language === code

/** Throws INVALID_ARGUMENT. */
export function checkLanguage(code: string | null | undefined): void {
  if (code == null || isLanguage(code)) return
  throw invalid(`"${code}" is no code of a language (ISO 639-1), such as en`, 'language')
}

/** Throws INVALID_ARGUMENT. */
export function checkWishes({ paths, include = [], exclude = [], language }: IndexWishes): void {
  if (paths.length === 0 || paths.length > MAX_PATHS)
    throw invalid(`1 to ${MAX_PATHS} paths can be indexed at once`, 'paths')
  if (include.length + exclude.length > MAX_PATTERNS)
    throw invalid(`At most ${MAX_PATTERNS} patterns can be given`, 'include')
  checkLanguage(language)
}
