/**
 * A goal as tokens: words, and what is not read as words: paths, names with digits or dashes, numbers with units, quotes, code. What stands in
 * quotes or in a code block is one token, so that no rule reads an order in it.
 */
import { numberWord } from './number-words.ts'

export type TokenKind =
  | 'word'
  /** A name such as `village-lm`, `gpt2`, `job:12ab`. */
  | 'id'
  | 'path'
  | 'url'
  | 'quoted'
  | 'code'
  | 'number'
  /** `value`: bytes. */
  | 'size'
  /** `value`: a share, 0.95 for 95 %. */
  | 'percent'
  /** `4x`, `3 times`. */
  | 'times'
  /** `4-bit`. */
  | 'bits'
  | 'mark'
  | 'break'

export interface Token {
  readonly kind: TokenKind
  /** Of quotes and code: what is inside. */
  readonly text: string
  /** Lower case, typographic apostrophes made plain. */
  readonly lower: string
  readonly value: number | null
  /** UTF-16 offsets in the goal. */
  readonly start: number
  readonly end: number
  /** Of a code block: the language that it names. */
  readonly language: string | null
}

const UNITS: Readonly<Record<string, number>> = {
  b: 1,
  byte: 1,
  bytes: 1,
  k: 1e3,
  kb: 1e3,
  kilobyte: 1e3,
  kilobytes: 1e3,
  m: 1e6,
  mb: 1e6,
  meg: 1e6,
  megs: 1e6,
  megabyte: 1e6,
  megabytes: 1e6,
  gb: 1e9,
  gig: 1e9,
  gigs: 1e9,
  gigabyte: 1e9,
  gigabytes: 1e9,
  tb: 1e12,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
}
const UNIT = `(?:${Object.keys(UNITS)
  .filter((unit) => unit.length > 1)
  .sort((a, b) => b.length - a.length)
  .join('|')})`
const DIGITS = String.raw`\d+(?:,\d{3})*(?:\.\d+)?`
/** `two megabytes`, `five percent`. */
const NUMBER_WORDS: Readonly<Record<string, number>> = {
  one: 1,
  two: 2,
  three: 3,
  four: 4,
  five: 5,
  six: 6,
  seven: 7,
  eight: 8,
  nine: 9,
  ten: 10,
  twelve: 12,
  fifteen: 15,
  twenty: 20,
  thirty: 30,
  fifty: 50,
  ninety: 90,
  hundred: 100,
}
const TENS = '(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)'
const NUMBER = `${DIGITS}|(?<![\\p{L}\\p{N}-])(?:${TENS}[\\s-](?:one|two|three|four|five|six|seven|eight|nine)|${TENS}|${Object.keys(NUMBER_WORDS).join('|')})(?=[\\s-])`
const EXTENSION =
  '(?:md|markdown|txt|text|pdf|docx?|html?|csv|tsv|jsonl?|ya?ml|toml|onnx|safetensors|gguf|bin|py|js|ts|sh|epub|log|xml|rst|tex|xlsx?|tar|zip|ini|cfg|c|cc|cpp|h|rs|go|java)'
