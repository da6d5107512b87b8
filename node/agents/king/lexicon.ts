/**
 * The words that the rules know: many words for one thing become one word, in any inflection, with slips of spelling. A verb knows its
 * form: only the plain form orders something (`index it`; not `indexing`, not `the indexed files`).
 */
import { editDistance } from '../../nearest.ts'
import { NAMES, OTHER_WORDS } from './lexicon-others.ts'
import { DOINGS, IRREGULAR, NOUNS, VERBS } from './lexicon-words.ts'

export type VerbForm = 'plain' | 'ing' | 'past' | 's'

export interface KnownWord {
  /** The one word for it. */
  readonly word: string
  readonly kind: 'verb' | 'noun'
  readonly form: VerbForm
}

const words = (line: string): string[] => line.split(/\s+/).filter((word) => word !== '')
const lines = (table: string): string[][] =>
  table
    .split('\n')
    .map(words)
    .filter((row) => row.length > 0)

function inflect(verb: string): [string, VerbForm][] {
  const last = verb.at(-1)!
  const e = last === 'e' && verb !== 'see'
  const y = /[^aeiou]y$/.test(verb)
  const doubled = /^[^aeiou]*[aeiou][bdgmnprt]$/.test(verb) || /(?:cel|get|submit|begin|mit)$/.test(verb)
  const stem = e ? verb.slice(0, -1) : doubled ? verb + last : verb
  return [
    [verb, 'plain'],
    [y ? `${verb.slice(0, -1)}ies` : /(?:s|x|ch|sh|o)$/.test(verb) ? `${verb}es` : `${verb}s`, 's'],
    [`${stem}ing`, 'ing'],
    [y ? `${verb.slice(0, -1)}ied` : `${stem}ed`, 'past'],
    // Both spellings: cancelled, canceled.
    ...(verb.endsWith('cel')
      ? ([
          [`${verb}ed`, 'past'],
          [`${verb}ing`, 'ing'],
        ] as [string, VerbForm][])
      : []),
  ]
}

function build(): Map<string, KnownWord> {
  const known = new Map<string, KnownWord>()
  const put = (text: string, word: KnownWord) => {
    if (!known.has(text)) known.set(text, word)
  }
  for (const [text, [word, form]] of Object.entries(IRREGULAR)) put(text, { word, kind: 'verb', form })
  for (const row of lines(VERBS))
    for (const verb of row)
      for (const [text, form] of inflect(verb)) put(text, { word: row[0]!, kind: 'verb', form })
  for (const row of lines(NOUNS))
    for (const noun of row) put(noun, { word: row[0]!, kind: 'noun', form: noun === row[0] ? 'plain' : 's' })
  return known
}

const KNOWN: ReadonlyMap<string, KnownWord> = build()

/** Slips are looked for in words of this length. */
const SLIP_LENGTH = { min: 4, max: 20 }
const TARGETS: readonly string[] = [...KNOWN.keys()].filter((word) => word.length >= SLIP_LENGTH.min)
const SLIPS = new Map<string, KnownWord | null>()
/** Words of askers that are remembered at most. */
const MAX_SLIPS = 5000

const doingOf = (word: string): KnownWord | null =>
  Object.hasOwn(DOINGS, word) ? { word: DOINGS[word]!, kind: 'noun', form: 'plain' } : null

/** Whether `word` names a doing (`compression`). */
export function doingVerb(word: string): string | null {
  return doingOf(word)?.word ?? null
}

/** What a word is, in any inflection and with a slip of spelling; null for all others. `word` in lower case. */
export function knownWord(word: string): KnownWord | null {
  const known = KNOWN.get(word) ?? (word.startsWith('re-') ? KNOWN.get(word.slice(3)) : undefined)
  if (known !== undefined) return known
  if (OTHER_WORDS.has(word) || NAMES.has(word) || doingOf(word) !== null) return null
  if (word.length < SLIP_LENGTH.min || word.length > SLIP_LENGTH.max || !/^[a-z-]+$/.test(word)) return null
  const before = SLIPS.get(word)
  if (before !== undefined) return before
  const found = slipOf(word)
  if (SLIPS.size >= MAX_SLIPS) SLIPS.clear()
  SLIPS.set(word, found)
  return found
}

/** One slip in a short word, two in a long one; the first letter is seldom wrong; two letters swapped are one slip. */
function slipOf(word: string): KnownWord | null {
  const most = word.length >= 9 ? 2 : 1
  let [best, bestDistance] = [null as string | null, most + 1]
  for (const target of TARGETS) {
    if (target[0] !== word[0] || Math.abs(target.length - word.length) > most) continue
    // Of short words only two letters that changed places: too many are one letter apart.
    if (target.length === SLIP_LENGTH.min && !isSwap(word, target)) continue
    const distance = isSwap(word, target) ? 1 : editDistance(word, target)
    if (distance < bestDistance) [best, bestDistance] = [target, distance]
  }
  return best === null ? null : KNOWN.get(best)!
}

function isSwap(a: string, b: string): boolean {
  if (a.length !== b.length) return false
  const at = [...a].findIndex((char, index) => char !== b[index])
  return (
    at >= 0 &&
    at + 1 < a.length &&
    a[at] === b[at + 1] &&
    a[at + 1] === b[at] &&
    a.slice(at + 2) === b.slice(at + 2)
  )
}

/** Whether a word is one of everyday English that says nothing about what to do. */
export function isEveryday(word: string): boolean {
  return OTHER_WORDS.has(word)
}
