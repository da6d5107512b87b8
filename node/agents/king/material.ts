/**
 * Parts of a message that are no orders of the asker though they read like some: pasted mails and texts, block quotes, what others say, what is for
 * later. Nothing that changes anything is planned for them; where it is in doubt they are taken for such.
 */
import type { Clause } from './clause.ts'
import { onlyTells } from './phrases.ts'
import type { Draft } from './rules/rule.ts'

/** UTF-16 offsets in the goal; `end` is not part of it. */
export interface Span {
  readonly start: number
  readonly end: number
}

export const NOT_ASKED =
  'It stands in a text, is said by somebody else, or is for later; say it as an order of your own.'

const TEXT =
  '(?:e-?mail|mail|letter|message|text|document|article|page|post|comment|transcript|sentence|paragraph|instructions?|prompt|quote)'
/** What comes after them is to be worked on. Each quantifier is bounded. */
const INTRODUCED: readonly RegExp[] = [
  /\b(?:summari[sz]e|translate|rephrase|paraphrase|proofread|proof-read|rewrite|reword|correct|spell-?check|review|classify|analy[sz]e|shorten|polish|quote|cite|example|for instance|e\.g\.|explain|print|say|repeat)\b[^:\n]{0,80}:/gi,
  new RegExp(
    String.raw`\b(?:summari[sz]e|translate|rephrase|paraphrase|proofread|rewrite|correct|review|classify|analy[sz]e|explain)\b[^:.\n]{0,40}\b${TEXT}\b[^:.\n]{0,40}\n`,
    'gi',
  ),
  /\b(?:check|look over|go over)\b[^:\n]{0,60}\b(?:spelling|grammar|style|typos|mistakes|errors)\b[^:\n]{0,40}(?::|\n)/gi,
  /\bwhat (?:does|do|did|is|are|could|might)\b[^:?\n]{0,60}\b(?:mean|say|about|want|asking)\b[^:?\n]{0,20}[:?]\s*\n/gi,
  new RegExp(
    String.raw`\b(?:here(?:'s| is| are| comes)|this is|i (?:just )?(?:got|received)|below (?:is|are)|attached is)\b[^:.\n]{0,60}\b${TEXT}\b[^:\n]{0,60}(?::|\n)`,
    'gi',
  ),
  /\bthe following (?:is|are|was|were|text|sentences?|passage)\b[^\n]{0,100}(?:[.:]\s|\n)/gi,
  /\b(?:ignore|disregard|do not (?:follow|obey|do)|don't (?:follow|obey|do))\b[^.:\n]{0,40}\b(?:next|following|below|rest)\b[^.:\n]{0,40}(?:[.:]|\n)/gi,
  /\b(?:reads?|says?|goes|ran) (?:as follows|the following|like this|this)\b[.:]?/gi,
  /^(?:subject|betreff|cc|bcc|system|assistant|developer|tool|user):/gim,
  /\b(?:is|are) (?:the following|this|these)\b[^.?\n]{0,60}\?/gi,
  /\banswer\b[^.\n]{0,40}\byes or no\b[^.:\n]{0,20}:/gi,
  /^(?:songs?|titles?|lyrics|films?|movies|books?|quotes?|headlines?)\s*:/gim,
  /^(?:from|to|von|an):[^\n]{0,200}\n/gim,
  /^["']{3}/gm,
  /^-{3,}[ \t]*$/gm,
]
const PERSON = String.raw`(?:(?:[Mm]y|[Oo]ur|[Tt]he|[Aa]n?|[Hh]is|[Hh]er|[Tt]heir|[Ss]ome|[Oo]ne|[Dd]er|[Dd]ie|[Dd]as|[Ee]ine?)\s+(?:[\p{L}-]+\s+){1,3}?|(?:[Hh]e|[Ss]he|[Tt]hey|[Ii]t|[Ss]omebody|[Ss]omeone|[Ee]verybody|[Ee]veryone|[Pp]eople)\s+|[A-Z][\p{L}-]+\s+(?:[A-Z][\p{L}-]+\s+)?)`
const SAYS =
  '(?:said|says|say(?= (?:that|to|you|:))|told|tells|asked|asks|wrote|writes|reads|claims|claimed|suggests|suggested|recommends|recommended|states|stated|orders|ordered|demands|demanded|insists|insisted|replied|answered|warned|advises|advised|begged|begs|sagt|sagte|schreibt|schrieb|fragt)'
const REPORTED = new RegExp(
  String.raw`(?<![\p{L}\p{N}])(?<!\b(?:what|which|whatever|how|where|if|whether|when)\s)${PERSON}(?:[a-z]+ly\s+|may\s+|might\s+|will\s+|would\s+|could\s+|has\s+|have\s+|just\s+)?(?:${SAYS}|(?<=may\s+|might\s+|will\s+|would\s+|could\s+)say)(?![\p{L}])(?![^.!?\n]{0,40}\?)`,
  'gu',
)
const VERB_AHEAD = String.raw`(?:\s*,)?\s+(?:please\s+)?(?!i\b|we\b|it\b|my\b|our\b|the\b|there\b|is\b|a\b|an\b|he\b|she\b|they\b|you\b|was\b|will\b)[a-z]+\s`
const LATER = new RegExp(
  String.raw`(?:^|[.!?\n])\s*(?:tomorrow|tonight|(?:next|this coming) (?:week|month|year|weekend|\w+day)|later (?:today|tonight)|on \w+day|every (?:day|night|morning|evening|hour|week|\w+day)|in (?:\w+ )?(?:minutes?|hours?|days?|weeks?)|at (?:\d{1,2}(?::\d\d)?\s?(?:am|pm|o'clock)?|noon|midnight))${VERB_AHEAD}`,
  'gi',
)
const ON_A_WORD =
  /(?:^|[.!?\n,;]\s*|\b(?:only|and|but)\s+)(?:when|once|if|as soon as|after|until|unless) i (?:tell|say|ask|give|order|confirm|agree|want|do)\b/gi
const LETTER =
  /(?:^|\n)\s*(?:dear (?!(?:king|sage|magi|machine|computer|friend|assistant|node|village|helper|you|all-knowing)\b)|hi (?!(?:king|there|again)\b)[a-z]+,\s*\n)/i
const CLOSING =
  /(?:^|[\s,.])(?:(?:kind|best|warm) )?(?:regards|wishes|sincerely|yours truly|yours faithfully|cheers,|mfg)\b/i
const SENTENCE_END = /[.!?](?=\s|$)|\n/g

function endOfSentence(text: string, from: number): number {
  SENTENCE_END.lastIndex = from
  return SENTENCE_END.exec(text)?.index ?? text.length
}

/** Where in a goal such parts stand. `text`: what is read of the goal, so bounded by who calls. */
export function materialIn(text: string): Span[] {
  const spans: Span[] = []
  const toEnd = text.length
  for (const pattern of INTRODUCED)
    for (const match of text.matchAll(pattern))
      spans.push({ start: match.index + match[0].length, end: toEnd })
  for (const match of text.matchAll(REPORTED)) {
    const said = match.index + match[0].length
    spans.push({ start: said, end: endOfSentence(text, said) })
  }
  for (const match of text.matchAll(/\b(?:is|was) what (?:he|she|they|it|somebody|someone|people) \w+/gi))
    spans.push({ start: Math.max(0, match.index - 500), end: match.index + match[0].length })
  for (const match of text.matchAll(LATER))
    spans.push({ start: match.index, end: endOfSentence(text, match.index + match[0].length) })
  for (const match of text.matchAll(ON_A_WORD)) {
    const before = Math.max(
      0,
      ...[...text.slice(0, match.index).matchAll(SENTENCE_END)].map(({ index }) => index),
    )
    spans.push({ start: before, end: endOfSentence(text, match.index + match[0].length) })
  }
  for (const match of text.matchAll(/^[ \t]*>[^\n]*/gm))
    spans.push({ start: match.index, end: match.index + match[0].length })
  if (LETTER.test(text) && CLOSING.test(text)) spans.push({ start: 0, end: toEnd })
  return spans
}

export const isMaterial = (offset: number, spans: readonly Span[]): boolean =>
  spans.some(({ start, end }) => offset >= start && offset < end)

/** `never mind`, `no, wait, don't`: what came before is not to be done after all. */
export const TAKES_BACK =
  /^(?:(?:actually|oh|ok|okay|hmm|well|sorry|no|wait|hold on|hang on|but|please|stop|i|we|have|just|and|or|,|[.!-]) )*(?:never mind|(?:leave|keep) (?:it|that|them|both|both of them|things?|everything|all|all of it|the (?:model|rest|job|file))(?: (?:be|alone|as (?:it|they) (?:is|are|was|were)|the way (?:it|they) (?:is|are)|unchanged|untouched|in peace|run|running))*|do nothing(?: (?:more|at all|else))?|change nothing|nothing(?: else)?|forget (?:it|that|about (?:it|that)|(?:my|the) (?:last|previous|earlier) (?:question|message|request|order|goal|sentence)|what i (?:just )?(?:said|say|asked|ask|wrote|write))|(?:scratch|strike|undo|drop|skip|ignore) (?:it|that)|(?:changed|change|changing) (?:my|our) mind|do not(?: do (?:it|that|so))?|on second thoughts?|better not|rather not|not now|not yet)(?: (?:please|actually|for now|thanks|after all|,|[.!]))*$/

/** `my old address is in Mill Lane. Forget it.`: a fact about the asker is to be forgotten, not the request. */
export function factToForget(clause: Clause, before: Clause | undefined): Draft | null {
  const isFact = before !== undefined && before.mood === 'statement' && onlyTells(before)
  if (!isFact || !/\bforget (?:it|that)\b/i.test(clause.text) || !/\b(?:my|our)\b/i.test(before.text))
    return null
  return { tool: 'twin_forget', arguments: { query: before.text }, reason: 'The asker wants it forgotten.' }
}

export const TAKEN_BACK_LINE = 'take-back'
const LEAVES_AS_IS = /\b(?:leave|keep)\b|\b(?:do|change) nothing\b/i
/** Of a clause that takes back: it asks that things stay, not that what was asked be forgotten. */
export const leavesAsIs = (clause: Clause): boolean => takesBack(clause) && LEAVES_AS_IS.test(clause.text)
export const takesBack = ({ line }: Clause): boolean => line === TAKEN_BACK_LINE
