/** Routes of the job queue, and of the trust that peers have earned by it. */
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { anyObject, DONE, integer, JOB, listOf, object, TASK, TRUST, text } from '../schemas.ts'
import { type Route, route } from './route.ts'

const tag = 'jobs'
const ID = object({ id: text(128) })
const PRIORITY = integer(-100, 100)
type None = Record<string, never>
type Id = { id: string }

const unknownJob = (id: string) => new VillageError('JOB_UNKNOWN', undefined, { fields: { job: id } })

export const JOB_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/api/v1/jobs',
    scope: 'token',
    tag,
    id: 'listJobs',
    summary: 'The jobs of this node, finished ones included.',
    response: { kind: 'json', status: 200, schema: object({ jobs: listOf(JOB) }) },
    handle: async (_request, { jobs }) => ({ jobs: jobs.list() }),
  }),
  route<None, None, { kind: string; params: JsonObject; priority?: number }>({
    method: 'POST',
    path: '/api/v1/jobs',
    scope: 'token',
    tag,
    id: 'submitJob',
    summary:
      'Submits a job; it is on the disk before the answer. The kinds and their parameters: docs/api.md.',
    body: {
      kind: 'json',
      schema: object({ kind: text(64), params: anyObject, priority: PRIORITY }, ['priority']),
    },
    response: { kind: 'json', status: 201, schema: JOB },
    errors: ['JOB_KIND_UNKNOWN', 'MODEL_UNKNOWN', 'JOB_TOO_LARGE'],
    slow: true,
    handle: async ({ body }, { jobs }) => jobs.submit(body),
  }),
  route<Id>({
    method: 'GET',
    path: '/api/v1/jobs/:id',
    scope: 'token',
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
  route<Id>({
    method: 'GET',
    path: '/api/v1/jobs/:id/tasks',
    scope: 'token',
    tag,
    id: 'listTasks',
    summary: 'The tasks of a job: state, holders, progress.',
    params: ID,
    response: { kind: 'json', status: 200, schema: object({ tasks: listOf(TASK) }) },
    errors: ['JOB_UNKNOWN'],
    handle: async ({ params }, { jobs }) => {
      if (jobs.get(params.id) === null) throw unknownJob(params.id)
      return { tasks: jobs.tasks(params.id) }
    },
  }),
  route<Id>({
    method: 'POST',
    path: '/api/v1/jobs/:id/cancel',
    scope: 'token',
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
    scope: 'token',
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
    scope: 'token',
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
    scope: 'token',
    tag,
    id: 'listTrust',
    summary: 'What each peer has earned by task kind, and who is quarantined.',
    response: { kind: 'json', status: 200, schema: object({ trust: listOf(TRUST) }) },
    handle: async (_request, { jobs }) => ({ trust: jobs.trust() }),
  }),
  route<{ peer: string }>({
    method: 'POST',
    path: '/api/v1/trust/:peer/pardon',
    scope: 'token',
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
