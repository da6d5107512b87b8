/** One clause of a goal: what it says, whether it orders or asks, and what it is bound to. */
import { doingVerb, knownWord, type VerbForm } from './lexicon.ts'
import type { Token } from './tokens.ts'

export interface Word extends Token {
  /**
   * What rules see: the known word (`shrink` → `compress`), `<path>`, `<id>`, `<number>`… for what is not a word, else the word in
   * lower case.
   */
  readonly norm: string
  /** Of known verbs; null for all others. */
  readonly form: VerbForm | null
  /** What the goal itself gives this name to (`call it small`, `into the collection letters`). */
  readonly declared?: 'model' | 'collection'
  /** What of this node has this name (named-words.ts). */
  readonly own?: { readonly model?: string; readonly collection?: string; readonly folder?: string }
}

export type Mood = 'order' | 'question' | 'statement'

export interface Clause {
  /** Without politeness in front. */
  readonly words: readonly Word[]
  /** `norm`s with spaces between. */
  readonly line: string
  readonly mood: Mood
  /** Words of the asker, as they stand in the goal. */
  readonly text: string
  /** The whole goal, which offsets of words point into. */
  readonly source: string
  readonly condition: ClauseCondition | null
  /** Not to be done (`don't index it`): it only says what is spoken of. */
  readonly isOff: boolean
}

export interface ClauseCondition {
  readonly words: readonly Word[]
  /** `unless`, `otherwise`. */
  readonly isNegated: boolean
}

export function toWord(token: Token): Word {
  if (token.kind === 'mark') return { ...token, norm: token.text, form: null }
  if (token.kind === 'break') return { ...token, norm: '\n', form: null }
  if (token.kind !== 'word' && token.kind !== 'id') return { ...token, norm: `<${token.kind}>`, form: null }
  const known = knownWord(token.lower)
  if (known !== null)
    return { ...token, kind: 'word', norm: known.word, form: known.kind === 'verb' ? known.form : null }
  const doing = doingVerb(token.lower)
  if (doing !== null) return { ...token, kind: 'word', norm: `${doing}-doing`, form: null }
  return { ...token, norm: token.kind === 'id' ? '<id>' : token.lower, form: null }
}

export const lineOf = (words: readonly Word[]): string => words.map(({ norm }) => norm).join(' ')

/** The asker's words from the first to the last of `words`. */
export function textOf(words: readonly Word[], source: string): string {
  const [first, last] = [words[0], words.at(-1)]
  if (first === undefined || last === undefined) return ''
  return source
    .slice(first.start, last.end)
    .replace(/\s+/g, ' ')
    .replace(/[,;:]+$/, '')
    .trim()
}
