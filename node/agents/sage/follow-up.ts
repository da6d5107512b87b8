/** Questions that lean on the ones before: what `it` is, and what `What about the ferry?` asks. By rules, over the asker's own turns alone. */
import { isFunctionWord } from '../rag/answers/function-words.ts'

const WORD = /[\p{L}\p{N}][\p{L}\p{N}'’-]*/gu
/** Between two words of one name or matter: `the lighthouse at Carrow Point`. */
const JOINS = /^\s+(?:(?:of|at|in|on|for|de|von|to)\s+)?(?:(?:the|a|an)\s+)?$/i
const SPACE = /^\s+$/
/** What is done to the matter, or when, is no part of its name. */
const NO_NAME =
  /^(?:today|now|currently|yesterday|tomorrow|open(?:s|ed)?|close[sd]?|built|made|run|runs|begins?|starts?|costs?|means?|works?|lives?|comes?|stands?|needs?|happens?|\p{Ll}+ed)$/u
const ASKING =
  /^(?:long|old|large|big|high|deep|far|often|fast|heavy|wide|tall|year|kind|sort|colour|color)$/i
/** `it` that stands for nothing: `is it possible`, `it is true that`. */
const EMPTY_IT =
  /\bit\s+(?:is\s+)?(?:possible|true|raining|necessary|worth|allowed)\b|\b(?:is|was)\s+it\s+(?:possible|true|that|necessary|worth|allowed)\b/i
const PRONOUN =
  /(?<![\p{L}\p{N}'’-])(?:it|its|they|them|their|theirs|he|him|his|she|her|hers|this one|that one)(?![\p{L}\p{N}'’-])/iu
const OTHER_MATTER = /^(?:and\s+|but\s+|so\s+)?(?:(?:what|how)\s+about|and)\s+(.+?)[?.!\s]*$/is
const LEANING = /^(?:and|but|so|also)\b[\s,]*/i
const QUOTED = /["“„«]([^"“”„«»]{2,80})["”“»]/u
const MAX_TOPIC_UNITS = 120
/** `the lighthouse's first keeper`: it is still the lighthouse. A name's is a name: `Hensley's bakery`. */
const OWNER = /^(\p{Ll}[^'’]*)['’]s\s/u
/** `And in winter?` asks the same of another time or place. */
const CIRCUMSTANCE = /^(?:in|at|on|for|during|after|before|with|without|by|from|near|under|over)\s/i
/** Of the asker's turns before; further back it is too far for a guess. */
const MAX_FORMER = 3

interface Run {
  readonly start: number
  readonly end: number
  readonly isName: boolean
}

/** What a question is about, as it names it: the run of its words with a name in it, else the last one; null where there is none. */
export function topicOf(question: string): string | null {
  const quoted = QUOTED.exec(question)?.[1]
  if (quoted !== undefined) return quoted
  const runs: Run[] = []
  for (const match of question.matchAll(WORD)) {
    const [word] = match
    const isFirst = match.index === 0
    if (isFunctionWord(word.toLowerCase(), ['en']) || NO_NAME.test(word) || ASKING.test(word)) continue
    const isName = /^\p{Lu}/u.test(word) && !isFirst
    const last = runs.at(-1)
    const end = match.index + word.length
    const between = last === undefined ? '' : question.slice(last.end, match.index)
    // An article alone begins another matter, after a preposition it goes on.
    const joins =
      last !== undefined &&
      JOINS.test(between) &&
      (SPACE.test(between) || /\b(?:of|at|in|on|for|de|von|to)\b/i.test(between))
    if (joins) runs[runs.length - 1] = { start: last.start, end, isName: last.isName || isName }
    else runs.push({ start: match.index, end, isName })
  }
  const run = runs.findLast(({ isName }) => isName) ?? runs.at(-1)
  if (run === undefined) return null
  const topic = question.slice(run.start, run.end).slice(0, MAX_TOPIC_UNITS)
  return OWNER.exec(topic)?.[1] ?? topic
}

function contentWords(text: string): string[] {
  return [...text.matchAll(WORD)]
    .map(([word]) => word)
    .filter((word) => !isFunctionWord(word.toLowerCase(), ['en']))
}

/** The last of the former questions that names anything. */
function lastTopic(former: readonly string[]): { readonly question: string; readonly topic: string } | null {
  for (const question of former.slice(-MAX_FORMER).reverse()) {
    const topic = topicOf(question)
    if (topic !== null) return { question, topic }
  }
  return null
}

/**
 * The question as it would be asked alone. `former`: the asker's turns before it, the oldest first, as they were resolved themselves. What
 * stands alone comes back as it is.
 */
export function resolveFollowUp(question: string, former: readonly string[]): string {
  const before = lastTopic(former)
  if (before === null) return question
  const other = OTHER_MATTER.exec(question)?.[1]
  if (other !== undefined && CIRCUMSTANCE.test(other))
    return `${before.question.replace(/[?.!\s]+$/, '')} ${other}?`
  if (
    other !== undefined &&
    contentWords(other).length <= 5 &&
    !/^(?:who|what|when|where|which|why|how|is|are|was|were|do|does|did|can)\b/i.test(other)
  )
    return before.question.replace(before.topic, () => other.replace(/^(?:the|a|an)\s+/i, ''))
  if (PRONOUN.test(question) && !EMPTY_IT.test(question)) {
    const { topic } = before
    return question
      .replace(LEANING, '')
      .replace(new RegExp(PRONOUN, 'giu'), (word) =>
        /^(?:its|their|theirs|his|hers)$/i.test(word) ? `the ${topic}'s` : `the ${topic}`,
      )
      .replace(/\bthe (?:the|a|an)\b/gi, 'the')
  }
  if (LEANING.test(question) && contentWords(question).length <= 2)
    return `${question.replace(LEANING, '').replace(/[?.!\s]+$/, '')} (${before.topic})?`
  return question
}
