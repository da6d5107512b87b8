import { hostname } from 'node:os'
import type { ApiContext } from './components.ts'

/** The answer of /api/v1/status: one look at the whole node (schemas.ts, STATUS). */
export async function nodeStatus(api: ApiContext): Promise<Record<string, unknown>> {
  const { accepting, reason, load } = api.resources.snapshot()
  const pool = api.pool.stats()
  const jobs = { running: 0, done: 0, failed: 0, cancelled: 0 }
  for (const job of api.jobs.list()) jobs[job.state] += 1
  const own = await api.collections.list()
  const total = (of: (info: (typeof own)[number]) => number) => own.reduce((sum, info) => sum + of(info), 0)
  const { replicas, replicaBytes } = api.knowledge.stats()
  return {
    version: api.version,
    name: api.config['node.name'] ?? hostname(),
    peer: api.identity.peerId,
    startedAtMs: api.startedAtMs,
    uptimeMs: Date.now() - api.startedAtMs,
    runtime: {
      node: process.versions.node,
      platform: process.platform,
      arch: process.arch,
      pid: process.pid,
    },
    dataDirectory: api.directory,
    url: api.url(),
    addresses: api.mesh.addresses(),
    compute: {
      native: api.kernels.native,
      reason: api.kernels.reason,
      simd: api.kernels.simd,
      threads: pool.threads,
      busy: pool.busy,
      queued: pool.queued,
    },
    village: api.villages.current(),
    peers: api.mesh.peers().length,
    models: (await api.models.list()).length,
    jobs,
    knowledge: {
      collections: own.length,
      documents: total(({ documents }) => documents),
      passages: total(({ chunks }) => chunks),
      sizeBytes: total(({ sizeBytes }) => sizeBytes),
      indexing: api.collections.runs().filter(({ state }) => state === 'waiting' || state === 'running')
        .length,
      problems: own.filter(({ problem }) => problem !== null).length + api.collections.unreadable().length,
      heldSegments: replicas,
      heldBytes: replicaBytes,
    },
    artifacts: api.artifacts.usage(),
    resources: { profile: api.config.profile, accepting, reason, load },
  }
}
