/**
 * Guests of an open village as workers. Anyone may come as a guest, under as many keys as they like, so that nothing a guest
 * says counts by itself: its results are always replicated or checked whole, it never earns trust, two guests that agree
 * prove nothing (checks.ts), and it has no jobs for members. It may read the inputs of running jobs and nothing else.
 */
import { VillageError } from '../../errors.ts'
import type { Mesh } from '../../mesh/mesh.ts'
import type { SchedulerState } from './scheduler-state.ts'

/** More guests at once could take all tasks of a job and return none. */
const MAX_GUESTS = 16

export interface Guests {
  isGuest(peer: string): boolean
  /** Throws MEMBER_ACCESS where guests do not work, PEER_BUSY where enough of them do. */
  admit(peer: string): void
  /** Whether a guest needs this artifact for a task of a running job of this node. */
  mayRead(cid: string): boolean
}

/** Whether a task that peers may be given, of a running job of this node, has this artifact among its inputs. */
export function isNeededByPeers({ jobs }: Pick<SchedulerState, 'jobs'>, cid: string): boolean {
  for (const job of jobs.values())
    for (const { state, ownerOnly, inputs } of job.tasks)
      if (state !== 'done' && ownerOnly !== true && inputs.includes(cid)) return true
  return false
}

export function createGuests(
  components: { mesh: Pick<Mesh, 'roleOf'>; state: () => Pick<SchedulerState, 'workers' | 'jobs'> },
  init: { enabled: () => boolean },
): Guests {
  const { mesh, state } = components
  const isGuest = (peer: string) => mesh.roleOf(peer) === 'guest'
  return {
    isGuest,
    admit(peer) {
      if (!isGuest(peer)) return
      if (!init.enabled()) throw new VillageError('MEMBER_ACCESS')
      const others = [...state().workers.keys()].filter((worker) => worker !== peer && isGuest(worker))
      if (others.length >= MAX_GUESTS) throw new VillageError('PEER_BUSY')
    },
    mayRead(cid) {
      if (!init.enabled()) return false
      return isNeededByPeers(state(), cid)
    },
  }
}
