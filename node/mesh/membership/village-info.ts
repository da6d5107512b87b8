/** A village and its members as people and programs see them. */
import type { Membership } from './membership.ts'
import type { RevocationRecord, Role } from './records.ts'

export interface VillageInfo {
  id: string
  name: string
  open: boolean
  createdAtMs: number
  /** This node's role. */
  role: Role
  members: number
  /** Set when an admin revoked this node: it is connected to nobody any more. */
  revoked: { atMs: number; by: string; reason: string } | null
}
export interface Member {
  peer: string
  name: string
  role: Role
  joinedAtMs: number
  /** The peer that let it in; null for the founder. */
  sponsor: string | null
  revoked: { atMs: number; by: string; reason: string } | null
  /** When it left by itself; null while it is a member. */
  leftAtMs: number | null
  connected: boolean
  self: boolean
}
export interface Invite {
  /** A secret: who has it can join. */
  invite: string
  id: string
  role: Role
  expiresAtMs: number
  uses: number
}

export function describeVillage(membership: Membership, peerId: string): VillageInfo | null {
  const village = membership.village()
  if (village === null) return null
  const standing = village.roster.standing()
  return {
    id: village.id,
    name: village.charter.name,
    open: village.charter.open,
    createdAtMs: village.charter.createdAtMs,
    role: (standing.members.get(peerId) ?? standing.former.get(peerId))?.role ?? 'guest',
    members: standing.members.size,
    revoked: describeRevocation(standing.revoked.get(peerId)),
  }
}

export function describeRevocation(record: RevocationRecord | undefined): VillageInfo['revoked'] {
  return record === undefined ? null : { atMs: record.revokedAtMs, by: record.by, reason: record.reason }
}

/** Addresses for an invite: the ones that reach furthest first; plain TCP before WebSocket. */
export function sortAddresses(addresses: readonly string[]): string[] {
  const cost = (address: string) =>
    (address.includes('/127.0.0.1/') || address.includes('/ip6/::1/') ? 4 : 0) +
    (address.includes('/ws') ? 2 : 0) +
    (address.includes('/p2p-circuit') ? 1 : 0)
  return [...addresses].sort((a, b) => cost(a) - cost(b))
}
