/**
 * Retrieval over a collection in BEIR's layout (Thakur et al., arXiv 2104.08663): an encoder embeds documents and queries,
 * documents are ranked by exact cosine, and the judgements say which belong to a query.
 */
import { readFileSync, statSync } from 'node:fs'
import type { VillageError } from '../../../errors.ts'
import type { Answer, ItemScore, ItemSuite, Metric } from '../item-suite.ts'
import type { PreparedItem } from '../items.ts'
import { bootstrapMean } from '../statistics.ts'
import { dataError, readRows, spread } from '../suite-data.ts'
import { recordOf } from './choices.ts'

const DEPTH_NDCG = 10
const DEPTH_RECALL = 100
const MAX_JUDGEMENT_BYTES = 64 * 2 ** 20
const MAX_GAIN = 1000

interface RetrievalAnswer extends Answer {
  /** Of a query: gains by the document's index; null for a document. */
  readonly relevant: Readonly<Record<string, number>> | null
}

interface QueryScore extends ItemScore {
  readonly recall: number
  readonly reciprocalRank: number
}

const embed = (text: string): PreparedItem => ({ prefix: '', item: { type: 'embed', text } })

/** `query-id  corpus-id  score`, with or without that line as a head. */
function readJudgements(file: string): Map<string, Map<string, number>> {
  if (statSync(file).size > MAX_JUDGEMENT_BYTES)
    throw dataError(file, `judgements may have ${MAX_JUDGEMENT_BYTES} bytes`)
  const judgements = new Map<string, Map<string, number>>()
  for (const [index, line] of readFileSync(file, 'utf8').split('\n').entries()) {
    const fields = line.replace(/\r$/, '').split('\t')
    if (line.trim() === '' || (index === 0 && fields[0] === 'query-id')) continue
    const error = (what: string): VillageError => dataError(file, what, index + 1)
    const [query, document, score] = fields
    if (query === undefined || document === undefined || score === undefined || fields.length !== 3)
      throw error('this is not query, document and score with tabs between')
    const gain = Number(score)
    if (!Number.isInteger(gain) || gain > MAX_GAIN) throw error('the score is not a whole number')
    const own = judgements.get(query) ?? new Map<string, number>()
    judgements.set(query, own.set(document, gain))
  }
  return judgements
}

export const retrieval: ItemSuite = {
  form: 'items',
  name: 'retrieval',
  title: 'Retrieval: which documents an encoder puts next to a query',
  needs: 'an encoder',
  fits: ({ kind }) => kind === 'encoder',
  files: { required: ['data', 'queries', 'judgements'], optional: [] },
  options: ['limit'],
  itemsByTask: 64,
  prepare(files, { limit }) {
    const documents = readRows(files.data!, (row) => ({
      id: row.text('_id'),
      // BEIR's own runs put a space between title and text.
      text: `${row.has('title') ? row.text('title', { mayBeEmpty: true }) : ''} ${row.text('text', { mayBeEmpty: true })}`.trim(),
    }))
    const indexes = new Map(documents.map(({ id }, index) => [id, index]))
    if (indexes.size !== documents.length) throw dataError(files.data!, 'two documents have one id')
    const judgements = readJudgements(files.judgements!)
    const all = readRows(files.queries!, (row) => ({ id: row.text('_id'), text: row.text('text') }))
    const relevantTo = (id: string): Record<string, number> =>
      Object.fromEntries(
        [...(judgements.get(id) ?? [])].flatMap(([document, gain]) =>
          gain > 0 && indexes.has(document) ? [[`${indexes.get(document)}`, gain]] : [],
        ),
      )
    const judged = all.filter(({ id }) => Object.keys(relevantTo(id)).length > 0)
    if (judged.length === 0) throw dataError(files.judgements!, 'no query has a judged document')
    const queries = spread(judged.length, limit).map((index) => judged[index]!)
    const answer = (id: string, group: string, relevant: RetrievalAnswer['relevant']): RetrievalAnswer => ({
      id,
      group,
      relevant,
    })
    return {
      items: [...documents, ...queries].map(({ text }) => embed(text)),
      answers: [
        ...documents.map(({ id }) => answer(id, 'document', null)),
        ...queries.map(({ id }) => answer(id, 'query', relevantTo(id))),
      ],
      facts: { documents: documents.length, queries: queries.length, available: judged.length },
    }
  },
  report(given, records, { seed }) {
    const answers = given as readonly RetrievalAnswer[]
    const vectors = records.map((record) => unit(recordOf(record, 'embed').vector))
    const documents = answers.flatMap(({ relevant }, index) => (relevant === null ? [index] : []))
    const scores = answers.flatMap(({ id, relevant }, index): QueryScore[] => {
      if (relevant === null) return []
      const ranked = rank(vectors, documents, index, (document) => answers[document]!.id === id)
      return [
        queryScore(id, ranked, new Map(Object.entries(relevant).map(([at, gain]) => [Number(at), gain]))),
      ]
    })
    const metric = (name: string, title: string, of: (score: QueryScore) => number): Metric => ({
      name,
      title,
      interval: bootstrapMean(scores.map(of), seed),
      groups: {},
    })
    return {
      metrics: [
        metric('ndcg@10', `nDCG of the first ${DEPTH_NDCG}`, ({ score }) => score),
        metric('recall@100', `recall in the first ${DEPTH_RECALL}`, ({ recall }) => recall),
        metric('mrr', 'mean reciprocal rank', ({ reciprocalRank }) => reciprocalRank),
      ],
      scores,
      facts: {},
    }
  },
}

function unit(vector: Float32Array): Float32Array {
  let norm = 0
  for (const value of vector) norm += value ** 2
  const scale = norm === 0 ? 0 : 1 / Math.sqrt(norm)
  return vector.map((value) => value * scale)
}

/** Documents by their cosine with the query, best first; of equals the earlier one. The query itself is no answer to it. */
function rank(
  vectors: readonly Float32Array[],
  documents: readonly number[],
  query: number,
  isItself: (document: number) => boolean,
): number[] {
  const asked = vectors[query]!
  const cosines = new Float64Array(vectors.length)
  for (const document of documents) {
    const vector = vectors[document]!
    let dot = 0
    for (let i = 0; i < asked.length; i++) dot += asked[i]! * vector[i]!
    cosines[document] = dot
  }
  return documents
    .filter((document) => !isItself(document))
    .sort((a, b) => cosines[b]! - cosines[a]! || a - b)
}

/** nDCG with linear gains and a discount of log2(rank + 1), as trec_eval has it (Järvelin and Kekäläinen, 2002). */
export function queryScore(
  id: string,
  ranked: readonly number[],
  relevant: ReadonlyMap<number, number>,
): QueryScore {
  const discounted = (gains: readonly number[]): number =>
    gains.reduce((sum, gain, rank) => sum + gain / Math.log2(rank + 2), 0)
  const gains = ranked.slice(0, DEPTH_NDCG).map((document) => relevant.get(document) ?? 0)
  const ideal = [...relevant.values()].sort((a, b) => b - a).slice(0, DEPTH_NDCG)
  const found = ranked.slice(0, DEPTH_RECALL).filter((document) => relevant.has(document)).length
  const first = ranked.findIndex((document) => relevant.has(document))
  return {
    id,
    group: '',
    measure: 'ndcg@10',
    score: discounted(gains) / discounted(ideal),
    weight: 1,
    recall: found / relevant.size,
    reciprocalRank: first === -1 ? 0 : 1 / (first + 1),
  }
}
