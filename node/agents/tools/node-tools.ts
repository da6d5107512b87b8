/** Tools that say how this node and its village stand. */
import type { Resources } from '../../compute/resources.ts'
import { VillageError } from '../../errors.ts'
import type { Villages } from '../../mesh/membership/villages.ts'
import type { Mesh } from '../../mesh/mesh.ts'
import { AT_ONCE, counted, own, takes, tool, untrusted, words } from './define-tool.ts'
import type { JobComponents } from './run-job.ts'
import type { Tool } from './tool.ts'

export interface NodeToolComponents {
  readonly mesh: Pick<Mesh, 'peerId' | 'peers' | 'village'>
  readonly villages: Pick<Villages, 'members'>
  readonly resources: Pick<Resources, 'snapshot'>
  readonly jobs: Pick<JobComponents['jobs'], 'list'>
}

export interface NodeToolInit {
  readonly version: string
  readonly now?: () => number
}

const MAX_MEMBERS = 200

function inZone(nowMs: number, zone: string): string {
  try {
    return new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeStyle: 'long', timeZone: zone }).format(
      nowMs,
    )
  } catch (error) {
    throw new VillageError('INVALID_ARGUMENT', 'There is no such time zone', {
      cause: error,
      fields: { argument: 'zone', zone: zone.slice(0, 64) },
    })
  }
}

export function nodeTools(components: NodeToolComponents, init: NodeToolInit): Tool[] {
  const { mesh, villages, resources, jobs } = components
  const { now = Date.now } = init
  return [
    tool<{ zone?: string }>({
      name: 'time_now',
      description: 'Tells date, time and day of the week.',
      parameters: takes({
        zone: words('IANA name of a time zone such as Europe/Berlin; that of this machine if absent.', 64),
      }),
      effect: 'read',
      scope: 'read',
      cost: AT_ONCE,
      async run({ zone = Intl.DateTimeFormat().resolvedOptions().timeZone }) {
        const nowMs = now()
        const local = inZone(nowMs, zone)
        return own(local, { utc: new Date(nowMs).toISOString(), zone, local })
      },
    }),
    tool<Record<string, never>>({
      name: 'member_list',
      description: 'Lists the members of the village: names, roles, who is connected.',
      parameters: takes({}),
      effect: 'read',
      scope: 'read',
      cost: AT_ONCE,
      async run() {
        const standing = villages
          .members()
          .filter(({ revoked, leftAtMs }) => revoked === null && leftAtMs === null)
        const shown = standing
          .slice(0, MAX_MEMBERS)
          .map(({ peer, name, role, joinedAtMs, connected, self }) => ({
            ...{ peer, name, role, connected, isThisNode: self },
            joinedAt: new Date(joinedAtMs).toISOString(),
          }))
        return untrusted(counted(standing.length, 'member'), { members: shown, total: standing.length })
      },
    }),
    tool<Record<string, never>>({
      name: 'node_status',
      description:
        'Says how this node is: version, load, whether it takes work, connected peers, running jobs.',
      parameters: takes({}),
      effect: 'read',
      scope: 'read',
      cost: AT_ONCE,
      async run() {
        const { accepting, reason, load, cpuCores, memoryBytes } = resources.snapshot()
        const running = jobs.list().filter(({ state }) => state === 'running').length
        const peers = mesh.peers().length
        return own(`${counted(peers, 'peer')}, ${counted(running, 'running job')}`, {
          ...{ version: init.version, peer: mesh.peerId, isInVillage: mesh.village() !== null, peers },
          ...{ runningJobs: running, accepting, pausedFor: reason, load, cpuCores, memoryBytes },
        })
      },
    }),
  ]
}
