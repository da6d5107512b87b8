/** The first act of a village, and what a member has done in it: pure functions over records. */
import { type Charter, MAX_KEPT_ACTS } from '../protocols/records.ts'
import { cleanName, villageHash } from './charter.ts'
import { generateSeed, type Signer, signerFromSeed } from './keys.ts'
import { createCapability, createJoinRequest, createMembership } from './records.ts'
import type { Roster } from './roster.ts'

/** The founder's own membership: granted and sponsored by the founding key. */
export function foundingRecord(
  founder: Signer,
  self: Signer,
  init: { charter: Charter; name: string },
): Uint8Array {
  const village = villageHash(init.charter.publicKey)
  const seed = generateSeed()
  const issuedAtMs = init.charter.createdAtMs
  const capability = createCapability(founder, {
    village,
    role: 'admin',
    issuedAtMs,
    expiresAtMs: issuedAtMs + 1,
    uses: 1,
    inviteKey: signerFromSeed(seed).publicKey,
  })
  const join = createJoinRequest(signerFromSeed(seed), {
    subject: self.publicKey,
    name: cleanName(init.name, 'name of this node'),
    capability,
    joinedAtMs: issuedAtMs,
  })
  return createMembership(founder, { village, join, sponsoredAtMs: issuedAtMs + 1 })
}

/** Everything that `peer` did and that counts now, newest first: what a revocation keeps. */
export function actsOf(roster: Roster, peer: string): string[] {
  const standing = roster.standing()
  const acts = new Map<string, number>()
  for (const record of roster.records()) {
    if (record.kind === 'revocation') {
      const counts = [standing.revoked.get(record.subject ?? ''), standing.withdrawn.get(record.invite ?? '')]
      if (record.by === peer && counts.includes(record)) acts.set(record.hash, record.revokedAtMs)
    } else if (
      record.kind === 'membership' &&
      standing.admitted.get(record.capability.hash)?.has(record.subject) === true
    ) {
      if (record.sponsor === peer) acts.set(record.hash, record.sponsoredAtMs)
      if (record.capability.issuer === peer) acts.set(record.capability.hash, record.sponsoredAtMs)
    }
  }
  const newestFirst = [...acts].sort((a, b) => b[1] - a[1])
  return newestFirst.slice(0, MAX_KEPT_ACTS).map(([hash]) => hash)
}
