/** Routes of the collections of this node, and of indexing. */
import { Readable } from 'node:stream'
import {
  COLLECTION_ACCESS,
  type CollectionAccess,
  type CollectionSettings,
  MAX_REPLICAS,
  MAX_SEARCH_CANDIDATES,
  MAX_SEGMENT_CHUNKS,
  MIN_SEGMENT_CHUNKS,
} from '../../agents/rag/collections/collection.ts'
import { memberName } from '../../agents/rag/village/collection-names.ts'
import {
  COLLECTION,
  INDEX_RUN,
  indexRunView,
  KNOWN_COLLECTION,
  UNREADABLE_COLLECTION,
} from '../collection-schemas.ts'
import { PASSAGE, RECORD } from '../knowledge-schemas.ts'
import { NEXT, PAGE_QUERY, type PageQuery, pageOf } from '../page.ts'
import { DONE, flag, integer, listOf, object, oneOf, orNull, text } from '../schemas.ts'
import { RawReply, type Route, route } from './route.ts'

const tag = 'knowledge'
/** An id, or a name: 64 characters, which as part of a path may be longer. */
const NAME = text(256)
const PATH = text(4096)
const OCTETS = 'application/octet-stream'
const PATTERNS = { ...listOf(text(256)), maxItems: 128 }
const LANGUAGE = { type: 'string', pattern: '^[a-z]{2,3}$' }
const MAX_DOCUMENTS = 1_000
const DOCUMENTS_PAGE = 100

type None = Record<string, never>
type Id = { id: string }

const SETTINGS = {
  access: oneOf(...COLLECTION_ACCESS),
  replicas: integer(0, MAX_REPLICAS),
  keepsCopy: flag,
  weight: { type: 'number', minimum: 0, maximum: 1 },
  feedback: flag,
  candidates: orNull(integer(1, MAX_SEARCH_CANDIDATES)),
}

interface NewBody extends Partial<CollectionSettings> {
  name: string
  encoder?: string | null
  segmentChunks?: number
  access?: CollectionAccess
}

interface IndexBody {
  paths: string[]
  watch?: boolean
  include?: string[]
  exclude?: string[]
  language?: string
}

const params = object({ id: NAME })

