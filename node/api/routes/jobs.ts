/** Routes of the job queue, and of the trust that peers have earned by it. */
import { MAX_TASKS_BY_JOB } from '../../compute/jobs/job.ts'
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { anyObject, DONE, flag, integer, JOB, listOf, object, TASK, TRUST, text } from '../schemas.ts'
import { type Route, route } from './route.ts'

const tag = 'jobs'
const ID = object({ id: text(128) })
const PRIORITY = integer(-100, 100)
const LISTED_JOBS = 100
/** All that a node keeps, and more than it runs. */
const MAX_LISTED_JOBS = 2_000
const LISTED_TASKS = 1_000
const MAX_LISTED_TASKS = 10_000
type None = Record<string, never>
type Id = { id: string }

const unknownJob = (id: string) => new VillageError('JOB_UNKNOWN', undefined, { fields: { job: id } })

export const JOB_ROUTES: readonly Route[] = [
  route<None, { limit?: number; results?: boolean }>({
    method: 'GET',
    path: '/api/v1/jobs',
    scope: 'read',
    tag,
    id: 'listJobs',
    summary:
      'The newest jobs of this node, oldest first, finished ones included: the last `limit` (100) of `total`. With `results=false` each `result` is null.',
    query: object({ limit: integer(1, MAX_LISTED_JOBS), results: flag }, ['limit', 'results']),
    response: { kind: 'json', status: 200, schema: object({ jobs: listOf(JOB), total: integer() }) },
    handle: async ({ query: { limit = LISTED_JOBS, results = true } }, { jobs }) => {
      const all = jobs.list()
      const newest = all.slice(-limit)
      return { jobs: results ? newest : newest.map((job) => ({ ...job, result: null })), total: all.length }
    },
  }),
  route<None, None, { kind: string; params: JsonObject; priority?: number }>({
    method: 'POST',
    path: '/api/v1/jobs',
    scope: 'operate',
    tag,
    id: 'submitJob',
    summary:
      'Submits a job; it is on the disk before the answer. The kinds and their parameters: docs/api.md.',
    body: {
      kind: 'json',
      schema: object({ kind: text(64), params: anyObject, priority: PRIORITY }, ['priority']),
    },
    response: { kind: 'json', status: 201, schema: JOB },
    errors: ['JOB_KIND_UNKNOWN', 'MODEL_UNKNOWN', 'FILE_REFUSED', 'JOB_TOO_LARGE'],
    slow: true,
    handle: async ({ body }, { jobs }) => jobs.submit(body),
  }),
  route<Id>({
    method: 'GET',
    path: '/api/v1/jobs/:id',
    scope: 'read',
    tag,
    id: 'getJob',
    summary: 'One job.',
    params: ID,
    response: { kind: 'json', status: 200, schema: JOB },
    errors: ['JOB_UNKNOWN'],
    handle: async ({ params }, { jobs }) => {
      const job = jobs.get(params.id)
      if (job === null) throw unknownJob(params.id)
      return job
    },
  }),
  route<Id, { offset?: number; limit?: number }>({
    method: 'GET',
    path: '/api/v1/jobs/:id/tasks',
    scope: 'read',
    tag,
    id: 'listTasks',
    summary:
      'Tasks of a running job: state, holders, progress. `limit` (1,000) of `total` from index `offset` (0) on.',
    params: ID,
    query: object({ offset: integer(0, MAX_TASKS_BY_JOB), limit: integer(1, MAX_LISTED_TASKS) }, [
      'offset',
      'limit',
    ]),
    response: { kind: 'json', status: 200, schema: object({ tasks: listOf(TASK), total: integer() }) },
    errors: ['JOB_UNKNOWN'],
    handle: async ({ params, query: { offset = 0, limit = LISTED_TASKS } }, { jobs }) => {
      if (jobs.get(params.id) === null) throw unknownJob(params.id)
      const all = jobs.tasks(params.id)
      return { tasks: all.slice(offset, offset + limit), total: all.length }
    },
  }),
  route<Id>({
    method: 'POST',
    path: '/api/v1/jobs/:id/cancel',
    scope: 'operate',
    tag,
    id: 'cancelJob',
    summary: 'Cancels a job; the leases of its tasks end.',
    params: ID,
    response: { kind: 'json', status: 200, schema: DONE },
    errors: ['JOB_UNKNOWN', 'JOB_FINISHED'],
    handle: async ({ params }, { jobs }) => {
      await jobs.cancel(params.id)
      return { done: true }
    },
  }),
  route<Id, None, { priority: number }>({
    method: 'PUT',
    path: '/api/v1/jobs/:id/priority',
    scope: 'operate',
    tag,
    id: 'setJobPriority',
    summary: 'Tasks of jobs with a higher priority are leased first.',
    params: ID,
    body: { kind: 'json', schema: object({ priority: PRIORITY }) },
    response: { kind: 'json', status: 200, schema: DONE },
    errors: ['JOB_UNKNOWN', 'JOB_FINISHED'],
    handle: async ({ params, body }, { jobs }) => {
      await jobs.setPriority(params.id, body.priority)
      return { done: true }
    },
  }),
  route<Id>({
    method: 'DELETE',
    path: '/api/v1/jobs/:id',
    scope: 'operate',
    tag,
    id: 'removeJob',
    summary: 'Forgets a job; a running one is cancelled first.',
    params: ID,
    response: { kind: 'json', status: 200, schema: DONE },
    errors: ['JOB_UNKNOWN'],
    handle: async ({ params }, { jobs }) => {
      if (jobs.get(params.id)?.state === 'running') await jobs.cancel(params.id)
      await jobs.remove(params.id)
      return { done: true }
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/trust',
    scope: 'read',
    tag,
    id: 'listTrust',
    summary: 'What each peer has earned by task kind, and who is quarantined.',
    response: { kind: 'json', status: 200, schema: object({ trust: listOf(TRUST) }) },
    handle: async (_request, { jobs }) => ({ trust: jobs.trust() }),
  }),
  route<{ peer: string }>({
    method: 'POST',
    path: '/api/v1/trust/:peer/pardon',
    scope: 'admin',
    tag,
    id: 'pardonPeer',
    summary: 'Ends the quarantine of a peer; it starts anew without trust.',
    params: object({ peer: text(128) }),
    response: { kind: 'json', status: 200, schema: DONE },
    handle: async ({ params }, { jobs }) => {
      await jobs.pardon(params.peer)
      return { done: true }
    },
  }),
]
