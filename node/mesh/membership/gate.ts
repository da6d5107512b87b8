/**
 * What is said and decided in the hello, from either side: who dials, who listens, who is let in.
 * The exchange itself is in secure.ts; this file is the same over any transport.
 */
import { isErrorCode, toVillageError, VillageError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import { HELLO_VERSION, type Hello, type Verdict, type Welcome } from '../protocols/hello.ts'
import { CLOCK_SKEW_MS } from '../protocols/records.ts'
import type { Membership, Village } from './membership.ts'
import { refusal } from './records.ts'
import type { Roster } from './roster.ts'

export interface Gate {
  /** What this node says first when it dials. */
  hello(): Hello
  /** The listener's answer; a code that is not empty refuses the peer. Never throws what the peer could cause. */
  answer(peer: string, hello: Hello): Promise<Welcome>
  /** The dialer's decision about the answer: `verdict` is sent; `error` is then thrown where it is not null. */
  judge(peer: string, welcome: Welcome): Promise<{ verdict: Verdict; error: VillageError | null }>
  /** The listener reads the verdict; throws the refusal. */
  accept(peer: string, hello: Hello, verdict: Verdict): Promise<void>
}

const NOTHING = new Uint8Array(0)
const bytesOf = (records: Iterable<{ bytes: Uint8Array }>) => [...records].map((record) => record.bytes)

export function createGate(
  components: { log: Log; membership: Membership },
  init: {
    peerId: string
    /** Called when a hello succeeded: the digest of the other side's roster. */
    onDigest: (peer: string, digest: Uint8Array) => void
  },
): Gate {
  const { log, membership } = components

  function village(): Village {
    const current = membership.village()
    if (current === null) throw new VillageError('VILLAGE_NONE')
    return current
  }

  /** Why a revoked peer is out, in records that it can check itself. */
  function evidence(roster: Roster, peer: string): Uint8Array[] {
    const revocation = roster.standing().revoked.get(peer)
    if (revocation === undefined) return []
    return bytesOf([...roster.proofOf(revocation.by), ...roster.proofOf(peer), revocation]).slice(-64)
  }

  /** Whether `peer` is a member (or a guest of an open village), taking in the records that it brought as its proof. */
  async function isLetIn(peer: string, records: readonly Uint8Array[]): Promise<boolean> {
    if (membership.revocationOf(peer) !== null) return false
    if (village().roster.standing().members.has(peer)) return true
    const proven = await membership.applyIf(records, (roster) => roster.standing().members.has(peer))
    return proven || membership.roleOf(peer) !== null
  }

  /** Takes in a revocation of this node itself; nothing else of what came with a refusal. */
  async function learnOwnRevocation(records: readonly Uint8Array[]): Promise<void> {
    await membership.applyIf(records, (roster) => roster.standing().revoked.has(init.peerId))
  }

  async function welcome(peer: string, hello: Hello): Promise<Welcome> {
    const { hash, roster, join } = village()
    if (join !== null || membership.revocationOf(init.peerId) !== null) throw new VillageError('PEER_BUSY')
    if (hello.version !== HELLO_VERSION) throw new VillageError('PROTOCOL_MALFORMED')
    if (Buffer.compare(hello.village, hash) !== 0) throw new VillageError('INVITE_OTHER_VILLAGE')
    if (Math.abs(hello.timeMs - membership.now()) > CLOCK_SKEW_MS) throw new VillageError('CLOCK_SKEWED')
    if (membership.revocationOf(peer) !== null)
      return { code: 'MEMBER_REVOKED', records: evidence(roster, peer), digest: NOTHING }
    const proof = roster.proofOf(init.peerId)
    if (hello.join.byteLength > 0) {
      await membership.admit(peer, hello.join)
      const both = new Map([...proof, ...roster.proofOf(peer)].map((record) => [record.hash, record]))
      return { code: '', records: bytesOf(both.values()), digest: roster.digest() }
    }
    if (!(await isLetIn(peer, hello.records))) throw new VillageError('MEMBER_UNKNOWN')
    return { code: '', records: bytesOf(proof), digest: roster.digest() }
  }

  return {
    hello() {
      const { hash, roster, join } = village()
      return {
        version: HELLO_VERSION,
        village: hash,
        timeMs: membership.now(),
        records: join === null ? bytesOf(roster.proofOf(init.peerId)) : [],
        join: join ?? NOTHING,
        digest: roster.digest(),
      }
    },
    async answer(peer, hello) {
      try {
        return await welcome(peer, hello)
      } catch (error) {
        const { code } = toVillageError(error)
        log.debug({ peer, code, err: error }, 'refused a peer')
        return { code, records: [], digest: NOTHING }
      }
    },
    async judge(peer, answer) {
      const refuse = (error: VillageError, records: Uint8Array[] = []) => ({
        verdict: { code: error.code, records },
        error,
      })
      if (answer.code !== '') {
        if (answer.code === 'MEMBER_REVOKED') await learnOwnRevocation(answer.records)
        return refuse(refusal(answer.code))
      }
      try {
        const { roster, join } = village()
        const joining = join !== null
        const proven = await membership.applyIf(answer.records, (trial) => {
          const { members } = trial.standing()
          return members.has(peer) && (!joining || members.has(init.peerId))
        })
        if (membership.revocationOf(peer) !== null)
          return refuse(new VillageError('MEMBER_REVOKED'), evidence(roster, peer))
        // Guests of an open village dial each other too, but one who joins must be let in by a member.
        if (!proven && (joining || !(await isLetIn(peer, []))))
          return refuse(new VillageError('MEMBER_UNKNOWN'))
        init.onDigest(peer, answer.digest)
        return { verdict: { code: '', records: [] }, error: null }
      } catch (error) {
        return refuse(toVillageError(error))
      }
    },
    async accept(peer, hello, verdict) {
      if (verdict.code === '') {
        init.onDigest(peer, hello.digest)
        return
      }
      if (verdict.code === 'MEMBER_REVOKED') await learnOwnRevocation(verdict.records)
      throw new VillageError(isErrorCode(verdict.code) ? verdict.code : 'PROTOCOL_MALFORMED')
    },
  }
}
