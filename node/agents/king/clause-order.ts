/** Parts of a sentence whose order words such as `after`, `before` and `once` give. */
import { lineOf, type Word } from './clause.ts'
import { isOrderAt, type Piece, piece, readSubject, type Split, trimEnd } from './clause-pieces.ts'

const ENDED = /(?:^| )(?:do|finish|ready|complete|completed|over|through|there|here|available)$/

/** `after indexing a, ask b`, `before you compress it, evaluate it`, `once it is done, …`. */
export function leadingOrder(words: readonly Word[], split: Split, coordinates: Split): Piece[] | null {
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
  const sub = asOrder(words.slice(from, main), opening === 'having', coordinates)
  if (sub === null) return null
  const rest = split(words.slice(main))
  // `before I cancel it, …`: what the asker does is no order.
  if (opening === 'before' && /^(?:i|we|they|he|she|somebody|someone)$/.test(words[from]?.norm ?? ''))
    return rest
  return opening === 'before' ? [...rest, ...sub] : [...sub, ...rest]
}

/** `tell me when …` asks. */
const ASKED_BEFORE = /^(?:me|us|tell|know|out|ask|explain|say|about|show|see|check|remember|exactly|and|or)$/

/** `ask b after indexing a`, `evaluate it before compressing it`. */
export function innerOrder(words: readonly Word[], split: Split, coordinates: Split): Piece[] | null {
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
    const sub = asOrder(stop === -1 ? rest : rest.slice(0, stop), false, coordinates)
    if (sub === null) continue
    const before = split(trimEnd(words.slice(0, at)))
    const after = stop === -1 ? [] : split(rest.slice(stop))
    return opening === 'before' ? [...before, ...sub, ...after] : [...sub, ...before, ...after]
  }
  return null
}

/** `indexing ./docs`, `you have indexed ./docs` as an order; nothing to do for `it is done`; null where no verb is found. */
function asOrder(words: readonly Word[], isParticiple: boolean, coordinates: Split): Piece[] | null {
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
  return coordinates([{ ...head, form: 'plain' }, ...rest.slice(1)])
}
