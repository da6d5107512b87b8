/** How to call each route of collections and of indexing so that it succeeds. */
import path from 'node:path'
import { Readable } from 'node:stream'
import type { Ask, TestApi } from './api-server.ts'
import { writeJudgedFolder } from './judged-folder.ts'

const OCTETS = { 'content-type': 'application/octet-stream' }

/** With one document. */
async function someCollection({ services }: TestApi): Promise<string> {
  const { id } = await services.collections.create({ name: 'notes' })
  const content = Readable.from([Buffer.from('words')])
  await services.collections.upload(id, { source: 'a.md', content }, new AbortController().signal)
  return id
}
async function run(server: TestApi): Promise<string> {
  const { id } = await server.services.collections.index(await someCollection(server), { paths: ['/tmp/a'] })
  return id
}
export const COLLECTION_CALLS: Record<string, (server: TestApi) => Promise<Ask & { path: string }>> = {
  listCollections: async (server) => {
    await someCollection(server)
    return { path: '/api/v1/collections?limit=5' }
  },
  createCollection: async () => ({
    path: '/api/v1/collections',
    body: { name: 'papers', access: 'village', encoder: null, replicas: 3, segmentChunks: 500 },
  }),
  getCollection: async (server) => ({ path: `/api/v1/collections/${await someCollection(server)}` }),
  changeCollection: async (server) => ({
    path: `/api/v1/collections/${await someCollection(server)}`,
    body: { access: 'public', weight: 0.25, keepsCopy: false },
  }),
  removeCollection: async (server) => ({ path: `/api/v1/collections/${await someCollection(server)}` }),
  listDocuments: async (server) => ({
    path: `/api/v1/collections/${await someCollection(server)}/documents?limit=1&cursor=${'0'.repeat(32)}`,
  }),
  removeDocuments: async (server) => ({
    path: `/api/v1/collections/${await someCollection(server)}/documents/remove`,
    body: { documents: ['a.md'] },
  }),
  readDocument: async (server) => ({
    path: `/api/v1/collections/${await someCollection(server)}/documents/a.md`,
  }),
  indexPaths: async (server) => ({
    path: `/api/v1/collections/${await someCollection(server)}/index`,
    body: { paths: [server.directory, 'file:///tmp/a.md'], watch: true, include: ['*.md'], language: 'en' },
  }),
  uploadDocument: async (server) => ({
    path: `/api/v1/collections/${await someCollection(server)}/upload?source=notes/b.md&language=en`,
    body: '# Title',
    headers: OCTETS,
  }),
  unwatchPath: async (server) => {
    const id = await someCollection(server)
    await server.services.collections.index(id, { paths: ['/tmp/a'], watch: true })
    return { path: `/api/v1/collections/${id}/unwatch`, body: { path: '/tmp/a' } }
  },
  exportCollection: async (server) => ({
    path: `/api/v1/collections/${await someCollection(server)}/export`,
  }),
  importCollection: async () => ({
    path: '/api/v1/collections/import?name=imported',
    body: 'archive',
    headers: OCTETS,
  }),
  listKnownCollections: async () => ({ path: '/api/v1/knowledge/collections' }),
  listIndexRuns: async (server) => {
    await run(server)
    return { path: '/api/v1/index-runs' }
  },
  getIndexRun: async (server) => ({ path: `/api/v1/index-runs/${await run(server)}` }),
  cancelIndexRun: async (server) => ({ path: `/api/v1/index-runs/${await run(server)}` }),
  evaluateRetrieval: async (server) => {
    const data = path.join(server.directory, 'judged')
    await writeJudgedFolder(data)
    return { path: '/api/v1/evaluations/retrieval', body: { data, ranker: 'bm25', limit: 5 } }
  },
  tuneCollection: async (server) => {
    const judged = path.join(server.directory, 'judged')
    await writeJudgedFolder(judged)
    return { path: `/api/v1/collections/${await someCollection(server)}/tune`, body: { judged } }
  },
}
