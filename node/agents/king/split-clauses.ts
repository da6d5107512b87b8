/**
 * A goal as clauses in the order in which they are to be done: sentences, then what `and`, `then`, `before`, `after`, `once` and `if` join. What
 * `without`, `instead of` and `don't` take away is gone.
 */
import { type Clause, type ClauseCondition, lineOf, textOf, type Word } from './clause.ts'
import {
  CONNECTORS,
  cutPurpose,
  cutReasons,
  type Piece,
  piece,
  readSubject,
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
const ENDED = /(?:^| )(?:do|finish|ready|complete|completed|over|through|there|here|available)$/
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
  return (
    leadingCondition(words, depth) ??
    leadingOrder(words, depth) ??
    takenAway(words, depth) ??
    innerCondition(words, depth) ??
    // `which of two is taken when they are merged`: part of what is asked.
    (asks ? null : innerOrder(words, depth)) ??
    coordinates(words, depth)
  )
}

/** `if it keeps 95 %, merge it`. */
const SUMS = /(?:^| )(?:how (?:much|many|long)|what (?:is|do)) /

function leadingCondition(words: readonly Word[], depth: number): Piece[] | null {
  const at = /^(?:only )?(?:if|unless|provided|in case)$/.test(words[0]!.norm)
    ? 1
    : /^(?:only if|provided that|as long as|in case)(?= )/.test(lineOf(words.slice(0, 3)))
      ? lineOf(words.slice(0, 3)).startsWith('as long')
        ? 3
        : 2
      : 0
  if (
    at > 0 &&
    words.filter(({ kind }) => /^(?:number|size|percent|times)$/.test(kind)).length > 1 &&
    SUMS.test(lineOf(words))
  )
    return [piece(words)]
  if (at === 0 || /^if (?:possible|you|not)(?= |$)/.test(lineOf(words.slice(0, 2)))) return null
  let main = words.findIndex(
    ({ norm }, index) =>
      index > at && (norm === ',' || (norm === 'then' && beginsClause(words.slice(index + 1, index + 17)))),
  )
  if (main === -1)
    main = words.findIndex(({ form }, index) => index > at + 1 && form === 'plain' && isOrderAt(words, index))
  if (main === -1) return null
  const condition = { words: words.slice(at, main), isNegated: words[0]!.norm === 'unless' }
  return splitSentence(words.slice(main), depth + 1).map((one) =>
    /^(?:otherwise|else)(?= |$)/.test(lineOf(one.words))
      ? one
      : { ...one, condition: one.condition ?? condition },
  )
}

/** Not a verb with its subject: `it keeps`, `they share`. */
const isOrderAt = (words: readonly Word[], index: number): boolean =>
  !/^(?:it|they|you|we|i|that|to|not|can|will|should|would|must|and|the|a|an|its|their|more|less|least|most|than)$/.test(
    words[index - 1]!.norm,
  ) && beginsClause(words.slice(index, index + 16))

/** `merge it if it keeps 95 %`; not `tell me if …`. */
function innerCondition(words: readonly Word[], depth: number): Piece[] | null {
  const at = words.findIndex(
    ({ norm }, index) =>
      index > 1 &&
      /^(?:if|unless|provided)$/.test(norm) &&
      !/^(?:tell|know|see|check|me|us|find|out|ask|say|wonder|what|even|as|verify|whether|show|report)$/.test(
        words[index - 1]!.norm,
      ),
  )
  if (at === -1) {
    const long = words.findIndex(
      (_, index) => index > 1 && /^as long as /.test(`${lineOf(words.slice(index, index + 3))} `),
    )
    return long === -1 ? null : conditioned(words, long, long + 3, false, depth)
  }
  if (/^if (?:possible|you|necessary|need)/.test(lineOf(words.slice(at, at + 2))))
    return splitSentence([...words.slice(0, at)], depth + 1)
  return conditioned(words, at, at + 1, words[at]!.norm === 'unless', depth)
}

function conditioned(
  words: readonly Word[],
  at: number,
  from: number,
  isNegated: boolean,
  depth: number,
): Piece[] {
  // `…, and if it keeps 95 %, merge it`: the condition leads what comes after it.
  if (CONNECTORS.test(words[at - 1]!.norm) && words[at - 1]!.norm !== 'but') {
    const before = splitSentence(trimEnd(words.slice(0, at)), depth + 1)
    return [...before, ...splitSentence(words.slice(at), depth + 1)]
  }
  const start = words[at - 1]!.norm === 'only' || words[at - 1]!.norm === 'but' ? at - 1 : at
  const stop = words.findIndex(
    ({ norm }, index) => index > from && (norm === ',' || norm === 'otherwise' || norm === 'else'),
  )
  const condition = { words: words.slice(from, stop === -1 ? words.length : stop), isNegated }
  const before = splitSentence(trimEnd(words.slice(0, start)), depth + 1)
  const last = before.at(-1)
  const after = stop === -1 ? [] : splitSentence(words.slice(stop), depth + 1)
  if (last === undefined) return after
  return [...before.slice(0, -1), { ...last, condition: last.condition ?? condition }, ...after]
}

