/** What a clause names: sizes, shares, codecs, models, paths, collections. Each reader takes the clause's words and gives what is there. */
import type { JsonObject } from '../../json.ts'
import { lineOf, type Word } from './clause.ts'
import { isEveryday, knownWord } from './lexicon.ts'

const CODECS = ['int8', 'int4', 'ternary', 'seedlm', 'seedtrellis', 'vptq', 'auto'] as const
const CODEC_NAMES: Readonly<Record<string, string>> = {
  'seed-lm': 'seedlm',
  'seed-trellis': 'seedtrellis',
  trellis: 'seedtrellis',
  bitnet: 'ternary',
  'int-8': 'int8',
  'int-4': 'int4',
}
const METHODS: Readonly<Record<string, string>> = {
  linear: 'linear',
  slerp: 'slerp',
  nuslerp: 'nuslerp',
  ties: 'ties',
  dare: 'dare_ties',
  'dare-ties': 'dare_ties',
  dare_ties: 'dare_ties',
  dare_linear: 'dare_linear',
  della: 'della',
  breadcrumbs: 'breadcrumbs',
  task_arithmetic: 'task_arithmetic',
  'task-arithmetic': 'task_arithmetic',
  model_stock: 'model_stock',
  'model-stock': 'model_stock',
  sce: 'sce',
  karcher: 'karcher',
  passthrough: 'passthrough',
}
export const SUITES = ['similarity', 'likelihood', 'mmlu', 'gsm8k', 'humaneval', 'perplexity', 'retrieval'] as const
const MODEL_FILE = /\.(?:onnx|safetensors|gguf|bin)$/i
const FILE = /[^/\\]\.[A-Za-z][A-Za-z0-9]{0,10}$/

export const isModelFile = (path: string): boolean => MODEL_FILE.test(path)
/** A path that ends in a name with an extension; all others are folders. */
export const isFile = (path: string): boolean => FILE.test(path)

/** Codecs that are named, in order. */
export function codecsOf(words: readonly Word[]): string[] {
  const found = words.flatMap((word, index): string[] => {
    const name = word.lower
    if (CODECS.some((codec) => codec === name)) return [name]
    if (Object.hasOwn(CODEC_NAMES, name)) return [CODEC_NAMES[name]!]
    const next = words[index + 1]
    if (name === 'int' && (next?.value === 4 || next?.value === 8)) return [`int${next.value}`]
    if (word.kind === 'bits' && (word.value === 4 || word.value === 8)) return [`int${word.value}`]
    return []
  })
  return [...new Set(found)]
}

export const isCodec = (word: Word): boolean =>
  CODECS.some((codec) => codec === word.lower) || Object.hasOwn(CODEC_NAMES, word.lower)

export function methodOf(words: readonly Word[]): string | null {
  for (const [index, { lower }] of words.entries()) {
    if (Object.hasOwn(METHODS, lower)) return METHODS[lower]!
    if (lower === 'task' && words[index + 1]?.lower === 'arithmetic') return 'task_arithmetic'
    if (lower === 'model' && words[index + 1]?.lower === 'stock') return 'model_stock'
  }
  return null
}

export function suiteOf(words: readonly Word[]): string | null {
  for (const { norm, lower } of words) {
    const suite = SUITES.find((name) => name === lower || name === norm)
    if (suite !== undefined) return suite
  }
  return null
}

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
const COUNTS: Readonly<Record<string, number>> = { twice: 2, thrice: 3, two: 2, three: 3, four: 4, five: 5, six: 6, eight: 8, ten: 10 }

const before = (words: readonly Word[], at: number, count: number): string => lineOf(words.slice(Math.max(0, at - count), at))
const after = (words: readonly Word[], at: number, count: number): string => lineOf(words.slice(at + 1, at + 1 + count))
const LOSS = /(?:^| )(?:lose|losing|losses|loss|drop|sacrificing|sacrifice|degrade|degrading|degradation|worse)(?: |$)/

