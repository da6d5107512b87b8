/** A suite of one's own: JSON lines with questions to choose from, prompts to complete and texts to read. */

import type { ItemRecord } from '../item-records.ts'
import type { Answer, ItemScore, ItemSuite, Metric } from '../item-suite.ts'
import { ITEM_LIMITS, type PreparedItem } from '../items.ts'
import { type DataRow, dataError, readRows, spread } from '../suite-data.ts'
import { choiceScore, mostLikely, RIGHT, recordOf, shareMetric, truncated } from './choices.ts'
import { type TextAnswer, textItem, textMetrics, textScore } from './perplexity.ts'

const MATCHES = ['exact', 'contains', 'number'] as const
type Match = (typeof MATCHES)[number]
const MAX_TOKENS = 64

interface CustomChoice extends Answer {
  readonly type: 'choice'
  readonly answer: number
  /** Bytes by choice, for the likelihood by byte. */
  readonly lengths: readonly number[]
}

interface CustomText extends Answer {
  readonly type: 'generate'
  readonly answer: string
  readonly match: Match
}

interface CustomReading extends TextAnswer {
  readonly type: 'text'
}

type CustomAnswer = CustomChoice | CustomText | CustomReading

interface GeneratedScore extends ItemScore {
  readonly text: string
  readonly answer: string
}

const KNOWN: Readonly<Record<string, readonly string[]>> = {
  choice: ['context', 'choices', 'answer'],
  generate: ['prompt', 'answer', 'match', 'stop', 'maxTokens'],
  text: ['text'],
}

/** Whether a text gives the answer. */
export function matches(text: string, answer: string, match: Match): boolean {
  if (match === 'exact') return text.trim() === answer.trim()
  if (match === 'contains') return text.includes(answer)
  const numbers = text.replaceAll(',', '').match(/-?\d+(?:\.\d+)?/g)
  const last = numbers?.at(-1)
  return last !== undefined && Number(last) === Number(answer.replaceAll(',', ''))
}

function parse(row: DataRow, index: number): { item: PreparedItem; answer: CustomAnswer } {
  const type = row.text('type')
  const known = Object.hasOwn(KNOWN, type) ? KNOWN[type] : undefined
  if (known === undefined) throw row.error(`"type" is not ${Object.keys(KNOWN).join(', ')}`)
  const stray = row.names.find((key) => !['type', 'id', 'group', ...known].includes(key))
  if (stray !== undefined) throw row.error(`"${stray}" is not known for the type "${type}"`)
  const id = row.has('id') ? row.text('id') : `${index}`
  const group = row.has('group') ? row.text('group') : ''
  const bounded = (name: string): string => {
    const text = row.text(name)
    if (text.length > ITEM_LIMITS.textLength) throw row.error(`"${name}" is too long`)
    return text
  }
  if (type === 'text') {
    const text = bounded('text')
    const words = text.split(/\s+/).length
    const { item, answer } = textItem(text, { id, words, stride: null })
    return { item, answer: { ...answer, group, type } }
  }
  if (type === 'choice') {
    const choices = row.texts('choices')
    if (choices.length < 2 || choices.length > ITEM_LIMITS.choices || choices.includes(''))
      throw row.error(`"choices" is not a list of 2 to ${ITEM_LIMITS.choices} texts`)
    const answer = row.whole('answer', 0, choices.length - 1)
    const lengths = choices.map((choice) => Buffer.byteLength(choice))
    const item: PreparedItem = {
      prefix: '',
      item: { type, context: row.text('context', { mayBeEmpty: true }), choices },
    }
    return { item, answer: { id, group, type, answer, lengths } }
  }
  const match = row.has('match') ? MATCHES.find((one) => one === row.value('match')) : 'exact'
  if (match === undefined) throw row.error(`"match" is not one of ${MATCHES.join(', ')}`)
  const answer = row.text('answer')
  if (match === 'number' && !Number.isFinite(Number(answer.replaceAll(',', ''))))
    throw row.error('"answer" is no number')
  const stop = row.has('stop') ? row.texts('stop') : ['\n']
  if (
    stop.length > ITEM_LIMITS.stops ||
    stop.some((one) => one === '' || one.length > ITEM_LIMITS.stopLength)
  )
    throw row.error(`"stop" is not a list of at most ${ITEM_LIMITS.stops} short texts`)
  const maxTokens = row.has('maxTokens') ? row.whole('maxTokens', 1, ITEM_LIMITS.maxTokens) : MAX_TOKENS
  const item: PreparedItem['item'] = {
    type: 'generate',
    prompt: bounded('prompt'),
    stop,
    maxTokens,
    samples: 1,
    temperature: 0,
    seed: 0,
  }
  return { item: { prefix: '', item }, answer: { id, group, type: 'generate', answer, match } }
}

export const custom: ItemSuite = {
  form: 'items',
  name: 'custom',
  title: 'A suite of your own, as JSON lines',
  needs: 'a language model',
  fits: ({ kind }) => kind === 'language',
  files: { required: ['data'], optional: [] },
  options: ['limit'],
  itemsByTask: 16,
  prepare(files, { limit }) {
    let index = 0
    const rows = readRows(files.data!, (row) => parse(row, index++))
    const seen = new Set<string>()
    const twice = rows.find(({ answer }) => seen.size === seen.add(answer.id).size)?.answer.id
    if (twice !== undefined) throw dataError(files.data!, `two items have the id "${twice.slice(0, 100)}"`)
    const taken = spread(rows.length, limit).map((at) => rows[at]!)
    return {
      items: taken.map(({ item }) => item),
      answers: taken.map(({ answer }) => answer),
      facts: { available: rows.length },
    }
  },
  report(given, records, { seed }) {
    const answers = given as readonly CustomAnswer[]
    const scores = answers.map((answer, index) => scoreOf(answer, records[index]!))
    const of = (type: CustomAnswer['type']) =>
      answers.flatMap((answer, index) => (answer.type === type ? [index] : []))
    const metrics: Metric[] = []
    const judged = [...of('choice'), ...of('generate')].sort((a, b) => a - b)
    if (judged.length > 0)
      metrics.push(
        shareMetric(
          'accuracy',
          'right answers',
          judged.map((index) => scores[index]!),
        ),
      )
    const choices = of('choice').map((index) => {
      const { lengths, answer, group } = answers[index] as CustomChoice
      const chosen = mostLikely(recordOf(records[index]!, 'choice'), lengths)
      return { group, score: chosen === answer ? 1 : 0 }
    })
    if (choices.length > 0)
      metrics.push(shareMetric('accuracy_norm', 'right choices by likelihood by byte', choices))
    const texts = of('text').map((index) => textScore(answers[index] as CustomReading, records[index]!))
    if (texts.length > 0) metrics.push(...textMetrics(texts, seed))
    return { metrics, scores, facts: truncated(records) }
  },
}

function scoreOf(answer: CustomAnswer, record: ItemRecord): ItemScore {
  if (answer.type === 'choice') return choiceScore(answer, answer.answer, record)
  if (answer.type === 'text') return textScore(answer, record)
  const { text } = recordOf(record, 'generate').samples[0]!
  const score: GeneratedScore = {
    id: answer.id,
    group: answer.group,
    measure: RIGHT,
    score: matches(text, answer.answer, answer.match) ? 1 : 0,
    weight: 1,
    text,
    answer: answer.answer,
  }
  return score
}
