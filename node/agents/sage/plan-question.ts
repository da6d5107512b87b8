/** What is searched for a question: politeness goes, several questions in one become parts, a comparison is looked up from both sides. */
import { isInterrogative } from '../rag/answers/interrogative.ts'
import { resolveFollowUp } from './follow-up.ts'

export interface QuestionPart {
  /** Answered by itself. */
  readonly question: string
  /** Searched beside it: one side of a comparison, a quoted phrase. */
  readonly queries: readonly string[]
}

const MAX_PARTS = 4
const MAX_QUERIES = 3
const MIN_PART_WORDS = 2

const OPENING =
  /^(?:(?:hi|hello|hey|good (?:morning|evening|day)|dear \p{L}+)[\s,.!:]+|(?:please|kindly)[\s,]+|(?:(?:can|could|would|will) (?:you|anyone|somebody)(?: please| kindly)?|please) (?:tell|explain|show|say|find out|look up)(?: to)?(?: me| us)?[\s,:]+|(?:tell|show) (?:me|us)[\s,:]+|(?:i(?:'d|’d| would) like to|i want to|i need to) (?:know|find out)[\s,:]+|(?:do|does) (?:you|anyone|anybody) (?:happen to )?know[\s,:]+|i(?:'m|’m| am)? wonder(?:ing)?[\s,:]+|(?:my|a|one) (?:quick )?question(?: is)?[\s,:]+)/iu
const CLOSING =
  /[\s,]*(?:please|thanks?(?: you)?(?: (?:a lot|very much|in advance))?|cheers)[\s!.]*([?]?)\s*$/iu
const MAX_OPENINGS = 4

/** Without what is only said to be kind: it would be searched for. */
export function withoutPoliteness(text: string): string {
  let question = text.trim()
  for (let round = 0; round < MAX_OPENINGS; round++) {
    const next = question.replace(OPENING, '')
    if (next === question || next === '') break
    question = next
  }
  const closed = question.replace(CLOSING, '$1').trim()
  return closed === '' ? question : closed
}

const ASKER = '(?:who|whose|what|when|where|which|why|how|is|are|was|were|do|does|did|can|could|should)'
/** `…? …`, `…; …`, and `… and when …` behind a question. */
const BETWEEN = new RegExp(
  `\\?\\s+(?=\\S)|;\\s+(?=\\S)|,?\\s+(?:and|or)(?: also)?\\s+(?=(?:at |in |by |for )?${ASKER}\\s)`,
  'giu',
)
const wordCount = (text: string): number => text.split(/\s+/).filter((word) => word !== '').length

/** Only what begins as a question is cut at its conjunctions: `Tell me of the mill and what it was` is one matter. */
function partsOf(text: string): string[] {
  if (!isInterrogative(text)) return [text]
  const parts = text
    .split(BETWEEN)
    .map((part) => part.replace(/^(?:and|also|but)[\s,]+/i, '').trim())
    .filter((part) => part !== '')
  const isWhole = parts.some((part) => wordCount(part) < MIN_PART_WORDS)
  if (isWhole || parts.length < 2) return [text]
  const kept = parts.slice(0, MAX_PARTS)
  return kept.map((part) => (/[?.!]$/.test(part) ? part : `${part}?`))
}

const SIDES: readonly RegExp[] = [
  /\b(?:differences?|similarit(?:y|ies)|comparison|choice) between (.+?) and (.+?)[?.!]*$/i,
  /\bcompare[sd]? (.+?) (?:and|with|to|against) (.+?)[?.!]*$/i,
  /^(?:how|in what|in which) .*?\b(?:do|does|did|is|are) (.+?) differ(?:ent)? from (.+?)[?.!]*$/i,
  /^.*?[,:]\s*(.+?),? or (.+?)[?.!]*$/i,
  /^(?:is|are|was|were|do|does|did|has|have) (.+?) \p{L}+(?:er|ier)\b.*? than (.+?)[?.!]*$/iu,
  /^(.+?) (?:vs\.?|versus) (.+?)[?.!]*$/i,
]
const QUOTED = /["“„«]([^"“”„«»]{2,80})["”“»]/gu
const MAX_SIDE_UNITS = 200

function queriesOf(question: string): string[] {
  const quoted = [...question.matchAll(QUOTED)].map((match) => match[1]!)
  const sides = SIDES.flatMap((shape) => {
    const found = shape.exec(question)
    return found === null ? [] : [[found[1]!, found[2]!]]
  })[0]
  const compared = (sides ?? []).map((side) => side.slice(0, MAX_SIDE_UNITS).trim())
  return [...new Set([...quoted, ...compared])].filter((query) => query !== question).slice(0, MAX_QUERIES)
}

/** `former`: the asker's turns before, the oldest first. At least one part. */
export function planQuestion(text: string, former: readonly string[] = []): QuestionPart[] {
  const resolved = resolveFollowUp(withoutPoliteness(text), resolvedTurns(former))
  const asked: string[] = []
  for (const part of partsOf(resolved)) asked.push(resolveFollowUp(part, asked))
  return asked.map((question) => ({ question, queries: queriesOf(question) }))
}

/** Each turn may lean on the one before it. */
export function resolvedTurns(former: readonly string[]): string[] {
  const turns: string[] = []
  for (const turn of former) turns.push(resolveFollowUp(withoutPoliteness(turn), turns))
  return turns
}
