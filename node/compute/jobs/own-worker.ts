/** Links this node's worker with its owner side, without a network, through the same two interfaces as a peer's. */
import type { OwnerConnection, OwnerLink } from './links.ts'
import type { Owner } from './owner.ts'
import type { Worker } from './worker.ts'

export function attachOwnWorker(
  components: { owner: Owner; worker: Worker },
  init: { peerId: string; traceOf: (lease: number) => Uint8Array | null },
): void {
  const { owner, worker } = components
  const { peerId } = init
  let toOwner: OwnerLink | undefined
  let window = 0
  const connection: OwnerConnection = {
    owner: peerId,
    own: true,
    window: (leases) => {
      window = leases
      toOwner?.window(leases)
    },
    heartbeat: (leases) => toOwner?.heartbeat(leases),
    failure: (failure) => toOwner?.failure(failure),
    async deliver({ lease, busyMs, output }) {
      toOwner?.result({ lease, busyMs, stats: output.stats, output: { bytes: output.bytes } })
    },
    release: () => {},
  }
  const link = worker.attach(connection)
  toOwner = owner.attach(
    { peer: peerId, kinds: worker.kinds },
    { ...link, lease: (order) => link.lease({ ...order, trace: init.traceOf(order.lease) }) },
  )
  toOwner.window(window)
}
