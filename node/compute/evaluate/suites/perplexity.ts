/**
 * How likely a model finds texts: rolling log-likelihood as lm-evaluation-harness has it, each document by itself, every
 * token scored once.
 */
import { readFileSync, statSync } from 'node:fs'
import { isJsonObject } from '../../../json.ts'
import type { ItemRecord } from '../item-records.ts'
import type { Answer, ItemScore, ItemSuite, Metric } from '../item-suite.ts'
import type { PreparedItem } from '../items.ts'
import type { Interval } from '../scores.ts'
import { bootstrap, weightedMean } from '../statistics.ts'
import { dataError, readRows, spread } from '../suite-data.ts'
import { recordOf } from './choices.ts'

/** A plain text is cut at the ends of lines into documents of at most this length, in characters. */
const PIECE_LENGTH = 4096
const MAX_TEXT_BYTES = 64 * 2 ** 20
/** Documents of a file of JSON lines may be as long as an item. */
const MAX_DOCUMENT_LENGTH = 500_000

export interface TextAnswer extends Answer {
  readonly bytes: number
  readonly words: number
}

export interface TextScore extends ItemScore {
  readonly logProbability: number
  readonly tokens: number
  readonly bytes: number
  readonly words: number
}

/** Pieces that together are the text, cut behind line ends where there are any. */
export function piecesOf(text: string, most = PIECE_LENGTH): string[] {
  const pieces: string[] = []
  let from = 0
  while (from < text.length) {
    let to = Math.min(from + most, text.length)
    if (to < text.length) {
      const line = text.lastIndexOf('\n', to - 1)
      const space = text.lastIndexOf(' ', to - 1)
      if (line >= from) to = line + 1
      // The space begins the next piece: tokenizers put it in front of a word.
      else if (space > from) to = space
      // Never between the halves of one character.
      else if (/[\ud800-\udbff]/.test(text[to - 1]!)) to -= 1
    }
    pieces.push(text.slice(from, Math.max(to, from + 1)))
    from = Math.max(to, from + 1)
  }
  return pieces
}

function isJsonLines(text: string): boolean {
  try {
    const first = JSON.parse(text.slice(0, text.indexOf('\n') + 1 || text.length)) as unknown
    return isJsonObject(first) && typeof first.text === 'string'
  } catch {
    return false
  }
}

/** As the harness counts them: what stands between runs of white space, ends included. */
const harnessWords = (text: string): number => text.split(/\s+/).length
/** A piece may begin or end within a run of white space: only what is there counts. */
const plainWords = (text: string): number => text.match(/\S+/g)?.length ?? 0

function documentsOf(file: string): { texts: string[]; words: (text: string) => number } {
  if (statSync(file).size > MAX_TEXT_BYTES) throw dataError(file, `a text may have ${MAX_TEXT_BYTES} bytes`)
  let whole: string
  try {
    whole = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file))
  } catch {
    throw dataError(file, 'this is not text in UTF-8')
  }
  if (!isJsonLines(whole))
    return { texts: piecesOf(whole).filter((text) => text.trim() !== ''), words: plainWords }
  const texts = readRows(file, (row) => {
    const text = row.text('text')
    if (text.length > MAX_DOCUMENT_LENGTH) throw row.error('the text is too long for one document')
    return text
  })
  return { texts, words: harnessWords }
}

export function textItem(text: string, init: { id: string; words: number; stride: number | null }) {
  const item: PreparedItem = { prefix: '', item: { type: 'text', text, stride: init.stride } }
  const answer: TextAnswer = { id: init.id, group: '', bytes: Buffer.byteLength(text), words: init.words }
  return { item, answer }
}

/** Log-probabilities against bytes, words and tokens: what all perplexities are made of. */
export function textScore({ id, group, bytes, words }: TextAnswer, record: ItemRecord): TextScore {
  const { logProbability, tokens } = recordOf(record, 'text')
  // Bits by byte, negative so that more is better.
  return {
    id,
    group,
    measure: 'log2 by byte',
    score: logProbability / Math.LN2 / bytes,
    weight: bytes,
    logProbability,
    tokens,
    bytes,
    words,
  }
}

export function textMetrics(scores: readonly TextScore[], seed: number): Metric[] {
  const per = (unit: 'bytes' | 'words' | 'tokens'): Interval => {
    const weights = Float64Array.from(scores, (score) => score[unit])
    const values = Float64Array.from(scores, (score) => -score.logProbability / Math.max(1, score[unit]))
    return bootstrap(scores.length, weightedMean(values, weights), { seed })
  }
  const mapped = ({ value, low, high }: Interval, map: (nats: number) => number): Interval => ({
    value: map(value),
    low: map(low),
    high: map(high),
  })
  const bytes = per('bytes')
  const metric = (name: string, title: string, interval: Interval): Metric => ({
    name,
    title,
    interval,
    groups: {},
  })
  return [
    metric('word_perplexity', 'perplexity by word', mapped(per('words'), Math.exp)),
    metric('byte_perplexity', 'perplexity by byte', mapped(bytes, Math.exp)),
    metric(
      'bits_per_byte',
      'bits by byte',
      mapped(bytes, (nats) => nats / Math.LN2),
    ),
    metric('token_perplexity', 'perplexity by token', mapped(per('tokens'), Math.exp)),
  ]
}

export const perplexity: ItemSuite = {
  form: 'items',
  name: 'perplexity',
  title: 'Perplexity of a text, or of documents as JSON lines',
  needs: 'a language model',
  fits: ({ kind }) => kind === 'language',
  files: { required: ['data'], optional: [] },
  options: ['limit', 'stride'],
  itemsByTask: 8,
  prepare(files, { limit, stride }) {
    const { texts, words } = documentsOf(files.data!)
    if (texts.length === 0) throw dataError(files.data!, 'there is no text in it')
    const taken = spread(texts.length, limit).map((index) =>
      textItem(texts[index]!, { id: `${index}`, words: words(texts[index]!), stride: stride ?? null }),
    )
    return {
      items: taken.map(({ item }) => item),
      answers: taken.map(({ answer }) => answer),
      facts: { available: texts.length, stride: stride ?? 'the context of the model' },
    }
  },
  report(answers, records, { seed }) {
    const scores = (answers as readonly TextAnswer[]).map((answer, index) =>
      textScore(answer, records[index]!),
    )
    return { metrics: textMetrics(scores, seed), scores, facts: {} }
  },
}
