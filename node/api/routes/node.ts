/** Routes about the node itself: health, status, doctor, configuration, resources, events, metrics, errors, OpenAPI. */

import type { Codec } from '../../compute/codecs/codec.ts'
import { CODECS } from '../../compute/codecs/table.ts'
import { suitesWithoutData } from '../../compute/evaluate/suite-table.ts'
import { runDoctor } from '../../doctor.ts'
import { ERRORS, isErrorCode, VillageError } from '../../errors.ts'
import { KEPT_BY_KIND } from '../../events.ts'
import { checkCollections } from '../check-collections.ts'
import { doctorInit } from '../doctor-init.ts'
import { createEventStream } from '../event-stream.ts'
import { anyObject, anyText, CHECK, flag, integer, listOf, object, oneOf, STATUS, text } from '../schemas.ts'
import { nodeStatus } from '../status.ts'
import { RawReply, type Route, route } from './route.ts'

const tag = 'node'
type None = Record<string, never>

/** Bits a weight that a codec can be asked for: its own check of the parameter says so. */
const bitsOf = (codec: Codec): number[] =>
  [2, 3, 4, 5, 6, 8].filter((bits) => {
    try {
      codec.parseParams({ bits })
      return true
    } catch {
      return false
    }
  })

export const NODE_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/healthz',
    scope: 'public',
    tag,
    id: 'getHealth',
    summary: 'Whether the daemon answers. Needs no token and tells nothing else.',
    response: { kind: 'json', status: 200, schema: object({ status: oneOf('ok') }) },
    handle: async () => ({ status: 'ok' }),
  }),
  route({
    method: 'GET',
    path: '/metrics',
    scope: 'read',
    tag,
    id: 'getMetrics',
    summary:
      'Prometheus metrics: the text format, or OpenMetrics where Accept asks for it. Event-loop delays are since the last scrape.',
    response: { kind: 'raw', status: 200, mediaType: 'text/plain' },
    handle: async ({ headers }, api) => {
      const { mediaType, text } = await api.metrics(headers.accept)
      return new RawReply(200, { 'content-type': mediaType, vary: 'accept' }, text)
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/status',
    scope: 'read',
    tag,
    id: 'getStatus',
    summary: 'What this node is and does.',
    response: { kind: 'json', status: 200, schema: STATUS },
    handle: async (_request, api) => nodeStatus(api),
  }),
  route({
    method: 'GET',
    path: '/api/v1/doctor',
    scope: 'read',
    tag,
    id: 'runDoctor',
    summary: 'Checks of the machine and the installation, each with what to do about it.',
    response: { kind: 'json', status: 200, schema: object({ checks: listOf(CHECK) }) },
    slow: true,
    handle: async (_request, api) => ({
      checks: [...(await runDoctor(doctorInit(api))), await checkCollections(api.collections)],
    }),
  }),
  route({
    method: 'GET',
    path: '/api/v1/catalog',
    scope: 'read',
    tag,
    id: 'getCatalog',
    summary: 'What jobs can be made of: codecs and evaluation suites.',
    response: {
      kind: 'json',
      status: 200,
      schema: object({
        codecs: listOf(
          object({
            name: anyText,
            title: anyText,
            experimental: flag,
            needsForce: flag,
            /** Bits a weight that it can be asked for; empty where there is no choice. */
            bits: listOf(integer()),
          }),
        ),
        suites: listOf(
          object({
            name: anyText,
            title: anyText,
            items: integer(),
            /** Kinds of models that it can be put to. */
            kinds: listOf(anyText),
          }),
        ),
      }),
    },
    handle: async () => ({
      codecs: CODECS.map((codec) => {
        const { name, title, experimental, needsForce } = codec
        return { name, title, experimental, needsForce, bits: bitsOf(codec) }
      }),
      suites: suitesWithoutData(),
    }),
  }),
  route<None, { types?: string }>({
    method: 'GET',
    path: '/api/v1/events',
    scope: 'read',
    tag,
    id: 'followEvents',
    summary:
      'Server-sent events. Last-Event-ID resumes; a `gap` event means that the state must be read anew.',
    query: object({ types: text(1024) }, ['types']),
    response: { kind: 'raw', status: 200, mediaType: 'text/event-stream' },
    errors: ['API_TOO_MANY_CLIENTS'],
    slow: true,
    handle: async ({ query, headers, signal }, api) => {
      const leave = api.followers.enter()
      const lastEventId = headers['last-event-id']
      const stream = createEventStream({
        events: api.events,
        instance: api.instance,
        lastEventId: typeof lastEventId === 'string' ? lastEventId : null,
        types: query.types === undefined ? null : query.types.split(','),
        signal,
      })
      stream.once('close', leave)
      return new RawReply(200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' }, stream)
    },
  }),
  route<None, { limit?: number }>({
    method: 'GET',
    path: '/api/v1/events/recent',
    scope: 'read',
    tag,
    id: 'listEvents',
    summary: `The last events, oldest first: the newest ${KEPT_BY_KIND} of each kind (a type, with its state where it has one), so that what comes often pushes out nothing else, and of these the last \`limit\`. \`instance\` and \`seq\` are what event ids are made of.`,
    query: object({ limit: integer(1) }, ['limit']),
    response: {
      kind: 'json',
      status: 200,
      schema: object({
        instance: anyText,
        events: listOf(object({ seq: integer(1), timeMs: integer(), type: anyText, data: anyObject })),
      }),
    },
    handle: async ({ query }, { events, instance }) => ({
      instance,
      events: events.newest().slice(-(query.limit ?? 0)),
    }),
  }),
  route<{ code: string }>({
    method: 'GET',
    path: '/api/v1/errors/:code',
    scope: 'public',
    tag,
    id: 'getError',
    summary: 'What an error code means and what to do: the `type` of problem details leads here.',
    params: object({ code: text(64) }),
    response: {
      kind: 'json',
      status: 200,
      schema: object({ code: anyText, status: { type: 'integer' }, title: anyText, fix: anyText }),
    },
    errors: ['NOT_FOUND'],
    handle: async ({ params: { code } }) => {
      if (!isErrorCode(code)) throw new VillageError('NOT_FOUND', 'There is no such error code')
      return { code, status: ERRORS[code].http, title: ERRORS[code].title, fix: ERRORS[code].fix }
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/openapi.json',
    scope: 'public',
    tag,
    id: 'getOpenApi',
    summary: 'This document.',
    response: { kind: 'json', status: 200, schema: anyObject },
    handle: async (_request, api) => api.openApi(),
  }),
]
