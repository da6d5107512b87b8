/**
 * A goal as clauses in the order in which they are to be done: sentences, then what `and`, `then`, `before`, `after`, `once` and `if` join. What
 * `without`, `instead of` and `don't` take away is gone.
 */
import { type Clause, type ClauseCondition, lineOf, textOf, type Word } from './clause.ts'
import { innerCondition, leadingCondition } from './clause-conditions.ts'
import { innerOrder, leadingOrder } from './clause-order.ts'
import {
  CONNECTORS,
  cutPurpose,
  cutReasons,
  type Piece,
  piece,
  stripConnectors,
  trimEnd,
} from './clause-pieces.ts'
import { TAKEN_BACK_LINE, TAKES_BACK } from './material.ts'
import { beginsClause, readMood } from './mood.ts'
import { splitSentences } from './split-sentences.ts'

/** Clauses of one sentence. */
const MAX_DEPTH = 40

const HYPOTHETICAL =
  /^(?:how (?:do|can|could|should|would|must|to)|what (?:would|will|could|if|happen)|why|should|would|could (?:i|we|it|this|that|one)|can (?:i|we|it|this|that|one|the|a|an|<)|is it|are there|do (?:it|this|that|the|i|we)|may|might|in (?:what|which)|when (?:should|can|do|would|is|are|was))/
const ACTIONS =
  /^(?:compress|index|search|evaluate|test|check|measure|compare|merge|train|evolve|generate|write|run|start|cancel|read|save|add|import|pull|remember|delete|share|calculate|change|ask|use|wait|list|show)$/
const QUESTIONS = /^(?:what|which|how|why|who|whom|whose|where|when|is|are|do|does|did|was|were|has)(?: |$)/
const STRONG = /^(?:then|afterwards?|subsequently|thereafter)$/
const STRONG_AT_START = /^(?:next|finally|lastly|later|afterwards?|after (?:that|this|which))(?= |$)/
export function splitClauses(words: readonly Word[], source: string): Clause[] {
  const clauses: Clause[] = []
  let condition: ClauseCondition | null = null
  for (const sentence of splitSentences(words)) {
    let isNegatedBefore = false
    let before = ''
    const pieces = splitSentence(sentence.words)
    for (const piece of pieces) {
      const isAfterElse = ELSE_ALONE.test(before)
      const isNamed = /^(?:otherwise|else|if not)(?= |$)/.test(lineOf(piece.words))
      // `if not, train it`: the comma parts the case from its order.
      const isElse = isNamed || (isAfterElse && piece.condition === null)
      const own: ClauseCondition | null =
        piece.condition ?? (isElse ? (opposite(condition) ?? ifNot(piece.words[0]!)) : null)
      if (own !== null && !isElse) condition = own
      const kept = isNamed ? piece.words.slice(/^if not/.test(lineOf(piece.words)) ? 2 : 1) : piece.words
      before = lineOf(piece.words)
      if (isElse && TAKES_BACK.test(lineOf(kept))) continue
      if (own === null && TAKES_BACK.test(lineOf(kept))) {
        clauses.push(takenBackBy(kept, source))
        continue
      }
      // `the readings are in x.csv, can you add them up?`: what is only told before a question asks nothing.
      const isTold =
        pieces.length > 1 && piece !== pieces.at(-1) && readMood(kept, false).mood === 'statement'
      const { words: rest, mood, isNegated } = readMood(kept, sentence.asks && !isTold, pieces.length === 1)
      const isOff: boolean =
        isNegated ||
        (mood === 'order' && /^(?:nothing|none|nobody)$/.test(rest[1]?.lower ?? '')) ||
        (isNegatedBefore && piece.isJoined)
      isNegatedBefore = isOff
      if (rest.length === 0) continue
      const clean = mood === 'order' ? cutReasons(rest) : mood === 'question' ? cutPurpose(rest) : rest
      clauses.push({
        words: clean,
        line: lineOf(clean),
        mood,
        text: textOf(clean, source),
        source,
        condition: own,
        isOff,
      })
    }
  }
  return clauses
}

const ELSE_ALONE = /^(?:(?:and|but|,) )*(?:otherwise|else|if not)(?: ,)?$/

const takenBackBy = (words: readonly Word[], source: string): Clause => ({
  ...{ words, line: TAKEN_BACK_LINE, mood: 'statement', text: textOf(words, source), source },
  ...{ condition: null, isOff: true },
})

/** `Is job 7e still running? If not, train …`: the case that what was asked is not so; without any such question it holds never. */
const ifNot = (word: Word): ClauseCondition => ({
  words: [{ ...word, kind: 'word', text: 'not', lower: 'not', norm: 'not', form: null }],
  isNegated: false,
})

const opposite = (condition: ClauseCondition | null): ClauseCondition | null =>
  condition === null ? null : { words: condition.words, isNegated: !condition.isNegated }