/** `after indexing a, ask b`, `before you compress it, evaluate it`, `once it is done, …`. */
function leadingOrder(words: readonly Word[], depth: number): Piece[] | null {
  const opening = /^(?:as soon as|after|once|when|before|having)(?= )/.exec(lineOf(words.slice(0, 4)))?.[0]
  if (opening === undefined || /^after (?:that|this|which)(?= |$)/.test(lineOf(words.slice(0, 2))))
    return null
  const from = opening.split(' ').length
  const comma = words.findIndex(({ norm }, index) => index > from && (norm === ',' || norm === 'then'))
  const main =
    comma !== -1
      ? comma
      : words.findIndex(({ form }, index) => index > from && form === 'plain' && isOrderAt(words, index))
  if (main === -1) return null
  const sub = asOrder(words.slice(from, main), opening === 'having')
  if (sub === null) return null
  const rest = splitSentence(words.slice(main), depth + 1)
  // `before I cancel it, …`: what the asker does is no order.
  if (opening === 'before' && /^(?:i|we|they|he|she|somebody|someone)$/.test(words[from]?.norm ?? ''))
    return rest
  return opening === 'before' ? [...rest, ...sub] : [...sub, ...rest]
}

/** `tell me when …` asks. */
const ASKED_BEFORE = /^(?:me|us|tell|know|out|ask|explain|say|about|show|see|check|remember|exactly|and|or)$/

/** `ask b after indexing a`, `evaluate it before compressing it`. */
function innerOrder(words: readonly Word[], depth: number): Piece[] | null {
  for (let at = 1; at < words.length - 1; at++) {
    const opening = /^(?:as soon as|after|once|when|before)(?= )/.exec(
      `${lineOf(words.slice(at, at + 3))} `,
    )?.[0]
    if (opening === undefined || ASKED_BEFORE.test(words[at - 1]!.norm)) continue
    const from = at + opening.split(' ').length
    const rest = words.slice(from)
    const head = readSubject(rest)
    if (
      head.words[0] === undefined ||
      !(head.words[0].form === 'ing' || (head.hasSubject && head.words[0].form !== null))
    ) {
      const isOfJob = rest[0]?.norm === 'job' && rest[1]?.kind === 'id'
      if (opening === 'before' || !(head.hasSubject || isOfJob) || !ENDED.test(lineOf(rest))) continue
    }
    const stop = rest.findIndex(({ norm }) => norm === ',')
    const sub = asOrder(stop === -1 ? rest : rest.slice(0, stop), false)
    if (sub === null) continue
    const before = splitSentence(trimEnd(words.slice(0, at)), depth + 1)
    const after = stop === -1 ? [] : splitSentence(rest.slice(stop), depth + 1)
    return opening === 'before' ? [...before, ...sub, ...after] : [...sub, ...before, ...after]
  }
  return null
}

/** `indexing ./docs`, `you have indexed ./docs` as an order; nothing to do for `it is done`; null where no verb is found. */
function asOrder(words: readonly Word[], isParticiple: boolean): Piece[] | null {
  const [start] = words
  const isOfJob = words.some(({ kind }, at) => kind === 'id' && words[at - 1]?.norm === 'job')
  if (start !== undefined && isOfJob && ENDED.test(lineOf(words)))
    return [
      piece([{ ...start, kind: 'word', text: 'wait', lower: 'wait', norm: 'wait', form: 'plain' }, ...words]),
    ]
  if (ENDED.test(lineOf(words)) || start === undefined) return []
  const { words: rest, hasSubject } = readSubject(words)
  const [head] = rest
  if (head === undefined) return hasSubject ? [] : null
  // `once it is indexed`: what it speaks of was ordered before.
  if (/^(?:it|that|this|they|everything|all|the)$/.test(words[0]!.norm)) return []
  if (head.form === null || (head.form !== 'ing' && !hasSubject && !isParticiple)) return null
  return coordinates([{ ...head, form: 'plain' }, ...rest.slice(1)], 0)
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
