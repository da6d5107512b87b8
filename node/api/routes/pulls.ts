/** Routes of pulls (models on their way in) and of the models that members of the village share. */
import {
  amount,
  anyText,
  DONE,
  flag,
  integer,
  listOf,
  MODEL,
  object,
  oneOf,
  orNull,
  text,
} from '../schemas.ts'
import { modelView } from './models.ts'
import { type Route, route } from './route.ts'

const tag = 'models'
type None = Record<string, never>
type Id = { id: string }

const PULL = object({
  id: anyText,
  request: object({
    kind: oneOf('hub', 'village'),
    name: anyText,
    revision: anyText,
    hub: anyText,
    file: orNull(anyText),
    include: listOf(anyText),
    weightsOnly: flag,
    adapters: flag,
    id: orNull(anyText),
  }),
  state: oneOf('running', 'interrupted', 'done', 'failed'),
  startedAtMs: amount,
  finishedAtMs: orNull(amount),
  commit: orNull(anyText),
  doneBytes: integer(),
  totalBytes: integer(),
  stage: anyText,
  model: orNull(anyText),
  error: orNull(object({ code: anyText, message: anyText })),
})

const SHARED_MODEL = object({
  id: anyText,
  name: anyText,
  kind: anyText,
  cid: anyText,
  parameters: amount,
  sizeBytes: amount,
  peers: listOf(anyText),
})

interface PullBody {
  source: string
  id?: string
  file?: string
  include?: string[]
  hub?: string
  weightsOnly?: boolean
  adapters?: boolean
}

export const PULL_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/api/v1/pulls',
    scope: 'read',
    tag,
    id: 'listPulls',
    summary: 'Pulls that go on, and the last ones that have ended, oldest first.',
    response: { kind: 'json', status: 200, schema: object({ pulls: listOf(PULL) }) },
    handle: async (_request, { pulls }) => ({ pulls: pulls.list() }),
  }),
  route<None, None, PullBody>({
    method: 'POST',
    path: '/api/v1/pulls',
    scope: 'operate',
    tag,
    id: 'startPull',
    summary:
      'Begins to fetch a model from a hub (`OWNER/NAME[@REVISION]`) or from the village (`village:<id or CID>`), or joins or goes on with the same. It works on its own: events `pull:changed` tell how far it is.',
    body: {
      kind: 'json',
      schema: object(
        {
          source: text(512),
          id: text(64),
          file: text(512),
          include: { ...listOf(text(256)), maxItems: 32 },
          hub: text(512),
          weightsOnly: flag,
          adapters: flag,
        },
        ['id', 'file', 'include', 'hub', 'weightsOnly', 'adapters'],
      ),
    },
    response: { kind: 'json', status: 202, schema: PULL },
    errors: ['SHARE_UNKNOWN', 'PULLS_BUSY'],
    handle: async ({ body }, { pulls }) => pulls.pull(body),
  }),
  route<Id>({
    method: 'GET',
    path: '/api/v1/pulls/:id',
    scope: 'read',
    tag,
    id: 'getPull',
    summary: 'One pull.',
    params: object({ id: text(64) }),
    response: { kind: 'json', status: 200, schema: PULL },
    errors: ['PULL_UNKNOWN'],
    handle: async ({ params }, { pulls }) => pulls.need(params.id),
  }),
  route<Id>({
    method: 'DELETE',
    path: '/api/v1/pulls/:id',
    scope: 'operate',
    tag,
    id: 'cancelPull',
    summary: 'Ends a pull and removes what it has fetched; a model that came of it stays.',
    params: object({ id: text(64) }),
    response: { kind: 'json', status: 200, schema: DONE },
    errors: ['PULL_UNKNOWN'],
    handle: async ({ params }, { pulls }) => {
      await pulls.cancel(params.id)
      return { done: true }
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/shares',
    scope: 'read',
    tag,
    id: 'listShares',
    summary: 'The models that other members of the village share.',
    response: { kind: 'json', status: 200, schema: object({ models: listOf(SHARED_MODEL) }) },
    handle: async (_request, { shares }) => ({ models: shares.list() }),
  }),
  route<Id, None, { shared: boolean }>({
    method: 'PUT',
    path: '/api/v1/models/:id/share',
    scope: 'operate',
    tag,
    id: 'shareModel',
    summary: 'Whether members of the village are told of a model.',
    params: object({ id: text(128) }),
    body: { kind: 'json', schema: object({ shared: flag }) },
    response: { kind: 'json', status: 200, schema: MODEL },
    errors: ['MODEL_UNKNOWN'],
    handle: async ({ params, body }, { models }) => modelView(await models.setShared(params.id, body.shared)),
  }),
]
