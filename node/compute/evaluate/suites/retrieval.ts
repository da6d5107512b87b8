/**
 * Retrieval over a collection in BEIR's layout (Thakur et al., arXiv 2104.08663): an encoder embeds documents and queries,
 * documents are ranked by exact cosine, and the judgements say which belong to a query.
 */
import type { Answer, ItemSuite, Metric } from '../item-suite.ts'
import type { PreparedItem } from '../items.ts'
import { readJudgedDocuments, readJudgedQueries } from '../judged-collection.ts'
import { type QueryScore, queryScore } from '../ranking-measures.ts'
import { bootstrapMean } from '../statistics.ts'
import { dataError, spread } from '../suite-data.ts'
import { recordOf } from './choices.ts'

interface RetrievalAnswer extends Answer {
  /** Of a query: gains by the document's index; null for a document. */
  readonly relevant: Readonly<Record<string, number>> | null
}

const embed = (text: string): PreparedItem => ({ prefix: '', item: { type: 'embed', text } })

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
    const documents = readJudgedDocuments(files.data!).map(({ id, title, text }) => ({
      id,
      // BEIR's own runs put a space between title and text.
      text: `${title} ${text}`.trim(),
    }))
    const indexes = new Map(documents.map(({ id }, index) => [id, index]))
    const judged = readJudgedQueries({ queries: files.queries!, judgements: files.judgements! }, (id) =>
      indexes.has(id),
    )
    if (judged.length === 0) throw dataError(files.judgements!, 'no query has a judged document')
    const byIndex = (relevant: ReadonlyMap<string, number>): Record<string, number> =>
      Object.fromEntries([...relevant].map(([document, gain]) => [`${indexes.get(document)}`, gain]))
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
        ...queries.map(({ id, relevant }) => answer(id, 'query', byIndex(relevant))),
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
        metric('ndcg@10', 'nDCG of the first 10', ({ score }) => score),
        metric('recall@100', 'recall in the first 100', ({ recall }) => recall),
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
