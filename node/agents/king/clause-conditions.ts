/** What `if`, `unless` and `as long as` tie to a part of a sentence, in front of it or behind. */
import { lineOf, type Word } from './clause.ts'
import { CONNECTORS, isOrderAt, type Piece, piece, type Split, trimEnd } from './clause-pieces.ts'
import { beginsClause } from './mood.ts'

/** `if it keeps 95 %, merge it`. */
const SUMS = /(?:^| )(?:how (?:much|many|long)|what (?:is|do)) /

export function leadingCondition(words: readonly Word[], split: Split): Piece[] | null {
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
  return split(words.slice(main)).map((one) =>
    /^(?:otherwise|else)(?= |$)/.test(lineOf(one.words))
      ? one
      : { ...one, condition: one.condition ?? condition },
  )
}

/** `merge it if it keeps 95 %`; not `tell me if …`. */
export function innerCondition(words: readonly Word[], split: Split): Piece[] | null {
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
    return long === -1 ? null : conditioned(words, long, long + 3, false, split)
  }
  if (/^if (?:possible|you|necessary|need)/.test(lineOf(words.slice(at, at + 2))))
    return split([...words.slice(0, at)])
  return conditioned(words, at, at + 1, words[at]!.norm === 'unless', split)
}

function conditioned(
  words: readonly Word[],
  at: number,
  from: number,
  isNegated: boolean,
  split: Split,
): Piece[] {
  // `…, and if it keeps 95 %, merge it`: the condition leads what comes after it.
  if (CONNECTORS.test(words[at - 1]!.norm) && words[at - 1]!.norm !== 'but') {
    const before = split(trimEnd(words.slice(0, at)))
    return [...before, ...split(words.slice(at))]
  }
  const start = words[at - 1]!.norm === 'only' || words[at - 1]!.norm === 'but' ? at - 1 : at
  const stop = words.findIndex(
    ({ norm }, index) => index > from && (norm === ',' || norm === 'otherwise' || norm === 'else'),
  )
  const condition = { words: words.slice(from, stop === -1 ? words.length : stop), isNegated }
  const before = split(trimEnd(words.slice(0, start)))
  const last = before.at(-1)
  const after = stop === -1 ? [] : split(words.slice(stop))
  if (last === undefined) return after
  return [...before.slice(0, -1), { ...last, condition: last.condition ?? condition }, ...after]
}
