/** Metrics of jobs, of the tasks that this node works on, of models and generation, and of runs. */
import { type MetricRow, single, tally } from './metric.ts'

export const JOB_METRICS: readonly MetricRow[] = [
  {
    type: 'gauge',
    name: 'village_jobs',
    help: 'Jobs of this node by state.',
    labels: ['state'],
    read: ({ jobs }) =>
      tally(
        'state',
        jobs.list().map((job) => job.state),
        ['running', 'done', 'failed', 'cancelled'],
      ),
  },
  {
    type: 'gauge',
    name: 'village_tasks',
    help: 'Tasks of running jobs by state.',
    labels: ['state'],
    read: ({ jobs }) =>
      tally(
        'state',
        jobs
          .list()
          .filter((job) => job.state === 'running')
          .flatMap((job) => jobs.tasks(job.id).map((task) => task.state)),
        ['waiting', 'ready', 'leased', 'done', 'failed', 'cancelled'],
      ),
  },
  {
    type: 'histogram',
    name: 'village_task_duration_seconds',
    help: 'Tasks that this node worked on, for itself or for others, by kind and by how they ended; inputs are fetched within it.',
    labels: ['kind', 'result'],
    read: ({ jobs }) => jobs.taskSeconds(),
  },
  {
    type: 'gauge',
    name: 'village_quarantined_peers',
    help: 'Peers from which no job takes results for a while.',
    labels: [],
    read: ({ jobs }) => {
      const nowMs = Date.now()
      const peers = jobs.trust().filter(({ quarantinedUntilMs }) => (quarantinedUntilMs ?? 0) > nowMs)
      return [{ value: new Set(peers.map(({ peer }) => peer)).size }]
    },
  },
  {
    type: 'gauge',
    name: 'village_runs',
    help: 'Runs of evolution that this node knows of, by phase.',
    labels: ['phase'],
    read: ({ rounds }) =>
      tally(
        'phase',
        rounds.list().map(({ phase }) => phase),
      ),
  },
  {
    type: 'gauge',
    name: 'village_models',
    help: 'Models in the registry.',
    labels: [],
    read: async ({ models }) => [{ value: (await models.list()).length }],
  },
  single(
    'gauge',
    'village_generate_models',
    'Language models that are loaded.',
    ({ generation }) => generation.stats().loaded.length,
  ),
  single(
    'gauge',
    'village_generate_resident_bytes',
    'Bytes of loaded language models and their caches.',
    ({ generation }) => generation.stats().residentBytes,
  ),
  single(
    'gauge',
    'village_generate_active_requests',
    'Generation requests that run or wait.',
    ({ generation }) => generation.stats().active,
  ),
  single(
    'counter',
    'village_generate_requests_total',
    'Generation requests answered.',
    ({ generation }) => generation.stats().requests,
  ),
  single(
    'counter',
    'village_generate_prompt_tokens_total',
    'Prompt tokens of answered requests.',
    ({ generation }) => generation.stats().promptTokens,
  ),
  single(
    'counter',
    'village_generate_completion_tokens_total',
    'Tokens generated for answered requests.',
    ({ generation }) => generation.stats().completionTokens,
  ),
  {
    type: 'histogram',
    name: 'village_generate_duration_seconds',
    help: 'Generation requests, from the request to the last token, loading and waiting included.',
    labels: [],
    read: ({ generation }) => generation.stats().requestSeconds,
  },
  {
    type: 'histogram',
    name: 'village_generate_first_token_seconds',
    help: 'Generation requests that are streamed, from the request to the first token.',
    labels: [],
    read: ({ generation }) => generation.stats().firstTokenSeconds,
  },
]