/** How small, how good: the targets of a compression. */
export function targetsOf(words: readonly Word[]): JsonObject {
  const found: { ratio?: number; maxBytes?: number; quality?: number; bits?: number } = {}
  for (const [at, word] of words.entries()) {
    const { kind, value } = word
    if (kind === 'size' && !/(?:^| )from(?: |$)/.test(before(words, at, 1))) found.maxBytes = Math.round(value!)
    else if (kind === 'bits' && value !== 4 && value !== 8) found.bits = value!
    else if (kind === 'times') found.ratio = value!
    else if (kind === 'percent') readShare(words, at, found)
    else if (Object.hasOwn(FRACTIONS, word.lower) && !/(?:^| )(?:first|second)(?: |$)/.test(after(words, at, 1)))
      found.ratio ??= FRACTIONS[word.lower]!
    else if (Object.hasOwn(COUNTS, word.lower) && /^(?:times|x|fold)|^as small/.test(after(words, at, 2)))
      found.ratio ??= COUNTS[word.lower]!
  }
  return found
}

function readShare(words: readonly Word[], at: number, found: { ratio?: number; quality?: number }): void {
  const share = words[at]!.value!
  const [left, right] = [before(words, at, 6), after(words, at, 4)]
  if (LOSS.test(left) || /^(?:loss|worse|drop|of a loss|quality loss)/.test(right)) found.quality = rounded(1 - share)
  else if (/(?:^| )by(?: (?:at least|about|around|roughly|up to|over|more than))?$/.test(left) || /^(?:small|smaller|less|off)/.test(right)) {
    if (share < 1) found.ratio = rounded(1 / (1 - share))
  } else if (/(?:^| )(?:to|at|under|below)(?: (?:about|around|roughly|only|just|at most|less than))*$/.test(left) && !/quality|accuracy|performance|score/.test(`${left} ${right}`)) {
    if (share > 0) found.ratio = rounded(1 / share)
  } else if (/size/.test(right) && share > 0) found.ratio = rounded(1 / share)
  else found.quality = rounded(share)
}

const DIGITS = 6
const rounded = (value: number): number => Number(value.toPrecision(DIGITS))

/** Words that describe and never name a model. */
const ADJECTIVES =
  /^(?:compressed|original|uncompressed|quantised|quantized|merged|trained|embedded|default|largest|biggest|smallest|newest|latest|previous|resulting|finished|existing|available|installed|bundled|local|remote|original's|baseline|base|parent|parents|variant|variants|version|versions|copy|copies|pair|ones|outcome|output|losses|loss|accuracy|behaviour|performance|speed|bytes|bits|weights|codec|codecs|suite|suites|method|using|down|via|until|afterward|afterwards|carefully|aggressively|slightly|somewhat|hub|huggingface|megabytes|fold|times|percent|accordingly|respectively|properly|thoroughly|it's|them|anew|stats|statistics|metrics|cache|everything|intrinsic|dimension|dimensions|spectrum|spectra|cka|fresh|whichever|whatever|winner|better|yourself|myself|held-out|heldout|smartly|tightly|losslessly|data|dataset|texts|rank|ranks|lora|adamw|sgd)$/
const STOPS =
  /^(?:under|below|into|in|at|by|on|using|use|via|as|if|keep|keeping|down|until|while|so|because|for|from|which|that|who|where|over|without|should|must|can|will|is|are|was|but|then|such|like|fit|fits|<size>|<times>|<percent>|<bits>|<code>|[;:()])$/

export interface NameOptions {
  /** Words that join names: `and`, `with`, `,`. */
  readonly joiners?: RegExp
  /** Whether a plain word where a name is expected may be one. */
  readonly plainWords?: boolean
  /** Go on after words such as `on` and `for`. */
  readonly anywhere?: boolean
}

