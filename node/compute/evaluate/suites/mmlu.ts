/**
 * MMLU (Hendrycks et al., arXiv 2009.03300), as the task `mmlu` of lm-evaluation-harness asks it: five examples of the same
 * subject, and the likelihoods of the letters.
 */
import type { ItemRecord } from '../item-records.ts'
import type { Answer, ItemSuite } from '../item-suite.ts'
import type { PreparedItem } from '../items.ts'
import { type DataRow, readRows, spread } from '../suite-data.ts'
import { choiceScore, shareMetric, truncated } from './choices.ts'
import { shotsFor, shotsFrom, strip } from './few-shot.ts'

const LETTERS = ['A', 'B', 'C', 'D'] as const
const SHOTS = 5

interface Question {
  readonly subject: string
  readonly question: string
  readonly choices: readonly string[]
  readonly answer: number
}

interface MmluAnswer extends Answer {
  readonly answer: number
}

const parse = (row: DataRow): Question => ({
  subject: row.text('subject'),
  question: row.text('question'),
  choices: row.texts('choices', LETTERS.length),
  answer: row.whole('answer', 0, LETTERS.length - 1),
})

const description = (subject: string): string =>
  `The following are multiple choice questions (with answers) about ${subject.replaceAll('_', ' ')}.\n\n`

const asked = ({ question, choices }: Question): string =>
  `${strip(question)}\n${LETTERS.map((letter, index) => `${letter}. ${choices[index]}\n`).join('')}Answer:`

const example = (question: Question): string => `${asked(question)} ${LETTERS[question.answer]}\n\n`

export const mmlu: ItemSuite = {
  form: 'items',
  name: 'mmlu',
  title: 'MMLU: multiple choice questions on 57 subjects',
  needs: 'a language model',
  fits: ({ kind }) => kind === 'language',
  files: { required: ['data'], optional: ['shotsData'] },
  options: ['shots', 'limit'],
  itemsByTask: 16,
  prepare(files, { shots: count = SHOTS, limit }) {
    const data = readRows(files.data!, parse)
    const own = files.shotsData === undefined ? null : readRows(files.shotsData, parse)
    const items: PreparedItem[] = []
    const answers: MmluAnswer[] = []
    let fewest = count
    const bySubject = (questions: readonly Question[]) => Map.groupBy(questions, ({ subject }) => subject)
    const sources = { own: own === null ? null : bySubject(own), data: bySubject(data) }
    for (const index of spread(data.length, limit)) {
      const question = data[index]!
      const { subject, answer } = question
      const source = {
        own: sources.own?.get(subject) ?? (own === null ? null : []),
        data: sources.data.get(subject)!,
      }
      const shots = shotsFor(source, question, { count })
      fewest = Math.min(fewest, shots.length)
      const prefix = description(subject) + shots.map(example).join('')
      const choices = LETTERS.map((letter) => ` ${letter}`)
      items.push({ prefix, item: { type: 'choice', context: asked(question), choices } })
      answers.push({ id: `${subject}/${index}`, group: subject, answer })
    }
    const facts = {
      available: data.length,
      shots: count,
      fewestShots: fewest,
      shotsFrom: shotsFrom(own !== null),
    }
    return { items, answers, facts }
  },
  report(given, records: readonly ItemRecord[]) {
    const answers = given as readonly MmluAnswer[]
    const scores = answers.map((answer, index) => choiceScore(answer, answer.answer, records[index]!))
    return { metrics: [shareMetric('acc', 'accuracy', scores)], scores, facts: truncated(records) }
  },
}
