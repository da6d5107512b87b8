/** What the kinds of jobs work with: made anew for every step of a job. */
import path from 'node:path'
import type { Mesh, PeerInfo } from '../../mesh/mesh.ts'
import type { Resources } from '../resources.ts'
import type { JobContext } from './job.ts'
import { keptDirectory } from './kept-files.ts'
import { pinOf } from './outputs.ts'

interface Init {
  /** Below it each job has its working and its kept directory. */
  readonly directory: string
  readonly keptDirectory: string
  readonly modelsDirectory: string
}

interface Components extends Pick<JobContext, 'artifacts' | 'pool' | 'models' | 'sandbox' | 'log'> {
  readonly mesh: Pick<Mesh, 'peers'>
  readonly resources: Pick<Resources, 'limits'>
}

/** Guests are left out: they come and go, and say of themselves what they like. */
function mostMemberMemory(peers: readonly Pick<PeerInfo, 'role' | 'capabilities'>[]): number {
  const lent = peers.map(({ role, capabilities }) =>
    role !== 'guest' && capabilities?.accepting === true ? capabilities.memoryBytes : 0,
  )
  return Math.max(0, ...lent)
}

export function jobContext(
  components: Components,
  init: Init,
  job: { id: string; signal: AbortSignal },
): JobContext {
  const { mesh, resources, artifacts, pool, models, sandbox, log } = components
  const { id, signal } = job
  return {
    id,
    artifacts,
    pool,
    models,
    sandbox,
    log,
    signal,
    modelsDirectory: init.modelsDirectory,
    memoryBytes: resources.limits().memoryBytes,
    memberMemoryBytes: mostMemberMemory(mesh.peers()),
    workDirectory: path.join(init.directory, id),
    keptDirectory: keptDirectory(init.keptDirectory, id),
    pin: `job:${id}`,
    stagePin: pinOf(id),
  }
}
