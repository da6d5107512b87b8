/** How to call the routes of jobs, evaluations and trust so that they succeed (test/api/routes.test.ts). */
import type { TestApi } from './api-server.ts'
import type { Call } from './federated-calls.ts'
import { FRIEND } from './memory-services.ts'

/** A finished evaluation of two models. */
async function evaluation({ services }: TestApi): Promise<string> {
  const { id } = await services.jobs.submit({ kind: 'evaluate', params: { models: ['one', 'two'] } })
  const models = []
  for (const [model, right] of [
    ['one', 0],
    ['two', 1],
  ] as const) {
    const scores = [0, 1, right].map((score, index) =>
      JSON.stringify({ id: `${index}`, group: '', measure: 'right', score, weight: 1 }),
    )
    const { cid } = await services.addArtifact(Buffer.from(scores.join('\n')))
    models.push({ model, itemScores: cid })
  }
  services.endJob(id, { suite: 'custom', itemList: 'the same', models })
  return id
}
/** A running job, one of whose tasks is done. */
async function job({ services }: TestApi): Promise<string> {
  const { id } = await services.jobs.submit({ kind: 'compress', params: { model: 'encoder' } })
  services.finishTask(id, 0, FRIEND)
  return id
}

export const JOB_CALLS: Record<string, (server: TestApi) => Promise<Call>> = {
  listJobs: async (server) => {
    await job(server)
    return { path: '/api/v1/jobs' }
  },
  submitJob: async () => ({
    path: '/api/v1/jobs',
    body: { kind: 'compress', params: { model: 'encoder', codec: 'int4' }, priority: 2 },
  }),
  getJob: async (server) => ({ path: `/api/v1/jobs/${await job(server)}` }),
  listTasks: async (server) => ({ path: `/api/v1/jobs/${await job(server)}/tasks` }),
  cancelJob: async (server) => ({ path: `/api/v1/jobs/${await job(server)}/cancel` }),
  setJobPriority: async (server) => ({
    path: `/api/v1/jobs/${await job(server)}/priority`,
    body: { priority: 3 },
  }),
  removeJob: async (server) => ({ path: `/api/v1/jobs/${await job(server)}` }),
  retryJob: async (server) => {
    const id = await job(server)
    await server.services.jobs.cancel(id)
    return { path: `/api/v1/jobs/${id}/retry`, body: {} }
  },
  getJobHistory: async (server) => {
    const id = await job(server)
    server.services.finishTask(id, 1, FRIEND)
    return { path: `/api/v1/jobs/${id}/history` }
  },
  getTrainingCurve: async ({ services }) => {
    const { id } = await services.jobs.submit({ kind: 'train', params: {} })
    const line = JSON.stringify({ step: 1, steps: 2, loss: 4.5, heldOutLoss: null, tokensPerSecond: 10 })
    const { cid } = await services.addArtifact(Buffer.from(`${line}\n`))
    services.endJob(id, { metrics: cid })
    return { path: `/api/v1/jobs/${id}/curve` }
  },
  listEvaluations: async (server) => {
    await evaluation(server)
    return { path: '/api/v1/evaluations?model=one' }
  },
  compareEvaluations: async (server) => {
    const first = { job: await evaluation(server), model: 'one' }
    const second = { job: first.job, model: 'two' }
    return { path: '/api/v1/evaluations/compare', body: { first, second } }
  },
  listTrust: async () => ({ path: '/api/v1/trust' }),
  pardonPeer: async () => ({ path: `/api/v1/trust/${FRIEND}/pardon` }),
}
