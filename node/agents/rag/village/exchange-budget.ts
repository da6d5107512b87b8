/**
 * What one peer may ask of the catalogue and of holdings, and how much may be sent to it: a request of a hundred bytes brings up to 128 MB.
 * Who has spent it loses the stream, and goes on with what it still lacks when it asks again.
 */
import { VillageError } from '../../../errors.ts'
import type { StreamContext } from '../../../mesh/mesh.ts'
import { createRateLimit } from '../../../mesh/rate-limit.ts'

export interface ExchangeLimits {
  readonly requestsByMinute: number
  readonly bytesByMinute: number
}

export interface ExchangeBudget {
  /** Before a request is answered. Throws PEER_RATE_LIMITED. */
  takeRequest(context: Pick<StreamContext, 'peer' | 'role'>): void
  /**
   * Before a page is sent, or before everything is looked at for an answer of what differs: that counts as if all were sent. The last one
   * may go beyond what there was. Throws PEER_RATE_LIMITED.
   */
  takeBytes(context: Pick<StreamContext, 'peer' | 'role'>, sizeBytes: number): void
}

/** Of a member; a guest has a tenth. */
export const EXCHANGE_LIMITS: ExchangeLimits = { requestsByMinute: 1_200, bytesByMinute: 256 * 2 ** 20 }
const GUEST_SHARE = 10

export function createExchangeBudget(init: ExchangeLimits & { now: () => number }): ExchangeBudget {
  const { requestsByMinute, bytesByMinute, now } = init
  const limitsOf = (share: number) => ({
    requests: createRateLimit({ byMinute: Math.max(1, Math.floor(requestsByMinute / share)) }),
    bytes: createRateLimit({ byMinute: Math.max(1, Math.floor(bytesByMinute / share)) }),
  })
  const member = limitsOf(1)
  const guest = limitsOf(GUEST_SHARE)
  const of = (role: StreamContext['role']) => (role === 'guest' ? guest : member)

  return {
    takeRequest({ peer, role }) {
      if (!of(role).requests.take(peer, now())) throw new VillageError('PEER_RATE_LIMITED')
    },
    takeBytes({ peer, role }, sizeBytes) {
      const { bytes } = of(role)
      if (!bytes.take(peer, now())) throw new VillageError('PEER_RATE_LIMITED')
      bytes.charge(peer, sizeBytes, now())
    },
  }
}
