/** What a sentence of a person about themselves is about: so that a new one takes the place of one that it contradicts. */
import { analyze } from '../rag/analysis/analyzer.ts'
import { isFunctionWord } from '../rag/answers/function-words.ts'
import type { MemoryKind } from './memory.ts'

export interface Statement {
  readonly kind: Exclude<MemoryKind, 'summary'>
  /**
   * Two statements with a subject in common contradict each other unless they say the same; none: it stands beside all others.
   * A subject names a slot that holds one value: where somebody lives, which units they want.
   */
  readonly subjects: readonly string[]
  /** Terms of the words that carry it, in order of the text: equal ones are the same statement. */
  readonly terms: readonly string[]
}

/** Of each row a person wants one. */
const ALTERNATIVES: Readonly<Record<string, readonly string[]>> = {
  units: ['metric', 'imperial'],
  temperature: ['celsius', 'fahrenheit', 'kelvin'],
  clock: ['12-hour', '24-hour', 'am/pm', '12 hour', '24 hour'],
  theme: ['dark', 'light'],
  length: ['short', 'brief', 'concise', 'terse', 'long', 'detailed', 'thorough', 'verbose'],
  tone: ['formal', 'informal', 'casual', 'friendly'],
  diet: ['vegan', 'vegetarian', 'pescatarian', 'omnivore'],
  form: ['bullet points', 'bullets', 'prose', 'paragraphs', 'tables'],
  language: [
    ...['english', 'german', 'french', 'spanish', 'italian', 'portuguese', 'dutch', 'polish', 'russian'],
    ...['ukrainian', 'turkish', 'arabic', 'hindi', 'chinese', 'mandarin', 'japanese', 'korean', 'swedish'],
  ],
}
/** A language is wanted only by such words: who speaks German may speak French as well. */
const WANTS_LANGUAGE =
  /\b(?:answer|reply|respond|write|talk|speak)\b.*\b(?:in|me)\b|\bin (\w+)(?: please)?$|\bprefers?\b/i