export const COLLECTION_ROUTES: readonly Route[] = [
  route<None, PageQuery>({
    method: 'GET',
    path: '/api/v1/collections',
    scope: 'read',
    tag,
    id: 'listCollections',
    summary:
      'The collections of this node, oldest first and at most `limit` (1000) after `cursor`; and those that cannot be read.',
    query: object(PAGE_QUERY, Object.keys(PAGE_QUERY)),
    response: {
      kind: 'json',
      status: 200,
      schema: object({ collections: listOf(COLLECTION), unreadable: listOf(UNREADABLE_COLLECTION), ...NEXT }),
    },
    async handle({ query }, { collections }) {
      const all = (await collections.list()).map((info) => ({ info, addedAtMs: info.createdAtMs }))
      const { page, next } = pageOf(all, ({ info }) => info.id, query)
      return { collections: page.map(({ info }) => info), unreadable: collections.unreadable(), next }
    },
  }),
  route<None, None, NewBody>({
    method: 'POST',
    path: '/api/v1/collections',
    scope: 'operate',
    tag,
    id: 'createCollection',
    summary:
      'Makes an empty collection. `encoder` is the model that makes its vectors: the one that comes with the daemon where it is absent, none where it is null.',
    body: {
      kind: 'json',
      schema: object(
        {
          name: text(64),
          encoder: orNull(text(128)),
          segmentChunks: integer(MIN_SEGMENT_CHUNKS, MAX_SEGMENT_CHUNKS),
          ...SETTINGS,
        },
        ['encoder', 'segmentChunks', ...Object.keys(SETTINGS)],
      ),
    },
    response: { kind: 'json', status: 201, schema: COLLECTION },
    errors: ['COLLECTION_EXISTS', 'MODEL_UNKNOWN', 'MODEL_NOT_ENCODER', 'DISK_FULL'],
    slow: true,
    handle: async ({ body }, { collections }) => collections.create(body),
  }),
  route<Id>({
    method: 'GET',
    path: '/api/v1/collections/:id',
    scope: 'read',
    tag,
    id: 'getCollection',
    summary: 'A collection of this node, by id or name.',
    params,
    response: { kind: 'json', status: 200, schema: COLLECTION },
    errors: ['COLLECTION_UNKNOWN', 'COLLECTION_CORRUPT'],
    handle: async ({ params: { id } }, { collections }) => collections.need(id),
  }),
  route<Id, None, Partial<CollectionSettings>>({
    method: 'PUT',
    path: '/api/v1/collections/:id',
    scope: 'operate',
    tag,
    id: 'changeCollection',
    summary: 'Changes who may search a collection, how it is spread, and how vectors weigh in its scores.',
    params,
    body: { kind: 'json', schema: object(SETTINGS, Object.keys(SETTINGS)) },
    response: { kind: 'json', status: 200, schema: COLLECTION },
    errors: ['COLLECTION_UNKNOWN', 'COLLECTION_SPREAD', 'DISK_FULL'],
    handle: async ({ params: { id }, body }, { collections }) => collections.update(id, body),
  }),
  route<Id>({
    method: 'DELETE',
    path: '/api/v1/collections/:id',
    scope: 'operate',
    tag,
    id: 'removeCollection',
    summary:
      'Removes a collection and its text from the disk; members that hold copies are told to do the same.',
    params,
    response: { kind: 'json', status: 200, schema: DONE },
    errors: ['COLLECTION_UNKNOWN'],
    slow: true,
    async handle({ params: { id } }, { collections }) {
      await collections.remove(id)
      return { done: true }
    },
  }),
  route<Id, { limit?: number; cursor?: string }>({
    method: 'GET',
    path: '/api/v1/collections/:id/documents',
    scope: 'read',
    tag,
    id: 'listDocuments',
    summary: 'The documents of a collection by their ids, at most `limit` (100) after `cursor`.',
    params,
    query: object(
      { limit: integer(1, MAX_DOCUMENTS), cursor: { type: 'string', pattern: '^[0-9a-f]{32}$' } },
      ['limit', 'cursor'],
    ),
    response: { kind: 'json', status: 200, schema: object({ documents: listOf(RECORD), ...NEXT }) },
    errors: ['COLLECTION_UNKNOWN'],
    async handle({ params: { id }, query: { limit = DOCUMENTS_PAGE, cursor } }, { collections }) {
      const page = { limit, ...(cursor === undefined ? {} : { after: cursor }) }
      const documents = await collections.documents(id, page)
      return { documents, next: documents.length < limit ? null : (documents.at(-1)?.id ?? null) }
    },
  }),
  route<Id, None, { documents: string[] }>({
    method: 'POST',
    path: '/api/v1/collections/:id/documents/remove',
    scope: 'operate',
    tag,
    id: 'removeDocuments',
    summary:
      'Removes documents, by id, source or folder (`notes/`), and their text from the disk; all or none. Watching does not bring them back.',
    params,
    body: {
      kind: 'json',
      schema: object({ documents: { ...listOf(text(1024)), minItems: 1, maxItems: MAX_DOCUMENTS } }),
    },
    response: { kind: 'json', status: 200, schema: object({ removed: integer() }) },
    errors: ['COLLECTION_UNKNOWN', 'DOCUMENT_UNKNOWN'],
    slow: true,
    handle: async ({ params: { id }, body }, { collections }) => ({
      removed: await collections.removeDocuments(id, body.documents),
    }),
  }),
  route<Id & { document: string }>({
    method: 'GET',
    path: '/api/v1/collections/:id/documents/:document',
    scope: 'read',
    tag,
    id: 'readDocument',
    summary: 'A document, by id or source: its record and all of its passages in their order.',
    params: object({ id: NAME, document: text(1024) }),
    response: {
      kind: 'json',
      status: 200,
      schema: object({ record: RECORD, passages: listOf(PASSAGE) }),
    },
    errors: ['COLLECTION_UNKNOWN', 'DOCUMENT_UNKNOWN', 'COLLECTION_SPREAD'],
    async handle({ params: { id, document } }, { collections }) {
      const passages = await collections.document(id, document)
      return { record: passages[0]!.record, passages }
    },
  }),
  route<Id, None, IndexBody>({
    method: 'POST',
    path: '/api/v1/collections/:id/index',
    scope: 'operate',
    tag,
    id: 'indexPaths',
    summary:
      'Begins to index files and folders of the machine that the daemon runs on (absolute paths, or file:// URLs); with `watch` their changes are followed from now on. Events `index:changed` tell how far it is.',
    params,
    body: {
      kind: 'json',
      schema: object(
        {
          paths: { ...listOf(PATH), minItems: 1, maxItems: 256 },
          watch: flag,
          include: PATTERNS,
          exclude: PATTERNS,
          language: LANGUAGE,
        },
        ['watch', 'include', 'exclude', 'language'],
      ),
    },
    response: { kind: 'json', status: 202, schema: INDEX_RUN },
    errors: ['COLLECTION_UNKNOWN', 'INDEX_PATH_REFUSED', 'FILE_UNREADABLE', 'INDEX_RUNS_BUSY'],
    handle: async ({ params: { id }, body }, { collections }) =>
      indexRunView(await collections.index(id, body)),
  }),
  route<Id, { source: string; language?: string }, Readable>({
    method: 'POST',
    path: '/api/v1/collections/:id/upload',
    scope: 'operate',
    tag,
    id: 'uploadDocument',
    summary:
      'Indexes the body as a document under the name `source`, whose extension says how it is read. Sent again, it replaces itself.',
    params,
    query: object({ source: text(512), language: LANGUAGE }, ['language']),
    body: { kind: 'stream', mediaType: OCTETS },
    response: { kind: 'json', status: 202, schema: INDEX_RUN },
    errors: ['COLLECTION_UNKNOWN', 'FILE_TOO_LARGE', 'INDEX_RUNS_BUSY', 'DISK_FULL'],
    slow: true,
    handle: async ({ params: { id }, query, body, signal }, { collections }) =>
      indexRunView(await collections.upload(id, { ...query, content: body }, signal)),
  }),
  route<Id, None, { path: string }>({
    method: 'POST',
    path: '/api/v1/collections/:id/unwatch',
    scope: 'operate',
    tag,
    id: 'unwatchPath',
    summary: 'Ends the watching of a path; what was indexed stays.',
    params,
    body: { kind: 'json', schema: object({ path: PATH }) },
    response: { kind: 'json', status: 200, schema: COLLECTION },
    errors: ['COLLECTION_UNKNOWN', 'NOT_FOUND'],
    handle: async ({ params: { id }, body }, { collections }) => collections.unwatch(id, body.path),
  }),
  route<Id>({
    method: 'GET',
    path: '/api/v1/collections/:id/export',
    scope: 'operate',
    tag,
    id: 'exportCollection',
    summary: 'A collection as one file, with the hash of all that is in it.',
    params,
    response: { kind: 'raw', status: 200, mediaType: OCTETS },
    errors: ['COLLECTION_UNKNOWN', 'COLLECTION_SPREAD'],
    slow: true,
    async handle({ params: { id }, signal }, { collections }) {
      const { name, sizeBytes, content } = await collections.export(id, signal)
      return new RawReply(
        200,
        {
          'content-type': OCTETS,
          'content-length': String(sizeBytes),
          'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(name)}`,
        },
        Readable.from(content, { objectMode: false }),
      )
    },
  }),
  route<None, { name?: string }, Readable>({
    method: 'POST',
    path: '/api/v1/collections/import',
    scope: 'operate',
    tag,
    id: 'importCollection',
    summary:
      'Makes a collection, private at first, of a file that was exported. Nothing is shown before every byte is checked.',
    query: object({ name: text(64) }, ['name']),
    body: { kind: 'stream', mediaType: OCTETS },
    response: { kind: 'json', status: 201, schema: COLLECTION },
    errors: ['COLLECTION_EXISTS', 'COLLECTION_ARCHIVE_INVALID', 'DISK_FULL'],
    slow: true,
    handle: async ({ query, body, signal }, { collections }) => collections.import(body, query, signal),
  }),
  route({
    method: 'GET',
    path: '/api/v1/knowledge/collections',
    scope: 'read',
    tag,
    id: 'listKnownCollections',
    summary:
      'All collections that can be searched from here: those of this node, and those that other members share, with how many members hold them.',
    response: { kind: 'json', status: 200, schema: object({ collections: listOf(KNOWN_COLLECTION) }) },
    async handle(_request, { knowledge, villages }) {
      const members = villages.members()
      const known = await knowledge.collections()
      return { collections: known.map((one) => ({ ...one, ownerName: memberName(one.owner, members) })) }
    },
  }),
]
