/** What a person does with villages: create, invite, join, see who is there, revoke, leave. */
import { VillageError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import type { Store } from '../../store.ts'
import { MAX_KEPT_ACTS, MAX_REASON_BYTES } from '../protocols/records.ts'
import { actsOf, foundingRecord } from './acts.ts'
import { cleanName, createCharter } from './charter.ts'
import { openInvite, writeInvite } from './invite.ts'
import { createInviteBook, type OpenInvite } from './invites.ts'
import { generateSeed, peerOf, publicKeyOf, type Signer, signerFromSeed } from './keys.ts'
import type { Membership, Village } from './membership.ts'
import {
  createCapability,
  createDeparture,
  createJoinRequest,
  createRevocation,
  type MembershipRecord,
  parseCapability,
  type Role,
} from './records.ts'
import {
  describeRevocation,
  describeVillage,
  type Invite,
  type Member,
  sortAddresses,
  type VillageInfo,
} from './village-info.ts'

export type { OpenInvite } from './invites.ts'
export type { Invite, Member, VillageInfo } from './village-info.ts'

export interface Villages {
  current(): VillageInfo | null
  create(init: { name: string; open: boolean }): Promise<VillageInfo>
  invite(init: { role: Role; expiresInMs: number; uses: number }): Promise<Invite>
  /** Invites made on this node by which somebody can still join, oldest first. */
  invites(): Promise<OpenInvite[]>
  join(invite: string, options: { signal: AbortSignal }): Promise<VillageInfo>
  members(): Member[]
  revoke(peer: string, reason: string): Promise<void>
  /** Withdraws an invite by its id: nobody can join with it any more; who did stays. */
  withdraw(inviteId: string, reason: string): Promise<void>
  /**
   * Says so to connected members, who say it to the others, and leaves whether they hear it or not.
   * Throws VILLAGE_NONE, and VILLAGE_LAST_ADMIN where nobody could invite any more, unless `force` is given.
   */
  leave(options?: { force?: boolean }): Promise<void>
}

/** What villages need of the mesh. */
export interface VillageNetwork {
  readonly peerId: string
  /** Stops the host and starts it for the village that membership is now in, if any. */
  reload(): Promise<void>
  /** Dials the addresses in order until a member lets this node in; throws the refusal that says most. */
  joinThrough(addresses: readonly string[], options: { signal: AbortSignal }): Promise<string>
  /** Makes the roster equal to that of a connected peer. */
  synchronise(peer: string, options: { signal: AbortSignal }): Promise<void>
  addresses(): string[]
  peers(): { peer: string; role: Role; addresses: string[] }[]
  forgetPeers(): Promise<void>
}

/** Members that are told of a departure directly, and how long that may take. */
const GOODBYES = 4
const GOODBYE_TIMEOUT_MS = 3_000
const MAX_EXPIRY_MS = 366 * 24 * 3_600_000
const MAX_USES = 10_000
const OWN_ADDRESSES = 5
const OTHER_ADDRESSES = 3
const ROLES: readonly Role[] = ['admin', 'member', 'edge', 'guest']

export function createVillages(
  components: { log: Log; membership: Membership; network: VillageNetwork; store: Pick<Store, 'json'> },
  init: { name: string },
): Villages {
  const { log, membership, network } = components
  const { now } = membership
  const book = createInviteBook(components)

  function info(): VillageInfo {
    const current = describeVillage(membership, network.peerId)
    if (current === null) throw new VillageError('VILLAGE_NONE')
    return current
  }

  function needVillage(): Village {
    const village = membership.village()
    if (village === null) throw new VillageError('VILLAGE_NONE')
    if (membership.revocationOf(network.peerId) !== null) throw new VillageError('MEMBER_REVOKED')
    return village
  }

  function ownRecord(village: Village): MembershipRecord {
    const own = village.roster.standing().members.get(network.peerId)
    if (own?.role !== 'admin') throw new VillageError('MEMBER_NOT_ADMIN')
    return own
  }

  /** Who signs for this admin: the founding key where this node has it, for nobody stands above that. */
  async function authority(village: Village): Promise<{ signer: Signer; level: number; sinceMs: number }> {
    const own = ownRecord(village)
    const founding = await membership.foundingSigner()
    if (founding !== null) return { signer: founding, level: 0, sinceMs: 0 }
    const level = village.roster.standing().levelOf(network.peerId)
    if (level === undefined) throw new VillageError('MEMBER_NOT_ADMIN')
    return { signer: membership.self, level, sinceMs: own.sponsoredAtMs }
  }

  /** A few members are told directly; they pass it on by gossip. */
  async function sayGoodbye(village: Village, own: MembershipRecord): Promise<void> {
    const leftAtMs = Math.max(now(), own.sponsoredAtMs)
    await membership.apply([createDeparture(membership.self, { village: village.hash, leftAtMs })])
    const told = network.peers().filter(({ role }) => role !== 'guest')
    const signal = AbortSignal.timeout(GOODBYE_TIMEOUT_MS)
    const work = told.slice(0, GOODBYES).map(({ peer }) => network.synchronise(peer, { signal }))
    for (const outcome of await Promise.allSettled(work))
      if (outcome.status === 'rejected') log.debug({ err: outcome.reason }, 'a member was not told goodbye')
  }

  async function undo(): Promise<void> {
    await membership.leave()
    await network.reload()
  }

  function checkReason(reason: string): void {
    if (Buffer.byteLength(reason) > MAX_REASON_BYTES)
      throw new VillageError('INVALID_ARGUMENT', `The reason has more than ${MAX_REASON_BYTES} bytes`)
  }

  return {
    current: () => describeVillage(membership, network.peerId),

    async create({ name, open }) {
      if (membership.village() !== null) throw new VillageError('VILLAGE_ALREADY_JOINED')
      const seed = generateSeed()
      const founder = signerFromSeed(seed)
      const charter = createCharter(founder, {
        name: cleanName(name, 'name of the village'),
        createdAtMs: now(),
        open,
      })
      const psk = open ? null : generateSeed()
      membership.enter({ charter, psk, join: null, guest: false })
      try {
        await membership.apply([foundingRecord(founder, membership.self, { charter, name: init.name })])
        await membership.save(seed)
        await network.reload()
      } catch (error) {
        await undo()
        throw error
      }
      const created = info()
      log.info({ village: created.id, open }, 'created a village')
      return created
    },

    async invite({ role, expiresInMs, uses }) {
      const village = needVillage()
      if (!ROLES.includes(role)) throw new VillageError('INVALID_ARGUMENT', 'There is no such role')
      if (!Number.isInteger(uses) || uses < 1 || uses > MAX_USES)
        throw new VillageError('INVALID_ARGUMENT', `An invite has 1 to ${MAX_USES} uses`)
      if (!(expiresInMs >= 1_000 && expiresInMs <= MAX_EXPIRY_MS))
        throw new VillageError('INVALID_ARGUMENT', 'An invite is valid for a second to a year')
      const others = network.peers().filter((peer) => peer.role !== 'guest')
      const addresses = [
        ...sortAddresses(network.addresses()).slice(0, OWN_ADDRESSES),
        ...others.flatMap((peer) => sortAddresses(peer.addresses)[0] ?? []).slice(0, OTHER_ADDRESSES),
      ]
      const common = { charter: village.charter, addresses, psk: village.psk }
      if (role === 'guest') {
        if (!village.charter.open)
          throw new VillageError('INVALID_ARGUMENT', 'A private village has no guests; invite a member')
        ownRecord(village)
        const invite = writeInvite({ ...common, capability: null, seed: null })
        // An open village lets in anybody who knows its address: no date or number would be kept.
        return { invite, id: '', role, expiresAtMs: Number.MAX_SAFE_INTEGER, uses: MAX_USES }
      }
      const { signer, sinceMs } = await authority(village)
      const issuedAtMs = Math.max(now(), sinceMs + 1)
      const expiresAtMs = Math.ceil(issuedAtMs + expiresInMs)
      const seed = generateSeed()
      const capability = createCapability(signer, {
        village: village.hash,
        role,
        issuedAtMs,
        expiresAtMs,
        uses,
        inviteKey: signerFromSeed(seed).publicKey,
      })
      const { facts } = parseCapability(capability, village.hash)
      await book.add(village, facts)
      return { invite: writeInvite({ ...common, capability, seed }), id: facts.id, role, expiresAtMs, uses }
    },

    invites: async () => await book.open(needVillage(), now()),

    async join(text, { signal }) {
      if (membership.village() !== null) throw new VillageError('VILLAGE_ALREADY_JOINED')
      const invite = openInvite(text, now())
      const { grant } = invite
      const join =
        grant === null
          ? null
          : createJoinRequest(signerFromSeed(grant.seed), {
              subject: membership.self.publicKey,
              name: cleanName(init.name, 'name of this node'),
              capability: grant.capability,
              joinedAtMs: now(),
            })
      const village = membership.enter({
        charter: invite.charter,
        psk: invite.psk,
        join,
        guest: join === null,
      })
      try {
        await network.reload()
        const sponsor = await network.joinThrough(invite.addresses, { signal })
        await network.synchronise(sponsor, { signal })
        if (!village.roster.standing().members.has(sponsor)) throw new VillageError('MEMBER_UNKNOWN')
        await membership.save()
      } catch (error) {
        await undo()
        throw error
      }
      log.info({ village: village.id, role: info().role }, 'joined a village')
      return info()
    },

    members() {
      const village = membership.village()
      if (village === null) return []
      const standing = village.roster.standing()
      const connected = new Map(network.peers().map((peer) => [peer.peer, peer]))
      const list = [...standing.members.values(), ...standing.former.values()].map((record) => ({
        peer: record.subject,
        name: record.name,
        role: record.role,
        joinedAtMs: record.joinedAtMs,
        sponsor: record.sponsor === village.founder ? null : record.sponsor,
        revoked: describeRevocation(standing.revoked.get(record.subject)),
        leftAtMs: standing.departed.get(record.subject)?.leftAtMs ?? null,
        connected: connected.has(record.subject),
        self: record.subject === network.peerId,
      }))
      const known = new Set(list.map((member) => member.peer))
      const guests = [...connected.values()].filter((peer) => !known.has(peer.peer))
      return [
        ...list.sort((a, b) => a.joinedAtMs - b.joinedAtMs),
        ...guests.map((peer) => ({
          peer: peer.peer,
          name: '',
          role: 'guest' as const,
          joinedAtMs: 0,
          sponsor: null,
          revoked: null,
          leftAtMs: null,
          connected: true,
          self: false,
        })),
      ]
    },

    async revoke(peer, reason) {
      const village = needVillage()
      checkReason(reason)
      if (peer === network.peerId)
        throw new VillageError('INVALID_ARGUMENT', 'A node cannot revoke itself; use `village leave`')
      const standing = village.roster.standing()
      const subject = publicKeyOf(peer)
      const { signer, level } = await authority(village)
      if (standing.revoked.has(peer)) return
      if (!standing.members.has(peer) && !standing.departed.has(peer) && !village.charter.open)
        throw new VillageError('NOT_FOUND', 'There is no such member', { fields: { peer } })
      const theirs = standing.levelOf(peer)
      if (theirs !== undefined && theirs < level)
        throw new VillageError('MEMBER_NOT_ADMIN', 'An admin cannot revoke one nearer to the founder')
      const record = createRevocation(signer, {
        village: village.hash,
        subject,
        reason,
        revokedAtMs: now(),
        keeps: actsOf(village.roster, peer),
      })
      await membership.apply([record])
      log.info({ peer, by: peerOf(signer.publicKey) }, 'revoked a member')
    },

    async withdraw(inviteId, reason) {
      const village = needVillage()
      checkReason(reason)
      if (!/^[0-9a-f]{32}$/.test(inviteId))
        throw new VillageError('INVALID_ARGUMENT', 'This is not the id of an invite')
      const { signer } = await authority(village)
      const keeps = [...village.roster.records()].flatMap((record) =>
        record.kind === 'membership' && record.capability.id === inviteId ? record.hash : [],
      )
      const record = createRevocation(signer, {
        village: village.hash,
        invite: inviteId,
        reason,
        revokedAtMs: now(),
        keeps: keeps.slice(0, MAX_KEPT_ACTS),
      })
      await membership.apply([record])
    },

    async leave({ force = false } = {}) {
      const village = membership.village()
      if (village === null) throw new VillageError('VILLAGE_NONE')
      const { members } = village.roster.standing()
      const others = [...members.values()].filter((member) => member.subject !== network.peerId)
      const isAdmin = members.get(network.peerId)?.role === 'admin'
      if (!force && isAdmin && others.length > 0 && others.every((member) => member.role !== 'admin'))
        throw new VillageError('VILLAGE_LAST_ADMIN')
      const own = members.get(network.peerId)
      if (own !== undefined) await sayGoodbye(village, own)
      await membership.leave()
      await book.clear()
      await network.reload()
      await network.forgetPeers()
    },
  }
}