/** Of one sentence. Every call goes on with a shorter part, so it ends. */
function splitSentence(all: readonly Word[], depth = 0): Piece[] {
  const words = stripConnectors(all)
  if (words.length === 0) return []
  if (depth > MAX_DEPTH) return [piece(words)]
  const line = lineOf(words.slice(0, 12))
  if (HYPOTHETICAL.test(lineOf(readMood(words, false).words.slice(0, 6))) && !STRONG_AT_START.test(line))
    return [piece(words)]
  const asks =
    QUESTIONS.test(lineOf(readMood(words, false).words.slice(0, 2))) &&
    !words.some(({ kind }) => kind === 'path')
  const split = (part: readonly Word[]): Piece[] => splitSentence(part, depth + 1)
  const join = (part: readonly Word[]): Piece[] => coordinates(part, 0)
  return (
    leadingCondition(words, split) ??
    leadingOrder(words, split, join) ??
    takenAway(words, depth) ??
    innerCondition(words, split) ??
    // `which of two is taken when they are merged`: part of what is asked.
    (asks ? null : innerOrder(words, split, join)) ??
    coordinates(words, depth)
  )
}

/** `without indexing it`, `instead of compressing it`, `rather than …`. */
function takenAway(words: readonly Word[], depth: number): Piece[] | null {
  for (let at = 0; at < words.length - 1; at++) {
    const line = lineOf(words.slice(at, at + 3))
    const length = /^(?:instead of|rather than|as opposed to)(?= )/.test(line)
      ? line.startsWith('as')
        ? 3
        : 2
      : line.startsWith('without ') && words[at + 1]!.form === 'ing' && ACTIONS.test(words[at + 1]!.norm)
        ? 1
        : 0
    if (length === 0) continue
    const stop = words.findIndex(({ norm }, index) => index > at && /^(?:,|then)$/.test(norm))
    const rest = stop === -1 ? [] : words.slice(stop)
    return [...splitSentence(trimEnd(words.slice(0, at)), depth + 1), ...splitSentence(rest, depth + 1)]
  }
  return null
}

/** The first of its pieces keeps the word that says which case it is. */
function splitElse(words: readonly Word[], depth: number): Piece[] {
  const [first, ...more] = splitSentence(words.slice(1), depth + 1)
  return first === undefined ? [] : [{ ...first, words: [words[0]!, ...first.words] }, ...more]
}

const SETTING = /^(?:in|from|on|using|with|for|according|based|within|of|by|among)$/

function coordinates(words: readonly Word[], depth: number): Piece[] {
  for (let at = 1; at < words.length; at++) {
    const { norm } = words[at]!
    // `…, otherwise leave it`: what comes behind belongs to the other case.
    if (
      at + 1 < words.length &&
      (norm === 'otherwise' || (norm === 'else' && /^(?:,|;)$/.test(words[at - 1]!.norm)))
    )
      return [piece(trimEnd(words.slice(0, at))), ...splitElse(words.slice(at), depth)]
    if (
      !CONNECTORS.test(norm) &&
      !STRONG.test(norm) &&
      !STRONG_AT_START.test(lineOf(words.slice(at, at + 3)))
    )
      continue
    let from = at
    let isStrong = false
    let joins = ''
    while (from < words.length) {
      const line = lineOf(words.slice(from, from + 3))
      const start =
        from === at && !CONNECTORS.test(norm) && !STRONG.test(norm) ? null : STRONG_AT_START.exec(line)?.[0]
      if (start !== undefined && start !== null) from += start.split(' ').length
      else if (STRONG.test(words[from]!.norm)) from++
      else if (CONNECTORS.test(words[from]!.norm)) {
        joins += words[from]!.norm
        from++
        continue
      } else break
      isStrong = true
    }
    const rest = words.slice(from)
    if (rest.length === 0) return [piece(words.slice(0, at))]
    if (from === at || !(isStrong || beginsClause(rest))) continue
    const first = words.slice(0, at)
    // `in the collection letters, what is …`: where to look belongs to what is asked.
    if (
      norm === ',' &&
      !isStrong &&
      SETTING.test(first[0]!.norm) &&
      !first.some(({ form }) => form === 'plain')
    )
      continue
    const after = splitSentence(rest, depth + 1)
    const isJoined =
      !isStrong && /^(?:and|or|&)$/.test(joins) && !/^(?:just|only|instead)$/.test(rest[0]!.norm)
    const joined = after.map((one, index) => (index === 0 ? { ...one, isJoined } : one))
    // `evaluate it, but index a first`.
    const last = joined[0]
    if (last !== undefined && /^(?:first|beforehand)$/.test(last.words.at(-1)?.norm ?? ''))
      return [{ ...last, words: last.words.slice(0, -1) }, piece(first), ...joined.slice(1)]
    return [piece(first), ...joined]
  }
  return [piece(words)]
}
