/** Routes of the Twin: what the node remembers of its owner. */
import {
  MAX_MEMORY_CHARACTERS,
  MEMORY_KINDS,
  MEMORY_SOURCES,
  type MemoryKind,
} from '../../agents/twin/memory.ts'
import { amount, anyText, DONE, flag, integer, listOf, object, oneOf, orNull, text } from '../schemas.ts'
import { type Route, route } from './route.ts'

const tag = 'twin'
const MAX_FOUND = 100
type None = Record<string, never>
type Id = { id: string }

const KIND = oneOf(...MEMORY_KINDS)
const MEMORY = object({
  id: anyText,
  kind: KIND,
  text: anyText,
  source: object({ kind: oneOf(...MEMORY_SOURCES), conversation: orNull(anyText) }),
  confidence: amount,
  createdAtMs: amount,
  updatedAtMs: amount,
})

export const TWIN_ROUTES: readonly Route[] = [
  route<None, { query?: string; limit?: number }>({
    method: 'GET',
    path: '/api/v1/twin',
    scope: 'admin',
    tag,
    id: 'listMemories',
    summary: 'What the Twin remembers, newest first; with `query`, what has to do with it, best first.',
    query: object({ query: text(MAX_MEMORY_CHARACTERS), limit: integer(1, MAX_FOUND) }, ['query', 'limit']),
    response: {
      kind: 'json',
      status: 200,
      schema: object({
        isEnabled: flag,
        memories: listOf(MEMORY),
        total: integer(),
        damaged: integer(),
        vectorsFailed: orNull(anyText),
      }),
    },
    async handle({ query, signal }, { twin }) {
      const found =
        query.query === undefined
          ? twin.list()
          : (await twin.search(query.query, query.limit ?? MAX_FOUND, signal)).map(({ memory }) => memory)
      const { memories: total, damaged, vectorsFailed } = twin.stats()
      const memories = query.limit === undefined ? found : found.slice(0, query.limit)
      return { isEnabled: twin.isEnabled(), memories, total, damaged, vectorsFailed }
    },
  }),
  route<None, None, { text: string; kind?: MemoryKind }>({
    method: 'POST',
    path: '/api/v1/twin',
    scope: 'admin',
    tag,
    id: 'addMemory',
    summary: 'Remembers something of the owner; it takes the place of what it contradicts.',
    body: {
      kind: 'json',
      schema: object({ text: text(MAX_MEMORY_CHARACTERS), kind: oneOf('fact', 'preference') }, ['kind']),
    },
    response: {
      kind: 'json',
      status: 201,
      schema: object({ memory: MEMORY, replaced: listOf(MEMORY), isNew: flag }),
    },
    errors: ['TWIN_DISABLED', 'SEALED_STORE_FULL'],
    handle: ({ body }, { twin }) => twin.remember(body),
  }),
  route<Id, None, { text?: string; kind?: MemoryKind }>({
    method: 'PUT',
    path: '/api/v1/twin/:id',
    scope: 'admin',
    tag,
    id: 'editMemory',
    summary: 'Changes a memory; the bytes of what it said before are overwritten.',
    params: object({ id: text(64) }),
    body: {
      kind: 'json',
      schema: object({ text: text(MAX_MEMORY_CHARACTERS), kind: oneOf('fact', 'preference') }, [
        'text',
        'kind',
      ]),
    },
    response: { kind: 'json', status: 200, schema: MEMORY },
    errors: ['NOT_FOUND', 'TWIN_DISABLED'],
    handle: ({ params, body }, { twin }) => twin.edit(params.id, body),
  }),
  route<Id>({
    method: 'DELETE',
    path: '/api/v1/twin/:id',
    scope: 'admin',
    tag,
    id: 'forgetMemory',
    summary: 'Erases one memory: its key and its bytes are overwritten when this answers.',
    params: object({ id: text(64) }),
    response: { kind: 'json', status: 200, schema: DONE },
    errors: ['NOT_FOUND'],
    async handle({ params }, { twin }) {
      await twin.forget(params.id)
      return { done: true }
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/twin/export',
    scope: 'admin',
    tag,
    id: 'exportMemories',
    summary: 'All memories as one JSON document, to take along.',
    response: {
      kind: 'json',
      status: 200,
      schema: object({ format: integer(1, 1), exportedAt: anyText, memories: listOf(MEMORY) }),
    },
    handle: async (_request, { twin }) => twin.export(),
  }),
  route({
    method: 'DELETE',
    path: '/api/v1/twin',
    scope: 'admin',
    tag,
    id: 'eraseTwin',
    summary:
      'Erases the Twin, and every conversation, stored response and logged call of whoever asks for it. Their keys and bytes are overwritten when this answers; if the node ends before, it goes on at its next start.',
    response: { kind: 'json', status: 200, schema: DONE },
    slow: true,
    async handle({ principal }, { erasure }) {
      await erasure.eraseAll(principal)
      return { done: true }
    },
  }),
]
