/** Sums with a number that an earlier step finds: in a file that is read, or in what documents say. */
import type { JsonValue } from '../../../json.ts'
import { lineOf } from '../clause.ts'
import { numbersInDigits } from '../number-words.ts'
import { isFile, pathsOf } from '../slots.ts'
import { call, draft, from, type Rule, wordsFrom } from './rule.ts'

/** Magi has a program for them (magi/programs/figures.ts). */
const STATISTICS =
  /(?:^| )(?:average|mean|sum|total|median|largest|smallest|highest|lowest|biggest|maximum|minimum|add (?:\S+ ){0,4}?up|add up|sum up|statistics)(?: |$)/
const FIGURES =
  /(?:^| )(?:figures?|numbers?|amounts?|values?|readings?|entries|items|costs?|prices?|hours|expenses|receipts|it|them|that|all|everything|total|average|mean|sum|bill|payments|temperatures?|lines|column)(?: |$)/
const TABLE = /\.(?:csv|tsv)$/i

/** `read notes/meter.txt and work out the average of the figures`. */
export const reckoningFile: Rule = ({ clause: { words, line, source }, state }) => {
  const paths = pathsOf(words).filter(isFile)
  const last = state.drafts.at(-1)
  const read =
    last?.tool === 'file_read' && typeof last.arguments.path === 'string' ? last.arguments.path : null
  const path = paths[0] ?? (isPartOfReading(line) ? read : null)
  if (
    path === null ||
    path === undefined ||
    paths.length > 1 ||
    !STATISTICS.test(line) ||
    !FIGURES.test(line)
  )
    return null
  if (!/\.(?:txt|md|csv|tsv|text|log)$/i.test(path)) return null
  if (/(?:^| )(?:write|save|store|index|into|say|mention|summarise|note)(?: |$)/.test(line)) return null
  const said = wordsFrom(words, 0, source)
  if (said === null || (paths.length > 0 && TABLE.test(path))) return null
  const run = draft(
    'code_run',
    { task: said.includes(path) ? said : `${said.replace(/[.?!\s]+$/, '')} in ${path}` },
    'The figures of a file are to be reckoned.',
  )
  const isRead = read === path
  return { calls: isRead ? [run] : [draft('file_read', { path }, 'The text of a file is asked for.'), run] }
}

const isPartOfReading = (line: string): boolean =>
  !/(?:^| )(?:document|collection|job|model)(?: |$)/.test(line)

const ASKS =
  /(?:^| )(?:how (?:much|many|long|far|big|heavy)|what (?:is|do|does|would|will)|calculate|work out|figure out|multiply|divide|double|halve|half|twice|triple|add|subtract|convert)(?: |$)/
const GIVES_FIGURE = /^(?:knowledge_ask|knowledge_search|file_read|calculate)$/
const REFERS_BACK =
  /(?:^| )(?:it|that|this|them|those|these|the (?:answer|result|amount|number|figure|sum|total|price|cost|fee|rate|quantity|time|dose|bill)|i (?:need|want|pay|owe|use)|we (?:need|want|pay|owe|use)|(?:is|be) needed|in all|altogether|total|need)(?: |$)/

/** `look up how much flour a loaf takes and tell me how much I need for seven of them`. */
export const reckoningOn: Rule = ({ clause: { words, mood, source }, state }) => {
  const last = state.drafts.at(-1)
  const line = lineOf(words)
  if (last === undefined || !GIVES_FIGURE.test(last.tool) || !ASKS.test(line) || !REFERS_BACK.test(line))
    return null
  if (last.tool === 'calculate' && mood !== 'question') return null
  if (words.some(({ kind }) => kind === 'path' || kind === 'id' || kind === 'quoted')) return null
  const said = wordsFrom(words, 0, source)
  if (said === null) return null
  const figure = from(state.drafts.length, last.tool === 'calculate' ? 'value' : 'figure')
  const parts = sumWith(numbersInDigits(said.toLowerCase()), figure)
  return parts === null
    ? null
    : call('calculate', { expression: { $text: parts } }, 'It is to be calculated from what was found.')
}

type Parts = (string | ReturnType<typeof from>)[] & JsonValue[]

function sumWith(text: string, figure: ReturnType<typeof from>): Parts | null {
  const numbers = text.match(/(?<![\w.])\d+(?:\.\d+)?(?:\s*%)?/g) ?? []
  if (numbers.length > 1) return null
  const [number] = numbers
  if (number === undefined) {
    if (/\b(?:double|twice)\b/.test(text)) return ['2 * ', figure]
    if (/\btriple|three times\b/.test(text)) return ['3 * ', figure]
    if (/\b(?:half|halve)\b/.test(text)) return [figure, ' / 2']
    if (/\b(?:a|per|whole|every|each) year\b|\byearly\b/.test(text) && !/\bweek/.test(text))
      return [figure, ' * 12']
    return null
  }
  if (number.endsWith('%'))
    return /\b(?:off|less|discount|cheaper)\b/.test(text)
      ? [figure, ` * (1 - ${number})`]
      : /\b(?:on top|more|plus|tip|vat|tax|added|extra)\b/.test(text)
        ? [figure, ` * (1 + ${number})`]
        : [`${number} of `, figure]
  if (/\b(?:divided?|split|shared?|among|amongst|between|each|per (?:person|head))\b/.test(text))
    return [figure, ` / ${number}`]
  if (/\b(?:minus|subtract|less|take away)\b/.test(text)) return [figure, ` - ${number}`]
  if (/\b(?:plus|add)\b/.test(text)) return [figure, ` + ${number}`]
  return /\b(?:for|times|by|of|over|in|make|bake|with|every|a|per)\b/.test(text)
    ? [`${number} * `, figure]
    : null
}