const SELF = '(?:i|we|the (?:user|person)|he|she|they)'
const PREFERENCE = new RegExp(
  String.raw`\b${SELF}(?:'d| would)?\s+(?:really\s+|always\s+|never\s+|usually\s+|no longer\s+|don[’']?t\s+|do not\s+|doesn[’']?t\s+)*(?:prefer|like|love|enjoy|hate|dislike|want|need|rather|favou?r|avoid)s?\b|\b(?:always|never) (?:use|answer|write|reply|show|give|call)\b|\bmy favou?rite\b|^(?:please\s+)?(?:always\s+|never\s+)?(?:use|answer|reply|respond|write|prefers?)\b`,
  'i',
)
/** Slots of facts: the pattern, and the subject that it is. */
const SLOTS: readonly (readonly [RegExp, string])[] = [
  [/\b(?:my name is|call me|i am called|i'm called|i go by)\b/i, 'name'],
  [
    /\b(?:i|we)(?:'ve| have)?\s+(?:now\s+|currently\s+|no longer\s+)?(?:live|lived|moved|am based|are based|reside)\b|\bi'm based\b|\bmy (?:home|address) is\b/i,
    'home',
  ],
  [
    /\b(?:i)\s+(?:now\s+|currently\s+|no longer\s+)?work\s+(?:as|at|for|in)\b|\bi(?:'m| am) (?:a|an) [\w -]*(?:er|or|ist|ian|nurse|doctor|teacher|student|retired)\b|\bmy (?:job|profession|occupation) is\b/i,
    'work',
  ],
  [/\bi(?:'m| am)\s+\d{1,3}(?: years old)?$|\bmy age is\b|\b\d{1,3} years old\b/i, 'age'],
  [/\bmy birthday is\b|\bi was born\b/i, 'birthday'],
  [/\bmy time ?zone is\b/i, 'timezone'],
  [/\bi(?:'m| am) (?:now )?(?:a )?(?:vegan|vegetarian|pescatarian|omnivore)\b/i, 'wants:diet'],
]
const POSSESSION = /\bmy\s+((?:[\p{L}\p{N}'’-]+\s+){0,3}?[\p{L}\p{N}'’-]+)\s+(?:is|are|was|=|has|have)\b/iu
const ATTITUDE = new RegExp(
  String.raw`\b${SELF}\s+(?:(?:really|absolutely|now|always)\s+)*(?:don[’']?t\s+|do not\s+|no longer\s+|never\s+)?(?:really\s+)?(?:like|love|enjoy|hate|dislike|drink|eat|use|want|avoid)s?\s+(.+)$`,
  'i',
)
const OVER = /\bprefers?\s+(.+?)\s+(?:over|to|rather than|instead of|than)\s+(.+)$/i

function carried(text: string): string[] {
  return analyze(text.toLowerCase(), 'en')
    .filter(
      ({ start, end }) =>
        !isFunctionWord(text.slice(start, end).toLowerCase(), ['en']) ||
        /^(?:not|no|never|don)/i.test(text.slice(start, end)),
    )
    .map(({ term }) => term)
}

/** Pure; English. In another language a statement has no subject but those of ALTERNATIVES, and contradicts nothing. */
export function readStatement(text: string): Statement {
  const said = text.trim().replace(/[.!\s]+$/, '')
  const kind = PREFERENCE.test(said) ? 'preference' : 'fact'
  const subjects = new Set<string>()
  for (const [pattern, subject] of SLOTS) if (pattern.test(said)) subjects.add(subject)
  if (kind === 'preference')
    for (const [subject, values] of Object.entries(ALTERNATIVES)) {
      if (subject === 'language' && !WANTS_LANGUAGE.test(said)) continue
      const isNamed = values.some((value) => new RegExp(`(?<![\\w-])${value}(?![\\w-])`, 'i').test(said))
      if (isNamed) subjects.add(`wants:${subject}`)
    }
  const owned = POSSESSION.exec(said)?.[1]
  if (owned !== undefined && subjects.size === 0) subjects.add(`my:${carried(owned).join(' ')}`)
  const compared = OVER.exec(said)
  if (compared !== null)
    subjects.add(
      `between:${[carried(compared[1]!).join(' '), carried(compared[2]!).join(' ')].sort().join('|')}`,
    )
  else {
    const object = ATTITUDE.exec(said)?.[1]
    if (object !== undefined) subjects.add(`about:${carried(object).join(' ')}`)
  }
  return { kind, subjects: [...subjects].filter((subject) => !subject.endsWith(':')), terms: carried(said) }
}

export type Relation = 'same' | 'replaces' | 'beside'

/** What a new statement is to one that is known. */
export function relationOf(added: Statement, known: Statement): Relation {
  if (added.terms.join(' ') === known.terms.join(' ')) return 'same'
  return added.subjects.some((subject) => known.subjects.includes(subject)) ? 'replaces' : 'beside'
}

const FIRST_PERSON = /^(?:i|i'm|i’m|i've|i’ve|my|we|our|call me)\b/i
const LEAST_TERMS = 2
const MOST_LEARNED_CHARACTERS = 240

/** Whether a sentence of a person's own message is worth remembering unasked: about themselves, lasting, and short. */
export function isWorthLearning(sentence: string): boolean {
  const said = sentence.trim()
  if (said.length > MOST_LEARNED_CHARACTERS || said.endsWith('?') || !FIRST_PERSON.test(said)) return false
  const { kind, subjects, terms } = readStatement(said)
  if (terms.length < LEAST_TERMS) return false
  // "I want to know …" and "I need a list …" are requests.
  if (/^(?:i|we)(?:'d| would)? (?:want|need|like) (?:to|you|a|an|the|some|this|that)\b/i.test(said))
    return false
  return kind === 'preference' || subjects.length > 0
}
