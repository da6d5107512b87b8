/** How small and how good a compressed model is to be, in words: `under 4 MB`, `a third of its size`, `without losing more than 3 %`. */
import type { JsonObject } from '../../json.ts'
import { lineOf, type Word } from './clause.ts'

const FRACTIONS: Readonly<Record<string, number>> = {
  half: 2,
  third: 3,
  quarter: 4,
  fourth: 4,
  fifth: 5,
  sixth: 6,
  eighth: 8,
  tenth: 10,
}
const COUNTS: Readonly<Record<string, number>> = {
  twice: 2,
  thrice: 3,
  two: 2,
  three: 3,
  four: 4,
  five: 5,
  six: 6,
  eight: 8,
  ten: 10,
}

const PARTS = /^(?:third|quarter|fifth|tenth)s?$/
const before = (words: readonly Word[], at: number, count: number): string =>
  lineOf(words.slice(Math.max(0, at - count), at))
const after = (words: readonly Word[], at: number, count: number): string =>
  lineOf(words.slice(at + 1, at + 1 + count))
const LOSS =
  /(?:^| )(?:lose|losing|losses|loss|drop|sacrificing|sacrifice|degrade|degrading|degradation|worse)(?: |$)/

/** How small, how good: the targets of a compression. */
export function targetsOf(words: readonly Word[]): JsonObject {
  const found: { ratio?: number; maxBytes?: number; quality?: number; bits?: number } = {}
  for (const [at, word] of words.entries()) {
    const { kind, value } = word
    if (kind === 'size' && !/(?:^| )from(?: |$)/.test(before(words, at, 1)))
      found.maxBytes = Math.round(value!)
    else if (kind === 'bits' && value !== 4 && value !== 8) found.bits = value!
    else if (kind === 'times') found.ratio = value!
    else if (/^halv(?:e|ed|es|ing)$/.test(word.lower)) found.ratio = 2
    else if (kind === 'percent') readShare(words, at, found)
    else if (PARTS.test(word.lower)) {
      const parts = COUNTS[words[at - 1]?.lower ?? ''] ?? 1
      const share = parts / FRACTIONS[word.lower.replace(/s$/, '')]!
      if (share < 1)
        found.ratio = rounded(
          1 / (/(?:^| )by (?:\S+ )?$|(?:^| )by \S+$/.test(`${before(words, at, 2)}`) ? 1 - share : share),
        )
    } else if (
      Object.hasOwn(FRACTIONS, word.lower) &&
      !/(?:^| )(?:first|second)(?: |$)/.test(after(words, at, 1))
    )
      found.ratio ??= FRACTIONS[word.lower]!
    else if (Object.hasOwn(COUNTS, word.lower) && /^(?:times|x|fold)|^as small/.test(after(words, at, 2)))
      found.ratio ??= COUNTS[word.lower]!
  }
  return found
}

function readShare(words: readonly Word[], at: number, found: { ratio?: number; quality?: number }): void {
  const share = words[at]!.value!
  const [left, right] = [before(words, at, 6), after(words, at, 4)]
  if (LOSS.test(left) || /^(?:loss|worse|drop|of a loss|quality loss)/.test(right))
    found.quality = rounded(1 - share)
  else if (
    /(?:^| )by(?: (?:at least|about|around|roughly|up to|over|more than))?$/.test(left) ||
    /^(?:small|smaller|less|off)/.test(right)
  ) {
    if (share < 1) found.ratio = rounded(1 / (1 - share))
  } else if (
    /(?:^| )(?:to|at|under|below)(?: (?:about|around|roughly|only|just|at most|less than))*$/.test(left) &&
    !/quality|accuracy|performance|score/.test(`${left} ${right}`)
  ) {
    if (share > 0) found.ratio = rounded(1 / share)
  } else if (/size/.test(right) && share > 0) found.ratio = rounded(1 / share)
  else found.quality = rounded(share)
}

const DIGITS = 6
const rounded = (value: number): number => Number(value.toPrecision(DIGITS))

export const isFraction = (word: string): boolean => Object.hasOwn(FRACTIONS, word)