/** Every quantifier runs over a class that the next part is not in: time grows with the length alone. */
const PATTERNS: readonly (readonly [TokenKind, RegExp])[] = [
  ['code', /```([\w+#-]{0,20})[^\n`]{0,80}\n([\s\S]*?)```/y],
  ['quoted', /`([^`\n]{1,2000})`/y],
  ['quoted', /"([^"\n]{1,2000})"/y],
  ['quoted', /[“„]([^“”„\n]{1,2000})[”“]/y],
  ['quoted', /«([^«»\n]{1,2000})»/y],
  ['quoted', /(?<![\p{L}\p{N}])['‘]([^'‘’\n]{1,2000})['’](?![\p{L}\p{N}])/uy],
  ['url', /https?:\/\/[^\s"'<>]{1,2000}/iy],
  ['path', /(?<![\p{L}\p{N}_])(?:~|\.{1,2})?\/[\p{L}\p{N}_.~@+*-][^\s"'<>|,;?!()]{0,1000}/uy],
  [
    'path',
    /(?<![\p{L}\p{N}_."'”’»)\]`])(?:[A-Za-z]:\\[^\s"'<>|,;?!()]{0,1000}|~\/|\.{1,2}\/?(?=[\s,;?!]|$))/uy,
  ],
  ['path', /[\p{L}\p{N}_*][\p{L}\p{N}_*.-]{0,200}(?:\/[\p{L}\p{N}_.@*-]+)+\/?/uy],
  ['path', /[\p{L}\p{N}_*][\p{L}\p{N}_*.-]{0,200}\/(?=[\s,;?!.]|$)/uy],
  [
    'path',
    new RegExp(String.raw`[\p{L}\p{N}_*][\p{L}\p{N}_*.-]{0,200}\.${EXTENSION}(?![\p{L}\p{N}])`, 'iuy'),
  ],
  ['size', new RegExp(String.raw`(${NUMBER})\s?(${UNIT}|[kKM])(?![\p{L}\p{N}])`, 'iuy')],
  ['percent', new RegExp(String.raw`(${NUMBER})\s?(?:%|percent\b|per cent\b|pct\b)`, 'iuy')],
  ['bits', new RegExp(String.raw`(${NUMBER})[\s-]?bits?(?![\p{L}\p{N}])`, 'iuy')],
  ['times', new RegExp(String.raw`(${NUMBER})[\s-]?(?:x|×|times|fold)(?![\p{L}\p{N}]|\s*[\d(])`, 'iuy')],
  ['number', new RegExp(String.raw`(${DIGITS})(?![\p{L}\p{N}_]|[-:@][\p{L}\p{N}])`, 'uy')],
  ['word', /[\p{L}\p{N}_](?:[\p{L}\p{N}_'’@:.+#-]*[\p{L}\p{N}_+#])?/uy],
]
/** Words that a stroke joins. */
const NOT_A_PATH = /^(?:and\/or|or\/and|yes\/no|he\/she|w\/o|n\/a|in\/out|\d+\/\d+)$/i

export function readTokens(text: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  while (at < text.length) {
    const char = text[at]!
    if (char === '\n') tokens.push(token('break', '\n', at, at + 1))
    if (/\s/.test(char)) at++
    else {
      const read = readToken(text, at)
      tokens.push(read)
      at = read.end
    }
  }
  return tokens.flatMap(expandContraction)
}

function readToken(text: string, at: number): Token {
  for (const [kind, pattern] of PATTERNS) {
    pattern.lastIndex = at
    const match = pattern.exec(text)
    if (match === null) continue
    const whole = match[0]
    if (kind === 'code')
      return { ...token(kind, match[2]!, at, at + whole.length), language: match[1]!.toLowerCase() || null }
    if (kind === 'quoted') return token(kind, match[1]!, at, at + whole.length)
    if (kind === 'path' || kind === 'url') {
      const trimmed = whole.replace(/(?<=[^./])[.:]+$/, '')
      if (!NOT_A_PATH.test(trimmed)) return token(kind, trimmed, at, at + trimmed.length)
      continue
    }
    if (kind === 'word')
      return token(/[\p{N}_:.@#+-]/u.test(whole) ? 'id' : 'word', whole, at, at + whole.length)
    return { ...token(kind, whole, at, at + whole.length), value: amountOf(kind, match) }
  }
  return token('mark', text[at]!, at, at + 1)
}

function amountOf(kind: TokenKind, match: RegExpExecArray): number {
  const said = match[1]!.toLowerCase()
  const number = NUMBER_WORDS[said] ?? numberWord(said.replace(/\s/, '-')) ?? Number(said.replaceAll(',', ''))
  if (kind === 'size') return number * UNITS[match[2]!.toLowerCase()]!
  return kind === 'percent' ? number / 100 : number
}

function token(kind: TokenKind, text: string, start: number, end: number): Token {
  return {
    kind,
    text,
    lower: text.toLowerCase().replaceAll('’', "'"),
    value: null,
    start,
    end,
    language: null,
  }
}

const ENDINGS: Readonly<Record<string, string>> = {
  "'s": 'is',
  "'re": 'are',
  "'m": 'am',
  "'ll": 'will',
  "'d": 'would',
  "'ve": 'have',
}
const SHORT_FORMS: Readonly<Record<string, readonly string[]>> = {
  "let's": ['let', 'us'],
  lets: ['let', 'us'],
  "can't": ['can', 'not'],
  cannot: ['can', 'not'],
  "won't": ['will', 'not'],
  dont: ['do', 'not'],
  doesnt: ['does', 'not'],
  whats: ['what', 'is'],
  wanna: ['want', 'to'],
  gimme: ['give', 'me'],
  lemme: ['let', 'me'],
  pls: ['please'],
  plz: ['please'],
  u: ['you'],
}
const PRONOUNS = /^(?:i|you|he|she|it|we|they|that|this|there|here|what|who|where|when|how|which)$/

/** `don't` → `do` `not`; `it's` → `it` `is`; `the model's` → `the` `model`. Offsets stay those of the whole. */
function expandContraction(read: Token): Token[] {
  if (read.kind !== 'word' && read.kind !== 'id') return [read]
  const parts = (words: readonly string[]): Token[] =>
    words.map((word) => ({ ...read, kind: 'word', text: word, lower: word }))
  const short = Object.hasOwn(SHORT_FORMS, read.lower) ? SHORT_FORMS[read.lower]! : null
  if (short !== null) return parts(short)
  const not = /^(\p{L}+)n't$/u.exec(read.lower)
  if (not !== null) return parts([not[1]!, 'not'])
  const cut = read.lower.lastIndexOf("'")
  if (cut <= 0) return [read]
  const [stem, ending] = [read.lower.slice(0, cut), read.lower.slice(cut)]
  if (PRONOUNS.test(stem) && ending in ENDINGS) return parts([stem, ENDINGS[ending]!])
  if (ending !== "'s") return [read]
  const text = read.text.slice(0, cut)
  return [
    { ...read, text, lower: stem, end: read.start + cut, kind: /[\p{N}_:.@#+-]/u.test(text) ? 'id' : 'word' },
  ]
}
