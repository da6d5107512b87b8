/**
 * Snowball stemmers by language, and the folding of accents. A word is stemmed by the rules of its own script: Latin words in a
 * text of another script (a name, a command) as English ones, for that is what they mostly are.
 */
import { snowballStemmers } from '../../../on-demand.ts'

type Script = 'latin' | 'cyrillic' | 'arabic' | 'armenian' | 'tamil'

interface Rules {
  readonly algorithm: string
  readonly script: Script
  /** Their words run together with an apostrophe: `l'eau`, `dell'arte`. */
  readonly hasElision?: boolean
}

/** ISO 639-1 → the stemmer. `english` is Porter2. */
const RULES: Readonly<Record<string, Rules>> = {
  ar: { algorithm: 'arabic', script: 'arabic' },
  ca: { algorithm: 'catalan', script: 'latin', hasElision: true },
  cs: { algorithm: 'czech', script: 'latin' },
  da: { algorithm: 'danish', script: 'latin' },
  de: { algorithm: 'german', script: 'latin' },
  en: { algorithm: 'english', script: 'latin' },
  es: { algorithm: 'spanish', script: 'latin' },
  eu: { algorithm: 'basque', script: 'latin' },
  fi: { algorithm: 'finnish', script: 'latin' },
  fr: { algorithm: 'french', script: 'latin', hasElision: true },
  ga: { algorithm: 'irish', script: 'latin' },
  hu: { algorithm: 'hungarian', script: 'latin' },
  hy: { algorithm: 'armenian', script: 'armenian' },
  it: { algorithm: 'italian', script: 'latin', hasElision: true },
  nb: { algorithm: 'norwegian', script: 'latin' },
  nl: { algorithm: 'dutch', script: 'latin' },
  nn: { algorithm: 'norwegian', script: 'latin' },
  no: { algorithm: 'norwegian', script: 'latin' },
  pt: { algorithm: 'portuguese', script: 'latin' },
  ro: { algorithm: 'romanian', script: 'latin' },
  ru: { algorithm: 'russian', script: 'cyrillic' },
  sl: { algorithm: 'slovene', script: 'latin' },
  sv: { algorithm: 'swedish', script: 'latin' },
  ta: { algorithm: 'tamil', script: 'tamil' },
  tr: { algorithm: 'turkish', script: 'latin' },
}

/** Languages of the Latin script without a stemmer here keep their words; in all others a Latin word is English. */
const LATIN_WITHOUT_STEMMER = new Set([
  'af',
  'az',
  'bs',
  'cy',
  'eo',
  'et',
  'fo',
  'fy',
  'gl',
  'ha',
  'hr',
  'ht',
  'id',
  'ig',
  'is',
  'la',
  'lb',
  'lt',
  'lv',
  'mg',
  'mi',
  'ms',
  'mt',
  'pl',
  'rw',
  'sk',
  'sn',
  'so',
  'sq',
  'st',
  'su',
  'sw',
  'tk',
  'tl',
  'uz',
  'vi',
  'xh',
  'yo',
  'zu',
])

const SCRIPTS: Readonly<Record<Script, RegExp>> = {
  latin: /^\p{Script=Latin}/u,
  cyrillic: /^\p{Script=Cyrillic}/u,
  arabic: /^\p{Script=Arabic}/u,
  armenian: /^\p{Script=Armenian}/u,
  tamil: /^\p{Script=Tamil}/u,
}

/** Beyond this the word is a hash or an encoding, and stemmers take time that grows with its length. */
const MAX_STEMMED_LENGTH = 48
const stemmers = new Map<string, { stem(word: string): string }>()

function stemWith(algorithm: string, word: string): string {
  let stemmer = stemmers.get(algorithm)
  if (stemmer === undefined) {
    stemmer = snowballStemmers().newStemmer(algorithm)
    stemmers.set(algorithm, stemmer)
  }
  return stemmer.stem(word)
}

/** Latin words stay as they are. */
const NO_STEMMER = 'none'
/** Of another script: Latin words in it are English. */
const OTHER_SCRIPT = 'other'

/**
 * The rules that a language is read by: `de-CH` → `de`; few, whatever languages documents claim. Null (it could not be told) is read as
 * English: of short notes, names and code that is the best guess.
 */
export function rulesFor(language: string | null): string {
  const base = language === null ? 'en' : (/^[a-z]{2,3}/.exec(language.toLowerCase())?.[0] ?? 'en')
  if (RULES[base] !== undefined) return base
  return LATIN_WITHOUT_STEMMER.has(base) ? NO_STEMMER : OTHER_SCRIPT
}

export function hasElision(language: string): boolean {
  return RULES[language]?.hasElision === true
}

/** Lower case, by the rules of Turkish for Turkish. */
export function lowerCase(word: string, language: string): string {
  return language === 'tr' ? word.toLocaleLowerCase('tr') : word.toLowerCase()
}

/** Of a word in NFKC and lower case. Empty only where nothing but ornaments was in it. */
export function stem(word: string, language: string): string {
  const isAscii = /^[\0-\x7f]*$/.test(word)
  const rules = rulesOf(word, language)
  if (rules === null || word.length > MAX_STEMMED_LENGTH) return isAscii ? word : fold(word)
  if (rules.algorithm === 'english') return stemWith('english', isAscii ? word : fold(word)) || word
  if (rules.algorithm === 'arabic') return stemWith('arabic', plainArabic(word)) || word
  const stemmed = stemWith(rules.algorithm, word) || word
  return isAscii ? stemmed : fold(stemmed)
}

function rulesOf(word: string, language: string): Rules | null {
  const rules = RULES[language]
  if (rules !== undefined && SCRIPTS[rules.script].test(word)) return rules
  if (!SCRIPTS.latin.test(word) || rules?.script === 'latin' || language === NO_STEMMER) return null
  return RULES.en!
}

const LETTERS: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  ł: 'l',
  ı: 'i',
  ς: 'σ',
  ё: 'е',
}

/**
 * Accents are left out by many who type a query. They go where they are ornaments of a letter (Latin, Greek, Hebrew points, Arabic
 * vowels, the stress mark of Cyrillic), and stay where they make another letter or a vowel (й, the signs of Indian scripts).
 */
export function fold(word: string): string {
  return word
    .replace(/[ßæœøđðþłıςё]/g, (letter) => LETTERS[letter]!)
    .normalize('NFD')
    .replace(/(?<=[\p{Script=Latin}\p{Script=Greek}]\p{M}*)\p{M}/gu, '')
    .replace(/[\u0300\u0301\u0591-\u05c7\u064b-\u065f\u0670\u0640]/g, '')
    .normalize('NFC')
}

/** Larkey, Ballesteros and Connell, "Light stemming for Arabic" (2007): letters are unified, and `and`, `then` go from before the article. */
function plainArabic(word: string): string {
  const plain = fold(word)
    .replace(/[أإآٱ]/g, 'ا')
    .replace(/ى$/, 'ي')
  return /^[وف]ال/.test(plain) && plain.length > 5 ? plain.slice(1) : plain
}
