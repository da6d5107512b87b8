/** Measures the real search over the documents of a judged folder, held by a backend without an index. */
import { evaluateRanking } from '../../node/agents/rag/query/evaluate-ranking.ts'
import { createSearch } from '../../node/agents/rag/query/search.ts'
import type { RankerChoice } from '../../node/agents/rag/query/search-evaluations.ts'
import { tuneWeight } from '../../node/agents/rag/query/tune-weight.ts'
import type { ApiComponents } from '../../node/api/components.ts'
import {
  judgedFiles,
  readJudgedDocuments,
  readJudgedQueries,
} from '../../node/compute/evaluate/judged-collection.ts'
import { createNaiveBackend, documentIdOf } from './naive-backend.ts'

export function memorySearchEvaluations(
  components: Pick<ApiComponents, 'log' | 'embedding'> & {
    collections: { need(idOrName: string): Promise<unknown> }
  },
): ApiComponents['searchEvaluations'] {
  const { log, embedding, collections } = components
  const search = createSearch({ embed: embedding.embed, log })

  async function evaluate(
    folder: string,
    { ranker, feedback = false, weight = 0.5 }: RankerChoice,
    signal: AbortSignal,
  ) {
    const files = judgedFiles(folder, { needsCorpus: true })
    const documents = readJudgedDocuments(files.corpus)
    const ids = new Map(documents.map(({ id }) => [documentIdOf(id), [id]]))
    const backend = createNaiveBackend({
      judged: documents.map(({ id, title, text }) => ({ source: id, title, chunks: [{ text }] })),
    })
    const collection = { name: 'judged', languages: ['en'], encoder: null, weight, chunks: documents.length }
    const report = await evaluateRanking(
      { search, backend },
      {
        queries: readJudgedQueries(files, () => true),
        judgedIds: (document) => ids.get(document) ?? [],
        options: { collections: [collection], mode: 'lexical', feedback },
      },
      signal,
    )
    const counts = { documents: documents.length, chunks: documents.length, indexSeconds: 0 }
    return { ...report, ...counts, ranker, feedback, weight, encoder: null }
  }

  return {
    evaluateFolder: evaluate,
    async evaluateCollection(name, folder, choice, signal) {
      await collections.need(name)
      return evaluate(folder, choice, signal)
    },
    async tune(name, folder) {
      await collections.need(name)
      judgedFiles(folder, { needsCorpus: false })
      const found = (lexical: number, cosine: number, ordinal: number) => ({
        ...{ segment: 's', chunk: ordinal, document: `d${ordinal}`, ordinal, lexical, cosine },
      })
      const candidates = [found(2, 0.1, 0), found(1, 0.9, 1)]
      const query = { outcome: { lexical: candidates, vectors: candidates }, relevant: new Map([['d1', 1]]) }
      return { ...tuneWeight([query, query], { current: 0, seed: 1 }), isSaved: false }
    },
  }
}
