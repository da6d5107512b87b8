/**
 * Why dials failed. libp2p wraps and merges the errors of a dial (AggregateError, EncryptionFailedError with a text), so
 * that what the other side said would be lost; what the layers saw is kept here, by address and by peer, until the dial
 * is over.
 */
import type { MessageStream } from '@libp2p/interface'
import { VillageError } from '../errors.ts'

export interface DialRecord {
  /** The transport is connected; the pre-shared key comes next. */
  reached(connection: MessageStream): void
  /** The other side has the pre-shared key. */
  proven(connection: MessageStream): void
  /** The hello ended with a refusal, ours or theirs. */
  refused(connection: MessageStream, peer: string, error: VillageError): void
  /** What the failed dial of `peer` or `addresses` means; forgets what it used. */
  explain(target: { peer: string | null; addresses: readonly string[] }, cause: unknown): VillageError
}

const MAX_KEPT = 256

/** The types of libp2p give layers below the muxer a bare stream, but every one of them carries the address. */
function addressOf(connection: MessageStream): string {
  return 'remoteAddr' in connection ? String(connection.remoteAddr) : ''
}

export function createDialRecord(): DialRecord {
  const connected = new Set<string>()
  const proven = new Set<string>()
  const refusals = new Map<string, VillageError>()

  function keep<T>(collection: { size: number; keys(): IterableIterator<T>; delete(key: T): boolean }): void {
    for (const oldest of collection.keys()) {
      if (collection.size <= MAX_KEPT) return
      collection.delete(oldest)
    }
  }

  return {
    reached(connection) {
      connected.add(addressOf(connection))
      keep(connected)
    },
    proven(connection) {
      proven.add(addressOf(connection))
      keep(proven)
    },
    refused(connection, peer, error) {
      refusals.set(addressOf(connection), error)
      refusals.set(peer, error)
      keep(refusals)
    },
    explain({ peer, addresses }, cause) {
      const keys = peer === null ? addresses : [...addresses, peer]
      const refusal = keys.map((key) => refusals.get(key)).find((error) => error !== undefined)
      const wasProven = addresses.some((address) => proven.has(address))
      const wasReached = addresses.some((address) => connected.has(address))
      for (const key of keys) {
        refusals.delete(key)
        connected.delete(key)
        proven.delete(key)
      }
      const fields = peer === null ? {} : { peer }
      if (refusal !== undefined) return new VillageError(refusal.code, refusal.message, { cause, fields })
      // Of this village, but it had no time for the rest: a busy member, or a busy node here.
      if (wasProven) return new VillageError('TIMEOUT', undefined, { cause, fields })
      // Connected, but nothing that makes sense after it: another pre-shared key, or no node of a village at all.
      if (wasReached) return new VillageError('VILLAGE_KEY_MISMATCH', undefined, { cause, fields })
      return new VillageError('PEER_UNREACHABLE', undefined, { cause, fields })
    },
  }
}