const isDashedEnglish = (text: string): boolean =>
  /^[\p{L}]+(?:-[\p{L}]+)+$/u.test(text) &&
  !/(?:^|-)(?:s?l?lm|model|net|bert|gpt|base|tiny|small|large|mini|village|expert|encoder|story|stories)(?:-|$)/i.test(text) &&
  text
    .toLowerCase()
    .split('-')
    .every((part) => part.length <= 2 || isEveryday(part) || knownWord(part) !== null || /^(?:step|non|pre|co|in|built|held)$/.test(part))

/** Whether a word can be the name of a model. */
export function isName(word: Word): boolean {
  if (isCodec(word) || Object.hasOwn(METHODS, word.lower) || SUITES.some((suite) => suite === word.lower)) return false
  if (word.kind === 'id') return !isDashedEnglish(word.text) && !/^\d+(?:[:.-]\d+)*$/.test(word.text)
  if (word.kind === 'quoted') return word.text.length <= 128 && !/\s/.test(word.text)
  return word.kind === 'path' && !word.text.includes('\\')
}

/**
 * Names of models in a clause, in order; paths too (of files that are to be added). A plain word is a name after `model`, `called` or
 * `named`, and where an object is expected, if it is no word that means something else.
 */
export function namesOf(words: readonly Word[], from: number, options: NameOptions = {}): Word[] {
  const { joiners = /^(?:and|,|&|with|to|against|vs|versus|than|or|plus|both|the|of|<=>)$/, plainWords = true, anywhere = true } = options
  const names: Word[] = []
  let isExpected = plainWords
  for (let at = from; at < words.length; at++) {
    const word = words[at]!
    const previous = words[at - 1]?.norm ?? ''
    if (/^(?:job|round|collection|folder|suite|codec|method|data|config|member|as|it|id)$/.test(previous) && word.kind !== 'path' && previous !== 'as')
      isExpected = false
    else if (isNewName(words, at)) isExpected = false
    else if (isName(word)) {
      names.push(word)
      isExpected = false
    } else if (STOPS.test(word.norm)) {
      if (!anywhere) break
      isExpected = plainWords && /^(?:on|of|for|in|from|to)$/.test(word.norm) && names.length === 0
    } else if (/^(?:model|call|name)$/.test(word.norm)) isExpected = true
    else if (joiners.test(word.norm) || /^(?:the|a|an|my|our|your|this|that|these|those|its|their|model)$/.test(word.norm)) {
      if (joiners.test(word.norm)) isExpected = plainWords
    } else if (isExpected && isPlainName(word)) {
      names.push(word)
      isExpected = false
    } else isExpected = isExpected && ADJECTIVES.test(word.norm)
  }
  return names
}

const isPlainName = (word: Word): boolean =>
  word.kind === 'word' &&
  word.form === null &&
  word.norm === word.lower &&
  word.lower.length > 1 &&
  !ADJECTIVES.test(word.lower) &&
  !isCodec(word) &&
  !Object.hasOwn(METHODS, word.lower) &&
  !SUITES.some((suite) => suite === word.lower) &&
  !isEveryday(word.lower) &&
  knownWord(word.lower) === null &&
  !Object.hasOwn(FRACTIONS, word.lower) &&
  !word.lower.endsWith('-doing') &&
  !/(?:ly|ing|ness|tion)$/.test(word.lower)

/** `as small-lm`, `call it small-lm`, `named small-lm`, `with id small-lm`: the name that the result is to get. */
const NEW_NAME =
  /(?:^| )(?:as|call (?:it|the result|them|the (?:new|merged|resulting) (?:model|one))|name (?:it|the result)|under the (?:name|id)|with (?:the )?(?:id|name)|save it (?:as|under)|id|store (?:it|the result) as)$/
