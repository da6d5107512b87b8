/** The verb that orders something in a clause, and where it stands. */

import { type Clause, lineOf, type Word } from './clause.ts'
import { codecsOf } from './slots.ts'

/** `run an evaluation`, `make a comparison`: the doing is named, the verb only carries it. */
const CARRIES = /^(?:run|do|start|make|give|want|need|have|get|try|show|use|go|take|let|see|create)$/
/** `get it compressed`, `I need the folder indexed`, `it should be compressed`. */
const WANTS = /^(?:get|want|need|have|see|like|love|prefer)$/
const PASSIVE = /(?:^| )(?:should|must|shall|has to|have to|needs? to|is to|are to|ought to)(?: be)?$/
export const ACTIONS =
  /^(?:compress|index|search|evaluate|test|check|measure|compare|merge|average|train|teach|evolve|generate|write|cancel|read|save|put|add|import|pull|calculate|summarise|explain|list|embed|convert|run|make|remember|forget|multiply|divide)$/

export interface FoundVerb {
  readonly verb: string | null
  readonly at: number
}

export function findVerb(clause: Clause): FoundVerb {
  const { words, mood } = clause
  const head = words[0]
  if (head === undefined || mood === 'question')
    return { verb: mood === 'question' ? ordersIndirectly(words) : null, at: 0 }
  // `work out`, `figure out`, `set up`: no known verb, but an order.
  if (/^(?:work|figure) out(?: |$)/.test(lineOf(words.slice(0, 2)))) return { verb: 'calculate', at: 1 }
  if (head.form === 'plain' && CARRIES.test(head.norm)) {
    const doing = words.findIndex(({ norm }) => norm.endsWith('-doing'))
    const isOf =
      doing > 0 &&
      !/(?:^| )(?:of|from|with) (?:the |a |an |my |that |this )*$/.test(lineOf(words.slice(1, doing)))
    const isShown = /^(?:show|see|let|take|use|create)$/.test(head.norm)
    if (
      doing > 0 &&
      isOf &&
      !(isShown && !/^(?:compare|evaluate|measure|calculate)-/.test(words[doing]!.norm)) &&
      !/^(?:summarise|explain|embed)-doing$/.test(words[doing]!.norm)
    )
      return { verb: words[doing]!.norm.slice(0, -6), at: doing }
    if (/^(?:summarise|explain)-doing$/.test(words[doing]?.norm ?? ''))
      return { verb: 'summarise', at: doing }
  }
  if (WANTS.test(head.norm) && head.form !== null) {
    const past = words.findIndex(
      ({ form, norm }, at) => at > 0 && (form === 'past' || form === 'ing') && ACTIONS.test(norm),
    )
    if (past > 0) return { verb: words[past]!.norm, at: 0 }
  }
  if (head.form === 'plain') return { verb: head.norm, at: 0 }
  if (head.form === 'ing' && mood === 'order') return { verb: head.norm, at: 0 }
  if (/^(?:i|we)$/.test(head.norm) && /^(?:need|want)$/.test(words[1]?.norm ?? ''))
    return findVerb({ ...clause, words: words.slice(1), mood: 'order' })
  // `I would like x trained on y`.
  if (
    /^(?:i|we) would (?:like|love|prefer)(?: to (?:have|see|get))?(?: |$)/.test(lineOf(words.slice(0, 5)))
  ) {
    const past = words.findIndex(({ form, norm }, at) => at > 2 && form === 'past' && ACTIONS.test(norm))
    if (past > 0) return { verb: words[past]!.norm, at: 0 }
  }
  // `ternary compression of a-lm`, `geometry of both`: a doing is named and nothing else.
  const doing = words
    .slice(0, 4)
    .findIndex(({ norm }) => /^(?!embed|summarise|explain|index|calculate).*-doing$/.test(norm))
  if (
    doing >= 0 &&
    !words.slice(0, doing).some(({ form }) => form !== null) &&
    !/(?:^| )(?:is|are|was|were|have|has|i|we|about|of|from|on|in)(?: |$)/.test(
      lineOf(words.slice(0, doing)),
    ) &&
    (mood === 'order' ||
      words.some(
        ({ kind, norm }, at) =>
          kind === 'id' || kind === 'path' || (at > doing && /^(?:it|both|that|them)$/.test(norm)),
      ) ||
      codecsOf(words).length > 0)
  )
    return { verb: words[doing]!.norm.slice(0, -6), at: doing }
  // `make sure that x is added`.
  if (mood === 'order') {
    const past = words.findIndex(
      ({ form, norm }, at) =>
        form === 'past' &&
        ACTIONS.test(norm) &&
        /^(?:is|are|be|get|gets|been|has|have)$/.test(words[at - 1]?.norm ?? ''),
    )
    if (past > 0) return { verb: words[past]!.norm, at: 0 }
  }
  return laterVerb(words)
}

/** `the model bob: compress it`, `village-lm should be compressed`, `next evaluate`, `in python, calculate`. */
function laterVerb(words: readonly Word[]): FoundVerb {
  for (let at = 1; at < words.length; at++) {
    const { form, norm } = words[at]!
    const left = lineOf(words.slice(Math.max(0, at - 3), at))
    if (form === null || !ACTIONS.test(norm)) continue
    if ((form === 'past' || form === 'plain') && PASSIVE.test(left)) return { verb: norm, at: 0 }
    if ((form === 'ing' || form === 'past') && /(?:^| )(?:need|want)$/.test(left))
      return { verb: norm, at: 0 }
    if (
      form === 'plain' &&
      !/(?:^| )(?:the|a|an|my|to|of|i|you|we|they|it|that|which|who|not|and|can|could|may|might|will|would|do|your|his|her|this|for|in|on|with|by|about)$/.test(
        left,
      )
    )
      return { verb: norm, at }
  }
  return { verb: null, at: 0 }
}

/** `tell me how…`: asked, but by an order. */
const ordersIndirectly = (words: readonly Word[]): string | null =>
  words[0]!.form === 'plain' &&
  /^(?:tell|show|check|see|find|explain|give|report|look|let|know|ask)$/.test(words[0]!.norm)
    ? words[0]!.norm
    : null
