/** Routes of runs of indexing. */
import { INDEX_RUN, indexRunView } from '../collection-schemas.ts'
import { listOf, object, text } from '../schemas.ts'
import { type Route, route } from './route.ts'

const tag = 'knowledge'
type Id = { id: string }

export const INDEX_RUN_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/api/v1/index-runs',
    scope: 'read',
    tag,
    id: 'listIndexRuns',
    summary: 'Runs of indexing that wait or go on, and the last that have ended; oldest first.',
    response: { kind: 'json', status: 200, schema: object({ runs: listOf(INDEX_RUN) }) },
    handle: async (_request, { collections }) => ({ runs: collections.runs().map(indexRunView) }),
  }),
  route<Id>({
    method: 'GET',
    path: '/api/v1/index-runs/:id',
    scope: 'read',
    tag,
    id: 'getIndexRun',
    summary: 'One run of indexing, with what came of it.',
    params: object({ id: text(64) }),
    response: { kind: 'json', status: 200, schema: INDEX_RUN },
    errors: ['INDEX_RUN_UNKNOWN'],
    handle: async ({ params: { id } }, { collections }) => indexRunView(collections.needRun(id)),
  }),
  route<Id>({
    method: 'DELETE',
    path: '/api/v1/index-runs/:id',
    scope: 'operate',
    tag,
    id: 'cancelIndexRun',
    summary: 'Ends a run of indexing; what it has done by then stays.',
    params: object({ id: text(64) }),
    response: { kind: 'json', status: 200, schema: INDEX_RUN },
    errors: ['INDEX_RUN_UNKNOWN'],
    slow: true,
    handle: async ({ params: { id } }, { collections }) => indexRunView(await collections.cancelRun(id)),
  }),
]
