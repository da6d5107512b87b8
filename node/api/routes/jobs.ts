/** Routes of the job queue, and of the trust that peers have earned by it. */
import { MAX_TASKS_BY_JOB } from '../../compute/jobs/job.ts'
import { NOTE_KINDS } from '../../compute/jobs/job-history.ts'
import { trainingCurve } from '../../compute/training/training-figures.ts'
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import {
  amount,
  anyObject,
  anyText,
  DONE,
  flag,
  integer,
  JOB,
  listOf,
  object,
  oneOf,
  orNull,
  TASK,
  TRUST,
  text,
} from '../schemas.ts'
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

const NOTE = object({
  atMs: amount,
  what: oneOf(...NOTE_KINDS),
  task: integer(),
  label: anyText,
  peer: orNull(anyText),
  code: orNull(anyText),
})
const COLUMN = listOf(orNull(amount))
const CURVE = object({
  step: listOf(integer()),
  loss: COLUMN,
  heldOutLoss: COLUMN,
  learningRate: COLUMN,
  gradientNorm: COLUMN,
  tokensPerSecond: COLUMN,
  steps: orNull(integer()),
  stepsByPoint: integer(),
})

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
  route<Id, None, { resume?: boolean }>({
    method: 'POST',
    path: '/api/v1/jobs/:id/retry',
    scope: 'operate',
    tag,
    id: 'retryJob',
    summary:
      'Submits a job that has ended again, with the same parameters, as a new job. `resume`: a failed training goes on with the weights that it kept.',
    params: ID,
    body: { kind: 'json', schema: object({ resume: flag }, ['resume']) },
    response: { kind: 'json', status: 201, schema: JOB },
    errors: [
      'JOB_UNKNOWN',
      'JOB_RUNNING',
      'JOB_KIND_UNKNOWN',
      'MODEL_UNKNOWN',
      'MODEL_ID_TAKEN',
      'NOT_FOUND',
    ],
    slow: true,
    handle: async ({ params: { id }, body: { resume = false } }, { jobs }) => {
      const job = jobs.get(id)
      if (job === null) throw unknownJob(id)
      const { kind, params, priority, state } = job
      if (state === 'running') throw new VillageError('JOB_RUNNING', undefined, { fields: { job: id } })
      if (resume && (kind !== 'train' || state !== 'failed'))
        throw new VillageError('INVALID_ARGUMENT', 'body.resume is for a training that failed', {
          fields: { field: 'body.resume' },
        })
      return jobs.submit({ kind, params: resume ? { ...params, from: id } : params, priority })
    },
  }),
  route<Id>({
    method: 'GET',
    path: '/api/v1/jobs/:id/history',
    scope: 'read',
    tag,
    id: 'getJobHistory',
    summary:
      'Why a job went as it did: tasks that were given to a second peer, given back, late, wrong or done again. The newest notes, oldest first; `forgotten` came before them. Of a job that runs, nothing is known of before the last start.',
    params: ID,
    response: {
      kind: 'json',
      status: 200,
      schema: object({ notes: listOf(NOTE), forgotten: integer() }),
    },
    errors: ['JOB_UNKNOWN'],
    handle: async ({ params }, { jobs }) => jobs.history(params.id),
  }),
  route<Id, { points?: number }>({
    method: 'GET',
    path: '/api/v1/jobs/:id/curve',
    scope: 'read',
    tag,
    id: 'getTrainingCurve',
    summary:
      'The figures of a training so far, as columns: every step, or means of neighbouring steps where there are more than twice `points` (500).',
    params: ID,
    query: object({ points: integer(16, 5_000) }, ['points']),
    response: { kind: 'json', status: 200, schema: CURVE },
    errors: ['JOB_UNKNOWN', 'NOT_FOUND'],
    slow: true,
    handle: async ({ params, query: { points = 500 }, signal }, api) =>
      trainingCurve(api, params.id, { points, signal }),
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
