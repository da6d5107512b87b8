import { type ErrorCode, VillageError } from '../errors.ts'

/**
 * The one of several ids that a person meant by a part of it: ids are long and differ at one end. Throws `code` when
 * none or several match.
 */
export function pickId(
  ids: readonly string[],
  given: string,
  what: string,
  end: 'start' | 'end',
  code: ErrorCode = 'NOT_FOUND',
): string {
  if (ids.includes(given)) return given
  const part = given.replace(/^.*…/, '')
  const found =
    part === '' ? [] : ids.filter((id) => (end === 'start' ? id.startsWith(part) : id.endsWith(part)))
  if (found.length === 1) return found[0]!
  throw new VillageError(
    code,
    found.length === 0
      ? `No ${what} has the id ${given}`
      : `${found.length} ${what}s match ${given}; give more of the id`,
    { fields: { id: given } },
  )
}
