/** Routes about the machine: what this node lends, what it takes, and how that went on. */

import { LONGEST_SECONDS, SAMPLE_SECONDS } from '../../compute/monitor/history.ts'
import { RESOURCE_HISTORY, RESOURCES } from '../resource-schemas.ts'
import { integer, object } from '../schemas.ts'
import { type Route, route } from './route.ts'

const tag = 'node'
type None = Record<string, never>
const DEFAULT_SECONDS = 3_600

export const RESOURCE_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/api/v1/resources',
    scope: 'read',
    tag,
    id: 'getResources',
    summary: 'What this node lends at most, how the machine is doing, and what the data directory takes.',
    response: { kind: 'json', status: 200, schema: RESOURCES },
    handle: async (_request, { resources, monitor }) => ({
      limits: resources.limits(),
      now: resources.snapshot(),
      latest: monitor.latest(),
      disk: monitor.disk(),
    }),
  }),
  route<None, { seconds?: number }>({
    method: 'GET',
    path: '/api/v1/resources/history',
    scope: 'read',
    tag,
    id: 'getResourceHistory',
    summary:
      'What this node took of its machine, one list a column: every 10 s for the last hour, every 2 min beyond it. Kept in memory since the start; null where there is no sensor.',
    query: object({ seconds: integer(SAMPLE_SECONDS, LONGEST_SECONDS) }, ['seconds']),
    response: { kind: 'json', status: 200, schema: RESOURCE_HISTORY },
    handle: async ({ query }, { monitor }) => monitor.history(query.seconds ?? DEFAULT_SECONDS),
  }),
]
