/**
 * What the analyzer does with a character, by a table over the UTF-16 code units of the basic plane and by properties
 * beyond it. Scripts without spaces between words are cut into overlapping pairs of characters (Han, kana, Hangul), or into
 * words by ICU's dictionaries (Thai, Lao, Khmer, Burmese), whose syllables do not fall together with characters.
 */
export const SEPARATOR = 0
/** A letter or digit of a script that writes spaces. */
export const WORD = 1
/** Combining marks and invisible joiners: part of what stands before. */
export const MARK = 2
export const HAN = 3
/** Hiragana, katakana, Hangul, Bopomofo: pairs alone, for a single one says nothing. */
export const SYLLABLE = 4
/** Cut by a dictionary. */
export const UNSPACED = 5
/** Shown as a picture; a term of its own. */
export const EMOJI = 6
export const APOSTROPHE = 7
export const UNDERSCORE = 8

export type CharacterClass = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8

const RULES: readonly (readonly [CharacterClass, RegExp])[] = [
  [EMOJI, /^\p{Emoji_Presentation}$/u],
  [HAN, /^(?=[\p{L}\p{Nl}])\p{Script=Han}$/u],
  [
    SYLLABLE,
    /^(?:[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}]|\u30fc|\uff70)$/u,
  ],
  // Abbreviations of several signs in one square, which NFKC writes out.
  [HAN, /^[\u3300-\u33ff]$/u],
  // Soft hyphen, joiners, word joiner, byte order mark, variation selectors and the voicing marks of half-width kana.
  [MARK, /^(?:\p{M}|\u00ad|\u200c|\u200d|\u2060|\ufeff|\uff9e|\uff9f)$/u],
  [UNSPACED, /^[\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]$/u],
  [WORD, /^[\p{L}\p{N}]$/u],
  [APOSTROPHE, /^['\u2019\uff07]$/u],
  [UNDERSCORE, /^[_\uff3f]$/u],
]

function classByRules(character: string): CharacterClass {
  for (const [result, pattern] of RULES) if (pattern.test(character)) return result
  return SEPARATOR
}

const asciiClasses = Uint8Array.from({ length: 128 }, (_, code) => classByRules(String.fromCharCode(code)))
const basicClasses = new Uint8Array(65_536)
const isClassified = new Uint8Array(256)

/** The table fills by pages of 256, so that a program that meets only Latin text never pays for the rest. */
function classifyPage(page: number): void {
  for (let code = page * 256; code < page * 256 + 256; code++)
    basicClasses[code] = classByRules(String.fromCharCode(code))
  isClassified[page] = 1
}

/** Of the code point at `at`; half of a surrogate pair alone is a separator. */
export function classAt(text: string, at: number): CharacterClass {
  const code = text.charCodeAt(at)
  if (code < 128) return asciiClasses[code] as CharacterClass
  if (code >= 0xd800 && code < 0xe000) {
    const point = text.codePointAt(at)!
    return point < 0x10000 ? SEPARATOR : classByRules(String.fromCodePoint(point))
  }
  if (isClassified[code >>> 8] === 0) classifyPage(code >>> 8)
  return basicClasses[code] as CharacterClass
}

/** 2 where a surrogate pair begins, else 1. */
export function unitsAt(text: string, at: number): number {
  const code = text.charCodeAt(at)
  if (code < 0xd800 || code >= 0xdc00) return 1
  const next = text.charCodeAt(at + 1)
  return next >= 0xdc00 && next < 0xe000 ? 2 : 1
}
