/** Prometheus metrics: the process's own (prom-client's defaults) and the village's, read when they are scraped. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { ApiComponents, Followers } from './components.ts'

const RESOLUTION_MS = 10

export interface Metrics {
  text(): Promise<string>
  countRequest(route: string, status: number): void
  stop(): void
}

type Sample = { labels?: Record<string, string>; value: number }

export function createMetrics(
  components: Pick<
    ApiComponents,
    | 'mesh'
    | 'jobs'
    | 'artifacts'
    | 'pool'
    | 'models'
    | 'collections'
    | 'generation'
    | 'resources'
    | 'kernels'
    | 'agents'
  > & {
    followers: Pick<Followers, 'count'>
  },
  init: { version: string },
): Metrics {
  const { mesh, jobs, artifacts, pool, models, collections, generation, resources, kernels, agents } =
    components
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delay.enable()

  const gauge = (
    name: string,
    help: string,
    labelNames: readonly string[],
    read: () => readonly Sample[] | Promise<readonly Sample[]>,
  ) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      async collect() {
        this.reset()
        for (const { labels, value } of await read()) this.set(labels ?? {}, value)
      },
    })
  /** A counter whose total is kept by a service: it is raised to that total when it is scraped. */
  const counter = (name: string, help: string, read: () => number) =>
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset()
        this.inc(read())
      },
    })
  const labelled = (
    name: string,
    help: string,
    labelNames: readonly string[],
    read: () => readonly Required<Sample>[],
  ) =>
    new Counter({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset()
        for (const { labels, value } of read()) this.inc(labels, value)
      },
    })
  const tally = (label: string, values: Iterable<string>, always: readonly string[] = []): Sample[] => {
    const counts = new Map(always.map((value) => [value, 0]))
    for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
    return [...counts].map(([value, count]) => ({ labels: { [label]: value }, value: count }))
  }

  gauge(
    'village_build_info',
    'Version, and whether native kernels run.',
    ['version', 'native', 'simd'],
    () => [
      { labels: { version: init.version, native: String(kernels.native), simd: kernels.simd }, value: 1 },
    ],
  )
  gauge(
    'village_event_loop_delay_seconds',
    'How late timers of the main thread ran since the last scrape; 0 is on time.',
    ['quantile'],
    () => {
      // The histogram holds whole intervals: what is beyond the timer's own period is delay.
      const seconds = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS) / 1e3
      const samples = [0.5, 0.9, 0.99].map((quantile) => ({
        labels: { quantile: String(quantile) },
        value: delay.count === 0 ? 0 : seconds(delay.percentile(quantile * 100)),
      }))
      samples.push({ labels: { quantile: '1' }, value: delay.count === 0 ? 0 : seconds(delay.max) })
      delay.reset()
      return samples
    },
  )
  gauge('village_peers', 'Connected members by role.', ['role'], () =>
    tally(
      'role',
      mesh.peers().map((peer) => peer.role),
      ['admin', 'member', 'edge', 'guest'],
    ),
  )
  gauge('village_jobs', 'Jobs of this node by state.', ['state'], () =>
    tally(
      'state',
      jobs.list().map((job) => job.state),
      ['running', 'done', 'failed', 'cancelled'],
    ),
  )
  gauge('village_tasks', 'Tasks of running jobs by state.', ['state'], () =>
    tally(
      'state',
      jobs
        .list()
        .filter((job) => job.state === 'running')
        .flatMap((job) => jobs.tasks(job.id).map((task) => task.state)),
      ['waiting', 'ready', 'leased', 'done', 'failed', 'cancelled'],
    ),
  )
  gauge('village_models', 'Models in the registry.', [], async () => [
    { value: (await models.list()).length },
  ])
  gauge('village_artifact_blocks', 'Blocks in the artifact store.', [], () => [
    { value: artifacts.usage().blocks },
  ])
  gauge('village_artifact_bytes', 'Bytes in the artifact store.', [], () => [
    { value: artifacts.usage().sizeBytes },
  ])
  gauge('village_artifact_max_bytes', 'The disk share of the artifact store.', [], () => [
    { value: artifacts.usage().maxBytes },
  ])
  counter(
    'village_artifact_sent_bytes_total',
    'Artifact bytes sent to peers.',
    () => artifacts.usage().sentBytes,
  )
  counter(
    'village_artifact_received_bytes_total',
    'Artifact bytes received from peers.',
    () => artifacts.usage().receivedBytes,
  )
  gauge('village_pool_threads', 'Worker threads.', [], () => [{ value: pool.stats().threads }])
  gauge('village_pool_busy', 'Worker threads at work.', [], () => [{ value: pool.stats().busy }])
  gauge('village_pool_queued', 'Operations waiting for a worker thread.', [], () => [
    { value: pool.stats().queued },
  ])
  gauge('village_generate_models', 'Language models that are loaded.', [], () => [
    { value: generation.stats().loaded.length },
  ])
  gauge('village_generate_resident_bytes', 'Bytes of loaded language models and their caches.', [], () => [
    { value: generation.stats().residentBytes },
  ])
  gauge('village_generate_requests', 'Generation requests that run or wait.', [], () => [
    { value: generation.stats().active },
  ])
  counter(
    'village_generate_requests_total',
    'Generation requests answered.',
    () => generation.stats().requests,
  )
  counter(
    'village_generate_prompt_tokens_total',
    'Prompt tokens of answered requests.',
    () => generation.stats().promptTokens,
  )
  counter(
    'village_generate_completion_tokens_total',
    'Tokens generated for answered requests.',
    () => generation.stats().completionTokens,
  )
  gauge('village_collections', 'Collections of this node.', [], () => [
    { value: collections.stats().collections },
  ])
  gauge('village_index_runs', 'Runs of indexing that wait or go on.', ['state'], () =>
    tally(
      'state',
      collections.runs().flatMap(({ state }) => (state === 'waiting' || state === 'running' ? [state] : [])),
      ['waiting', 'running'],
    ),
  )
  counter('village_index_runs_total', 'Runs of indexing that have ended.', () => collections.stats().runs)
  counter(
    'village_index_failed_runs_total',
    'Runs of indexing that have failed.',
    () => collections.stats().failedRuns,
  )
  counter(
    'village_indexed_documents_total',
    'Documents indexed, new or changed.',
    () => collections.stats().documents,
  )
  counter('village_indexed_chunks_total', 'Passages indexed.', () => collections.stats().chunks)
  counter(
    'village_index_seconds_total',
    'Time that runs of indexing took.',
    () => collections.stats().seconds,
  )
  gauge('village_agent_requests', 'Requests to agents that go on, delegated ones too.', [], () => [
    { value: agents.stats().running },
  ])
  gauge('village_agent_approvals', 'Calls of agents that wait for a decision.', [], () => [
    { value: agents.stats().waitingApprovals },
  ])
  counter('village_agent_turns_total', 'Turns that agents took.', () => agents.stats().turns)
  labelled('village_agent_requests_total', 'Requests to agents by how they ended.', ['agent', 'finish'], () =>
    agents.stats().requests.map(({ count, ...labels }) => ({ labels, value: count })),
  )
  labelled('village_agent_calls_total', 'Calls of tools by what came of them.', ['tool', 'outcome'], () =>
    agents.stats().calls.map(({ count, ...labels }) => ({ labels, value: count })),
  )
  labelled('village_agent_tokens_total', 'Tokens that agents used, by model.', ['model', 'kind'], () =>
    agents.stats().tokens.flatMap(({ model, promptTokens, completionTokens }) => [
      { labels: { model, kind: 'prompt' }, value: promptTokens },
      { labels: { model, kind: 'completion' }, value: completionTokens },
    ]),
  )
  gauge('village_accepting', 'Whether this node takes work (1) or pauses (0).', [], () => [
    { value: Number(resources.snapshot().accepting) },
  ])
  gauge('village_load_ratio', 'Load of the machine, 0 to 1.', [], () => [
    { value: resources.snapshot().load },
  ])
  gauge('village_event_followers', 'Clients that follow the events.', [], () => [
    { value: components.followers.count() },
  ])
  const requests = new Counter({
    name: 'village_http_requests_total',
    help: 'Requests answered, by route and status.',
    labelNames: ['route', 'status'],
    registers,
  })

  return {
    text: () => registry.metrics(),
    countRequest: (route, status) => requests.inc({ route, status: String(status) }),
    stop() {
      delay.disable()
      registry.clear()
    },
  }
}
