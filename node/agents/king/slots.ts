/** What a clause names: codecs, methods, suites, models, paths, numbers. Each reader takes the clause's words and gives what is there. */
import { lineOf, type Word } from './clause.ts'
import { isEveryday, knownWord } from './lexicon.ts'
import { numberWord } from './number-words.ts'
import { isFraction } from './targets.ts'

const CODECS = ['int8', 'int4', 'ternary', 'seedlm', 'trellis', 'vptq', 'auto'] as const
const CODEC_NAMES: Readonly<Record<string, string>> = {
  'seed-lm': 'seedlm',
  'seed-trellis': 'trellis',
  seedtrellis: 'trellis',
  bitnet: 'ternary',
  'int-8': 'int8',
  'int-4': 'int4',
}
const METHODS: Readonly<Record<string, string>> = {
  linear: 'linear',
  linearly: 'linear',
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
export const SUITES = [
  'similarity',
  'likelihood',
  'mmlu',
  'gsm8k',
  'humaneval',
  'perplexity',
  'retrieval',
] as const
const MODEL_FILE = /\.(?:onnx|safetensors|gguf|bin)$/i
const FILE = /[^/\\]\.[A-Za-z][A-Za-z0-9]{0,10}$/

export const isModelFile = (path: string): boolean => MODEL_FILE.test(path)
/** `~/models/gpt2`: a folder that holds a model, as people name them. */
export const isModelFolder = (path: string): boolean =>
  !isFile(path) && /(?:^|\/)(?:models?|checkpoints?|llms?)\/[^/]+\/?$/i.test(path)
/** A path that ends in a name with an extension; all others are folders. */
export const isFile = (path: string): boolean => FILE.test(path)

/** Codecs that are named, in order. */
export function codecsOf(words: readonly Word[]): string[] {
  // `trellis at 4 bits` names one codec.
  const isNamed = words.some(isCodec)
  const found = words.flatMap((word, index): string[] => {
    const name = word.lower
    if (CODECS.some((codec) => codec === name)) return [name]
    if (Object.hasOwn(CODEC_NAMES, name)) return [CODEC_NAMES[name]!]
    const next = words[index + 1]
    if (name === 'int' && (next?.value === 4 || next?.value === 8)) return [`int${next.value}`]
    if (!isNamed && word.kind === 'bits' && (word.value === 4 || word.value === 8))
      return [`int${word.value}`]
    return []
  })
  return [...new Set(found)]
}

export const isCodec = (word: Word): boolean =>
  CODECS.some((codec) => codec === word.lower) || Object.hasOwn(CODEC_NAMES, word.lower)

/** All that are named, in order. */
export const methodsOf = (words: readonly Word[]): string[] => [
  ...new Set(
    words.flatMap(
      (_, at) =>
        methodOf(words.slice(at, at + 1)) ??
        (at + 1 < words.length ? methodOf(words.slice(at, at + 2)) : null) ??
        [],
    ),
  ),
]

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

/** Words that describe and never name a model. */
const ADJECTIVES =
  /^(?:alike|similar|id|ids|name|names|compressed|original|uncompressed|quantised|quantized|merged|trained|embedded|default|largest|biggest|smallest|newest|latest|previous|resulting|finished|existing|available|installed|bundled|local|remote|original's|baseline|base|parent|parents|variant|variants|version|versions|copy|copies|pair|ones|outcome|output|losses|loss|accuracy|behaviour|performance|speed|bytes|bits|weights|codec|codecs|suite|suites|method|using|down|via|until|afterward|afterwards|carefully|aggressively|slightly|somewhat|hub|huggingface|megabytes|fold|times|percent|accordingly|respectively|properly|thoroughly|it's|them|anew|stats|statistics|metrics|cache|everything|intrinsic|dimension|dimensions|spectrum|spectra|cka|fresh|whichever|whatever|winner|better|yourself|myself|held-out|heldout|smartly|tightly|losslessly|data|dataset|texts|rank|ranks|lora|adamw|sgd|stable|effective|spectral|barrier|barriers|layer|tail)$/
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
  /^\p{L}+-(?:in|of|to|and|by|at|on|the)-\p{L}+$/u.test(text) || isJoinedEnglish(text)

const isJoinedEnglish = (text: string): boolean =>
  !/-[b-z]$/i.test(text) &&
  !/^\p{L}{3,}-a$/u.test(text) &&
  /^[\p{L}]+(?:-[\p{L}]+)+$/u.test(text) &&
  !/(?:^|-)(?:s?l?lm|model|net|bert|gpt|base|tiny|small|large|mini|village|expert|encoder|story|stories)(?:-|$)/i.test(
    text,
  ) &&
  text
    .toLowerCase()
    .split('-')
    .every(
      (part) =>
        part.length <= 2 ||
        isEveryday(part) ||
        knownWord(part) !== null ||
        /^(?:step|non|pre|co|in|built|held)$/.test(part),
    )

/** Whether a word can be the name of a model. */
export function isName(word: Word): boolean {
  if (isCodec(word) || Object.hasOwn(METHODS, word.lower) || SUITES.some((suite) => suite === word.lower))
    return false
  if (/^mcp_/.test(word.lower)) return false
  if (word.kind === 'id') return !isDashedEnglish(word.text) && !/^\d+(?:[:.-]\d+)*$/.test(word.text)
  if (word.kind === 'quoted') return word.text.length <= 128 && !/\s/.test(word.text)
  // A file of a model, or OWNER/NAME of a hub; other paths are folders and texts.
  return (
    word.kind === 'path' &&
    (isModelFile(word.text) || /^[\w-][\w.-]*\/[\w.-]+$/.test(word.text)) &&
    !(isFile(word.text) && !isModelFile(word.text))
  )
}

/**
 * Names of models in a clause, in order; paths too (of files that are to be added). A plain word is a name after `model`, `called` or
 * `named`, and where an object is expected, if it is no word that means something else.
 */
export function namesOf(words: readonly Word[], from: number, options: NameOptions = {}): Word[] {
  const {
    joiners = /^(?:and|,|&|with|to|against|vs|versus|than|or|plus|both|the|of|<=>)$/,
    plainWords = true,
    anywhere = true,
  } = options
  const names: Word[] = []
  let isExpected = plainWords
  for (let at = from; at < words.length; at++) {
    const word = words[at]!
    const previous = words[at - 1]?.norm ?? ''
    if (
      /^(?:job|round|collection|folder|suite|codec|method|data|config|member|as|it|id)$/.test(previous) &&
      word.kind !== 'path' &&
      previous !== 'as'
    )
      isExpected = false
    else if (isNewName(words, at)) isExpected = false
    else if (isName(word)) {
      names.push(word)
      isExpected = false
    } else if (STOPS.test(word.norm)) {
      if (!anywhere) break
      isExpected = plainWords && /^(?:on|of|for|in|from|to)$/.test(word.norm) && names.length === 0
    } else if (/^(?:model|call|name)$/.test(word.norm)) isExpected = true
    else if (
      joiners.test(word.norm) ||
      /^(?:the|a|an|my|our|your|this|that|these|those|its|their|model)$/.test(word.norm)
    ) {
      if (joiners.test(word.norm)) isExpected = plainWords
    } else if (isExpected && isPlainName(word) && !(words[at + 1]?.norm ?? '').endsWith('-doing')) {
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
  !isFraction(word.lower) &&
  !word.lower.endsWith('-doing') &&
  !/(?:ly|ing|ness|tion)$/.test(word.lower)

/** `as small-lm`, `call it small-lm`, `named small-lm`, `with id small-lm`: the name that the result is to get. */
const NEW_NAME =
  /(?:^| )(?:as|call (?:it|the result|them|the (?:new|merged|resulting) (?:model|one))|name (?:it|the result)|under the (?:name|id|call)|with (?:the )?(?:id|name|call)(?: of)?|by the (?:id|name|call) of|under the title|(?:id|name)(?: =| :| is| being)?|save it (?:as|under)|title|titled|dub it|store (?:it|the result) as)$/
const isNewName = (words: readonly Word[], at: number): boolean => {
  const left = lineOf(words.slice(Math.max(0, at - 5), at))
  if (/(?:^| )as (?:good|well|big|small|large|fast|accurate|much|many) as$/.test(left)) return false
  return (
    (isName(words[at]!) || isPlainName(words[at]!)) &&
    (NEW_NAME.test(left) ||
      (/(?:^| )into$/.test(left) &&
        words[0]!.norm === 'merge' &&
        words.slice(0, at).filter(isName).length >= 2) ||
      (/(?:^| )(?:call|name)$/.test(left) &&
        /^(?:into|a)?/.test(left) &&
        words[at - 1]!.form === 'past' &&
        RESULT_OF.test(left)))
  )
}
const RESULT_OF = /(?:into|result|new|one|model) (?:.* )?(?:call|name)$/

const NOT_NEW =
  /^(?:well|before|usual|planned|requested|such|instead|it|is|one|that|this|asked|wanted|needed|possible|required|base|original|adapter|soon|default|test|reference|always|too|text|input|model|models|file|embedded)$/

export function newNameOf(words: readonly Word[]): string | null {
  for (let at = 1; at < words.length; at++) if (isNewName(words, at)) return words[at]!.text
  // `add ~/rain.safetensors as rain`: at the end any word is a name.
  const [as, last] = [words.at(-2), words.at(-1)]
  if (
    /^(?:add|import|pull|save)$/.test(words[0]?.norm ?? '') &&
    as?.norm === 'as' &&
    last?.kind === 'word' &&
    last.form === null
  )
    if (!NOT_NEW.test(last.lower) && codecsOf([last]).length === 0) return last.text
  return null
}

const isQuotedPath = ({ kind, text }: Word): boolean =>
  kind === 'quoted' && /^(?:~|\.{0,2})\/|^[A-Za-z]:\\/.test(text)

/** In order; `~/my notes` without quotes and once more in quotes is one. */
export function pathsOf(words: readonly Word[]): string[] {
  const quoted = words.filter(isQuotedPath).map(({ text }) => text)
  return words.flatMap((word) =>
    isQuotedPath(word) || (word.kind === 'path' && !quoted.some((whole) => whole.startsWith(`${word.text} `)))
      ? [word.text]
      : [],
  )
}

export const numberOf = (words: readonly Word[], unit: RegExp): number | null => {
  for (const [at, word] of words.entries())
    if (unit.test(words[at + 1]?.lower ?? '')) {
      const value =
        word.kind === 'number'
          ? word.value
          : word.kind === 'word' || word.kind === 'id'
            ? numberWord(word.lower)
            : null
      if (value !== null) return value
    }
  return null
}
