/** Routes of federated learning: federations that this node is the server of, and those that it takes part in. */
import type { JsonObject } from '../../json.ts'
import {
  amount,
  anyObject,
  anyText,
  DONE,
  flag,
  integer,
  listOf,
  object,
  oneOf,
  orNull,
  text,
} from '../schemas.ts'
import { type Route, route } from './route.ts'

const tag = 'federations'
const ID = object({ id: text(64) })
type None = Record<string, never>
type Id = { id: string }

const SUMMARY = {
  id: anyText,
  config: anyObject,
  modelCid: orNull(anyText),
  elements: integer(),
  createdAtMs: amount,
  finishedAtMs: orNull(amount),
  state: oneOf('running', 'done', 'failed', 'stopped'),
  error: orNull(object({ code: anyText, message: anyText })),
  model: orNull(anyText),
  isSimulated: flag,
  round: integer(),
  attempt: integer(),
  asked: integer(),
  answered: integer(),
  waiting: orNull(integer()),
  clients: anyObject,
  testLossBefore: orNull(amount),
}
const FEDERATION = object({ ...SUMMARY, rounds: listOf(anyObject) })

export const FEDERATION_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/api/v1/federations',
    scope: 'read',
    tag,
    id: 'listFederations',
    summary:
      'The federations of this node, oldest first, and in `joined` those of others that it takes part in.',
    response: {
      kind: 'json',
      status: 200,
      schema: object({
        federations: listOf(object(SUMMARY)),
        joined: listOf(object({ id: anyText, name: anyText, server: anyText, usedAtMs: amount })),
      }),
    },
    handle: async (_request, { federations, federateClient }) => ({
      federations: await federations.list(),
      joined: await federateClient.list(),
    }),
  }),
  route<None, None, { config: JsonObject; simulate?: boolean }>({
    method: 'POST',
    path: '/api/v1/federations',
    scope: 'operate',
    tag,
    id: 'beginFederation',
    summary:
      'Begins a federation (docs/federated.md); it is on the disk before the answer. With `simulate`, its clients are virtual.',
    body: { kind: 'json', schema: object({ config: anyObject, simulate: flag }, ['simulate']) },
    response: { kind: 'json', status: 201, schema: FEDERATION },
    errors: [
      'FEDERATION_CONFIG_INVALID',
      'FEDERATE_EXCLUDED',
      'MODEL_UNKNOWN',
      'TRAIN_MODEL_UNSUITABLE',
      'VILLAGE_NONE',
      'FILE_UNREADABLE',
    ],
    slow: true,
    handle: async ({ body }, { federations }) =>
      federations.begin(body.config, { simulate: body.simulate === true }),
  }),
  route<Id>({
    method: 'GET',
    path: '/api/v1/federations/:id',
    scope: 'read',
    tag,
    id: 'getFederation',
    summary: 'One federation with the report of every round.',
    params: ID,
    response: { kind: 'json', status: 200, schema: FEDERATION },
    errors: ['FEDERATION_UNKNOWN'],
    handle: async ({ params }, { federations }) => federations.get(params.id),
  }),
  route<Id, None, { publish?: boolean }>({
    method: 'POST',
    path: '/api/v1/federations/:id/stop',
    scope: 'operate',
    tag,
    id: 'stopFederation',
    summary: 'Ends a running federation; with `publish`, what it has learned so far becomes a model.',
    params: ID,
    body: { kind: 'json', schema: object({ publish: flag }, ['publish']) },
    response: { kind: 'json', status: 200, schema: FEDERATION },
    errors: ['FEDERATION_UNKNOWN', 'FEDERATION_ENDED'],
    slow: true,
    handle: async ({ params, body }, { federations }) =>
      federations.end(params.id, { publish: body.publish === true }),
  }),
  route<Id>({
    method: 'DELETE',
    path: '/api/v1/federations/:id',
    scope: 'operate',
    tag,
    id: 'removeFederation',
    summary: 'Forgets a federation; a running one is stopped first. Its model stays.',
    params: ID,
    response: { kind: 'json', status: 200, schema: DONE },
    errors: ['FEDERATION_UNKNOWN'],
    handle: async ({ params }, { federations }) => {
      await federations.remove(params.id)
      return { done: true }
    },
  }),
]
