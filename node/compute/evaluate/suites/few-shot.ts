/** Examples in front of a question. */

/** Where examples are taken from, and why: part of every report. */
export interface ShotSource<T> {
  /** Examples of their own, or null: then those of the data itself serve, without the question that is asked. */
  readonly own: readonly T[] | null
  readonly data: readonly T[]
}

/** The first `count` of a source that may stand in front of `asked`. */
export function shotsFor<T>(
  { own, data }: ShotSource<T>,
  asked: T,
  init: { count: number; fits?: (shot: T) => boolean },
): T[] {
  const shots: T[] = []
  for (const shot of own ?? data) {
    if (shots.length === init.count) break
    if (shot !== asked && (init.fits?.(shot) ?? true)) shots.push(shot)
  }
  return shots
}

export const shotsFrom = (hasOwn: boolean): string =>
  hasOwn
    ? 'the first fitting ones of the file of examples'
    : 'the first fitting ones of the data itself, without the item that is asked'

/** What Python's str.strip() takes away: other characters than String.prototype.trim(). */
const SPACES = '\\t-\\r\\x1c- \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000'
const AROUND = new RegExp(`^[${SPACES}]+|[${SPACES}]+$`, 'g')

export const strip = (text: string): string => text.replace(AROUND, '')
