/** Whether a join request is let in: a pure decision over the roster, with the refusal that says why not. */
import { VillageError } from '../../errors.ts'
import { CLOCK_SKEW_MS } from '../protocols/records.ts'
import type { JoinFacts } from './records.ts'
import type { Roster } from './roster.ts'

/** Throws MEMBER_REVOKED, INVITE_ALTERED, INVITE_REVOKED, INVITE_EXPIRED, INVITE_USED or CLOCK_SKEWED. */
export function checkAdmission(
  roster: Roster,
  join: JoinFacts,
  init: { founder: string; nowMs: number },
): void {
  const { capability } = join
  const standing = roster.standing()
  if (standing.revoked.has(join.subject)) throw new VillageError('MEMBER_REVOKED')
  if (capability.issuer !== init.founder) {
    if (standing.revoked.has(capability.issuer))
      throw new VillageError('INVITE_REVOKED', 'The admin who issued this invite was revoked')
    if (standing.levelOf(capability.issuer) === undefined)
      throw new VillageError('INVITE_ALTERED', 'The invite was not issued by an admin of the village')
    // Who left, or came back with a lower role, can still sign: and the date of what one signs is one's own word.
    if (standing.members.get(capability.issuer)?.role !== 'admin')
      throw new VillageError(
        'INVITE_REVOKED',
        'Who issued this invite is not an admin of the village any more',
      )
  }
  if (standing.withdrawn.has(capability.id)) throw new VillageError('INVITE_REVOKED')
  if (init.nowMs > capability.expiresAtMs) throw new VillageError('INVITE_EXPIRED')
  if (Math.abs(join.joinedAtMs - init.nowMs) > CLOCK_SKEW_MS) throw new VillageError('CLOCK_SKEWED')
  const subjects = standing.admitted.get(capability.hash)
  if (subjects !== undefined && subjects.size >= capability.uses && !subjects.has(join.subject))
    throw new VillageError('INVITE_USED')
}