const isNewName = (words: readonly Word[], at: number): boolean => {
  const left = lineOf(words.slice(Math.max(0, at - 5), at))
  return (
    (isName(words[at]!) || isPlainName(words[at]!)) &&
    (NEW_NAME.test(left) || (/(?:^| )(?:call|name)$/.test(left) && /^(?:into|a)?/.test(left) && words[at - 1]!.form === 'past' && RESULT_OF.test(left)))
  )
}
const RESULT_OF = /(?:into|result|new|one|model) (?:.* )?(?:call|name)$/

export function newNameOf(words: readonly Word[]): string | null {
  for (let at = 1; at < words.length; at++) if (isNewName(words, at)) return words[at]!.text
  return null
}

export const pathsOf = (words: readonly Word[]): string[] =>
  words.flatMap(({ kind, text }) => (kind === 'path' || (kind === 'quoted' && /^(?:~|\.{0,2})\/|^[A-Za-z]:\\/.test(text)) ? [text] : []))

/** The collection that is named: `into the collection notes`, `as notes`, `in my-notes`, `my papers collection`, `collection: notes`. */
export function collectionOf(words: readonly Word[], isIndexing: boolean): string | null {
  const isWord = (word: Word | undefined): word is Word =>
    word !== undefined && ['word', 'id', 'quoted'].includes(word.kind) && !ARTICLE.test(word.lower) && !/^<?(?:collection|folder|file)/.test(word.norm)
  for (const [at, { norm }] of words.entries()) {
    if (norm !== 'collection') continue
    let next = at + 1
    while (/^(?:call|name|:|=|is|it|be)$/.test(words[next]?.norm ?? '')) next++
    const named = words[next]
    if (isWord(named) && (next > at + 1 || named.kind !== 'word' || !COMMON.test(named.norm))) return named.text
    const left = words[at - 1]
    if (isWord(left) && !COMMON.test(left.norm) && left.form === null) return left.text
  }
  if (!isIndexing) {
    for (let at = 1; at < words.length; at++) {
      const word = words[at]!
      if (/^(?:in|from|within|across|through|of)$/.test(words[at - 1]!.norm) && (word.kind === 'quoted' ? !/\s/.test(word.text) : false)) return word.text
    }
    return null
  }
  for (let at = 1; at < words.length; at++) {
    const word = words[at]!
    let left = at - 1
    while (left > 0 && ARTICLE.test(words[left]!.lower)) left--
    const joined = words[left]!
    const isInto =
      /^(?:into|in|as|to|under)$/.test(joined.norm) || (/^(?:call|name)$/.test(joined.norm) && words.length > at) || (joined.norm === 'it' && /^(?:call|name)$/.test(words[left - 1]?.norm ?? ''))
    if (isInto && isWord(word) && word.kind !== 'path' && !COMMON.test(word.norm) && word.form === null) return word.text
  }
  return null
}

const ARTICLE = /^(?:the|a|an|my|our|your|this|that|new|its|of)$/
const COMMON =
  /^(?:and|or|with|for|so|that|which|is|are|it|them|please|then|to|in|on|of|from|about|first|new|existing|same|right|order|general|total|full|case|detail|knowledge|memory|background|private|public|every|each|all|any|which|what|another|other|one|called|named|named:|do|have|i|you|we|there|not|if|when|who|holds|contains|say|says|me|this|that|these|those|by)$/

/** A name for a collection that a folder or file goes to: the last part of its path. */
export function collectionOfPath(path: string): string | null {
  const last = path
    .replace(/[/\\]+$/, '')
    .split(/[/\\]/)
    .at(-1)!
    .replace(/(?<=.)\.[A-Za-z0-9]{1,11}$/, '')
  const name = last
    .toLowerCase()
    .replace(/[^\p{L}\p{N}_-]+/gu, '-')
    .replace(/^-+|-+$/g, '')
  return name === '' ? null : name
}

export const numberOf = (words: readonly Word[], unit: RegExp): number | null => {
  for (const [at, word] of words.entries()) if (word.kind === 'number' && unit.test(words[at + 1]?.lower ?? '')) return word.value
  return null
}
