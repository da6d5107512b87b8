/** Knowledge in memory: the real search and the real answers over a few documents that a backend without an index holds. */
import { createAnswers } from '../../node/agents/rag/answers/answers.ts'
import { createSearch } from '../../node/agents/rag/query/search.ts'
import type { SearchCollection } from '../../node/agents/rag/query/search-options.ts'
import type { KnownCollection } from '../../node/agents/rag/village/known-collection.ts'
import type { ApiComponents } from '../../node/api/components.ts'
import { VillageError } from '../../node/errors.ts'
import { createHistogram } from '../../node/histogram.ts'
import { createNaiveBackend, type NaiveDocument } from './naive-backend.ts'
import { LIBRARY } from './small-library.ts'

/** Of all that is held, in one segment. */
export const SEGMENT = '5e'.repeat(32)
export const COLLECTION = 'town'

/** Each document is one passage, but for the title. */
export function libraryDocuments(): NaiveDocument[] {
  return LIBRARY.map(({ source, text }) => {
    const [first = '', ...rest] = text.split('\n\n')
    return { source, title: first.replace(/^# /, ''), chunks: [{ text: rest.join('\n\n') }] }
  })
}

export function memoryKnowledge(
  components: Pick<ApiComponents, 'log' | 'embedding' | 'generation' | 'config' | 'identity'>,
  init: { documents?: readonly NaiveDocument[] } = {},
): Pick<ApiComponents, 'knowledge' | 'answers'> & { known: KnownCollection[] } {
  const known: KnownCollection[] = []
  const { log, embedding, config, identity } = components
  const naive = createNaiveBackend({ [SEGMENT]: init.documents ?? libraryDocuments() })
  const backend = {
    ...naive,
    origin: () => ({ collection: COLLECTION, vouchedBy: [identity.peerId] }),
  }
  const search = createSearch({ embed: embedding.embed, log })
  const collection: SearchCollection = {
    name: COLLECTION,
    languages: ['en'],
    encoder: null,
    weight: 0.5,
    chunks: 10,
  }
  const knowledge: ApiComponents['knowledge'] = {
    async search({ collections = [], isLocal: _isLocal, deadlineMs: _deadlineMs, ...options }, signal) {
      if (collections.some((name) => name !== COLLECTION)) throw new VillageError('COLLECTION_UNKNOWN')
      return search.search(backend, { ...options, collections: [collection] }, signal)
    },
    chunks: backend.chunks,
    collections: async () => known,
    stats: () => ({
      ...{ collections: 0, segments: 0, sketches: 0, requestsServed: 0, requestsRefused: 0 },
      ...{ replicas: 2, replicaBytes: 3 * 2 ** 20 },
      ...{ searchSeconds: createHistogram().read(), peersAsked: 0, incomplete: 0 },
    }),
  }
  return { knowledge, known, answers: createAnswers({ ...components, knowledge }, { config }) }
}
