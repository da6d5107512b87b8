/**
 * GSM8K (Cobbe et al., arXiv 2110.14168), as the task `gsm8k` of lm-evaluation-harness asks it: five worked examples,
 * greedy generation, and two ways of finding the number in what the model wrote.
 */
import type { ItemRecord } from '../item-records.ts'
import type { Answer, ItemScore, ItemSuite } from '../item-suite.ts'
import type { PreparedItem } from '../items.ts'
import { type DataRow, readRows, spread } from '../suite-data.ts'
import { RIGHT, recordOf, shareMetric, truncated } from './choices.ts'
import { shotsFor, shotsFrom } from './few-shot.ts'

const SHOTS = 5
/** What the harness generates at most where a task says nothing. */
const MAX_TOKENS = 256
const STOPS = ['Question:', '</s>', '<|im_end|>'] as const
const INVALID = '[invalid]'

interface Problem {
  readonly question: string
  readonly answer: string
}

interface GsmAnswer extends Answer {
  readonly answer: string
}

interface GsmScore extends ItemScore {
  readonly flexible: number
  readonly strictAnswer: string
  readonly flexibleAnswer: string
  readonly text: string
  readonly dropped: number
}

const parse = (row: DataRow): Problem => ({ question: row.text('question'), answer: row.text('answer') })
const asked = ({ question }: Problem): string => `Question: ${question}\nAnswer:`
const example = (problem: Problem): string => `${asked(problem)} ${problem.answer}\n\n`

/** The number behind `####`: the first, as the filter `strict-match` takes it. */
export function strictMatch(text: string): string {
  return /#### (-?[0-9.,]+)/.exec(text)?.[1]?.trim() ?? INVALID
}

/** The last number of the text, as the filter `flexible-extract` takes it. */
export function flexibleExtract(text: string): string {
  const found = [...text.matchAll(/(-?[$0-9.,]{2,})|(-?[0-9]+)/g)].at(-1)
  return (found?.[1] ?? found?.[2])?.trim() ?? INVALID
}

/** What two answers are compared by: all up to `#### `, commas, dollar signs and a full stop at the end are left out. */
export function normalised(text: string): string {
  return text
    .replaceAll(',', '')
    .replaceAll('$', '')
    .replace(/[\s\S]*#### /, '')
    .replace(/\.(?=\n?$)/, '')
    .toLowerCase()
}

export const gsm8k: ItemSuite = {
  form: 'items',
  name: 'gsm8k',
  title: 'GSM8K: arithmetic word problems',
  needs: 'a language model',
  fits: ({ kind }) => kind === 'language',
  files: { required: ['data'], optional: ['shotsData'] },
  options: ['shots', 'limit', 'maxTokens'],
  itemsByTask: 8,
  prepare(files, { shots: count = SHOTS, limit, maxTokens = MAX_TOKENS }) {
    const data = readRows(files.data!, parse)
    const own = files.shotsData === undefined ? null : readRows(files.shotsData, parse)
    const items: PreparedItem[] = []
    const answers: GsmAnswer[] = []
    for (const index of spread(data.length, limit)) {
      const problem = data[index]!
      const prefix = shotsFor({ own, data }, problem, { count }).map(example).join('')
      const generated = { stop: STOPS, maxTokens, samples: 1, temperature: 0, seed: 0 } as const
      items.push({ prefix, item: { type: 'generate', prompt: asked(problem), ...generated } })
      answers.push({ id: `${index}`, group: '', answer: problem.answer })
    }
    return {
      items,
      answers,
      facts: { available: data.length, shots: count, shotsFrom: shotsFrom(own !== null) },
    }
  },
  report(given, records: readonly ItemRecord[]) {
    const scores = (given as readonly GsmAnswer[]).map(({ id, group, answer }, index): GsmScore => {
      const { samples, dropped } = recordOf(records[index]!, 'generate')
      const { text } = samples[0]!
      const [strictAnswer, flexibleAnswer] = [strictMatch(text), flexibleExtract(text)]
      const right = (found: string) => (normalised(found) === normalised(answer) ? 1 : 0)
      const [score, flexible] = [right(strictAnswer), right(flexibleAnswer)]
      return {
        id,
        group,
        measure: RIGHT,
        score,
        weight: 1,
        flexible,
        strictAnswer,
        flexibleAnswer,
        text,
        dropped,
      }
    })
    const flexible = scores.map(({ group, flexible }) => ({ group, score: flexible }))
    return {
      metrics: [
        shareMetric('strict-match', 'exact match, strict', scores),
        shareMetric('flexible-extract', 'exact match, flexible', flexible),
      ],
      scores,
      facts: truncated(records),
    }
  },
}
