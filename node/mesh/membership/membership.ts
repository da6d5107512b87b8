/**
 * The village that this node is in: its charter, its keys, its roster, kept on disk. No networking here.
 * Secrets (pre-shared key, founding key) are files of mode 0600 in the data directory; the rest is in the store.
 */
import { mkdir, readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { VillageError } from '../../errors.ts'
import type { Events } from '../../events.ts'
import { type Identity, writeSecretFile } from '../../identity.ts'
import type { Log } from '../../log.ts'
import { KEYS_FOLDER } from '../../migrations.ts'
import type { Store } from '../../store.ts'
import { Charter } from '../protocols/records.ts'
import { checkAdmission } from './admission.ts'
import { decide, type Standing } from './authority.ts'
import { checkCharter, shortVillageId, villageHash, villageId } from './charter.ts'
import { peerOf, type Signer, signerFromIdentity, signerFromSeed } from './keys.ts'
import { withKnownAuthors } from './known-authors.ts'
import {
  createMembership as createMembershipRecord,
  hashOf,
  type MembershipRecord,
  parseJoinRequest,
  parseRecord,
  type RevocationRecord,
  type Role,
  type VillageRecord,
} from './records.ts'
import { withinRoom } from './room.ts'
import { createRoster, type Roster } from './roster.ts'

export interface Village {
  readonly charter: Charter
  readonly id: string
  readonly shortId: string
  /** The 32 bytes that records name the village by. */
  readonly hash: Uint8Array
  /** Peer ID form of the founding key. */
  readonly founder: string
  /** Null in an open village. */
  readonly psk: Uint8Array | null
  readonly roster: Roster
  /** The join request to send while this node is not a member yet. */
  readonly join: Uint8Array | null
  /** In an open village without a membership of its own. */
  readonly guest: boolean
}

/** How records came here: by gossip, or otherwise (made here, or brought by a peer). */
export type RecordOrigin = 'gossip' | 'direct'

export interface MembershipChange {
  readonly origin: RecordOrigin
  readonly records: readonly VillageRecord[]
  /** Peers that are members no more since this change. */
  readonly revoked: readonly string[]
  /** Peers that said that they leave. */
  readonly left: readonly string[]
}

export interface Membership {
  readonly self: Signer
  load(): Promise<void>
  village(): Village | null
  /** The role of a peer in the village, or null: not a member, or revoked. */
  roleOf(peer: string): Role | null
  revocationOf(peer: string): RevocationRecord | null
  /** Enters a village in memory only: it is written by save(). */
  enter(init: { charter: Charter; psk: Uint8Array | null; join: Uint8Array | null; guest: boolean }): Village
  /** Writes the village that was entered, with `foundingSeed` for its founder; it survives a restart from then on. */
  save(foundingSeed?: Uint8Array): Promise<void>
  leave(): Promise<void>
  /** The signer of the founding key where this node founded the village. */
  foundingSigner(): Promise<Signer | null>
  /**
   * Adds records that count or may count (their authors are known); returns what was new. Others are left out.
   * Durable when it resolves.
   */
  apply(records: readonly Uint8Array[], origin?: RecordOrigin): Promise<VillageRecord[]>
  /** As apply(), but nothing is added unless it makes `test` true of the standing that would follow. */
  applyIf(records: readonly Uint8Array[], test: (peers: Roster) => boolean): Promise<boolean>
  /** Lets a joiner in and returns its new record (or the one it has); throws what checkAdmission throws. */
  admit(peer: string, join: Uint8Array): Promise<MembershipRecord>
  onChange(listener: (change: MembershipChange) => void): () => void
  now(): number
}

interface StoredVillage {
  charter: string
  guest: boolean
}

/** Records whose signatures are checked before the event loop has its turn: about 10 ms. */
const CHECKED_AT_ONCE = 32
const CURRENT = 'current'
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')

export function createMembership(
  components: { log: Log; events: Events; store: Store; identity: Identity },
  init: { directory: string; now?: () => number },
): Membership {
  const { log, events, store, identity } = components
  const now = init.now ?? Date.now
  const self = signerFromIdentity(identity.privateKey)
  const villages = store.json<StoredVillage>('village')
  const records = store.json<string>('roster')
  const listeners = new Set<(change: MembershipChange) => void>()
  let current: Village | null = null

  const keysDirectory = path.join(init.directory, KEYS_FOLDER)
  const pskFile = (shortId: string) => path.join(keysDirectory, `village-${shortId}.psk.key`)
  const foundingFile = (shortId: string) => path.join(keysDirectory, `village-${shortId}.founding.key`)

  function build(charter: Charter, psk: Uint8Array | null, join: Uint8Array | null, guest: boolean): Village {
    const hash = villageHash(charter.publicKey)
    const founder = peerOf(charter.publicKey)
    return {
      charter,
      id: villageId(charter.publicKey),
      shortId: shortVillageId(charter.publicKey),
      hash,
      founder,
      psk,
      roster: createRoster({ founder, village: hash }),
      join,
      guest,
    }
  }

  function needVillage(): Village {
    if (current === null) throw new VillageError('VILLAGE_NONE')
    return current
  }

  async function parse(village: Village, encoded: readonly Uint8Array[]): Promise<VillageRecord[]> {
    const parsed = new Map<string, VillageRecord>()
    for (const [index, bytes] of encoded.entries()) {
      if (index > 0 && index % CHECKED_AT_ONCE === 0) await setImmediate()
      // Known records are the usual case, and checking three signatures costs a hundred times a hash.
      if (village.roster.has(hashOf(bytes))) continue
      const record = parseRecord(bytes, village.hash)
      parsed.set(record.hash, record)
    }
    if (current?.roster !== village.roster) throw new VillageError('VILLAGE_NONE') // it was left meanwhile
    return withKnownAuthors([...parsed.values()], village.roster.standing(), village.founder)
  }

  /** A copy of the roster with more records in it, to see what would follow. */
  function trialOf(village: Village, fresh: readonly VillageRecord[]): Roster {
    const trial = createRoster({ founder: village.founder, village: village.hash })
    trial.addParsed([...village.roster.records(), ...fresh])
    return trial
  }

  /**
   * Puts records into the roster, tells the listeners, and resolves when they are on the disk. `whole` is the standing that follows when all
   * candidates come in, where it is known.
   */
  async function commit(
    village: Village,
    candidates: readonly VillageRecord[],
    { origin = 'direct', whole }: { origin?: RecordOrigin | undefined; whole?: Standing | undefined } = {},
  ): Promise<VillageRecord[]> {
    const before = village.roster.standing()
    const added: VillageRecord[] = []
    let refused: unknown = null
    for (const record of candidates)
      try {
        const isNew = village.roster.insert(record, now()) !== null
        if (isNew) added.push(record)
      } catch (error) {
        // A record from the future among others must not keep those from the disk and from the listeners.
        refused = error
      }
    if (added.length === 0) {
      if (refused !== null) throw refused
      return []
    }
    if (refused !== null) log.debug({ err: refused }, 'a record among others was refused')
    const written = records.batch(
      added.map((record) => ({ type: 'put', key: record.hash, value: base64(record.bytes) })),
      { sync: true },
    )
    if (whole !== undefined && added.length === candidates.length) village.roster.take(whole)
    const after = village.roster.standing()
    const revoked = [...after.revoked.keys()].filter((peer) => !before.revoked.has(peer))
    const left: string[] = []
    for (const peer of before.members.keys())
      if (!after.members.has(peer) && !after.revoked.has(peer))
        (after.departed.has(peer) ? left : revoked).push(peer)
    for (const [peer, record] of after.members)
      if (!before.members.has(peer))
        events.emit('member:joined', { peer, role: record.role, name: record.name })
    for (const peer of revoked) events.emit('member:revoked', { peer })
    for (const peer of left) events.emit('member:left', { peer })
    for (const listener of listeners) listener({ origin, records: added, revoked, left })
    await written
    return added
  }

  const membership: Membership = {
    self,
    now,
    async load() {
      const stored = await villages.get(CURRENT)
      if (stored === undefined) return
      try {
        const charter = Charter.decode(Buffer.from(stored.charter, 'base64'))
        checkCharter(charter)
        const psk = charter.open ? null : await readFile(pskFile(shortVillageId(charter.publicKey)))
        const village = build(charter, psk, null, stored.guest)
        // The bounds of insert() go by the order of arrival, which is lost; what is on the disk passed them.
        for await (const [, bytes] of records.entries())
          village.roster.addParsed([parseRecord(Buffer.from(bytes, 'base64'), village.hash)])
        current = village
      } catch (error) {
        throw new VillageError('DATA_CORRUPT', 'What is stored about the village cannot be used', {
          cause: error,
        })
      }
    },
    village: () => current,
    roleOf(peer) {
      if (current === null) return null
      const standing = current.roster.standing()
      const member = standing.members.get(peer)
      if (member !== undefined) return member.role
      return current.charter.open && !standing.revoked.has(peer) ? 'guest' : null
    },
    revocationOf: (peer) => current?.roster.standing().revoked.get(peer) ?? null,
    enter({ charter, psk, join, guest }) {
      if (current !== null) throw new VillageError('VILLAGE_ALREADY_JOINED')
      current = build(charter, psk, join, guest)
      return current
    },
    async save(foundingSeed) {
      const village = needVillage()
      const files: [string, Uint8Array | null | undefined][] = [
        [foundingFile(village.shortId), foundingSeed],
        [pskFile(village.shortId), village.psk],
      ]
      for (const [file, secret] of files) {
        if (secret === null || secret === undefined) continue
        await rm(file, { force: true })
        await mkdir(keysDirectory, { recursive: true, mode: 0o700 })
        await writeSecretFile(file, secret)
      }
      const stored = { charter: base64(Charter.encode(village.charter)), guest: village.guest }
      await villages.put(CURRENT, stored, { sync: true })
      current = { ...village, join: null }
      events.emit('village:changed', { village: village.id })
    },
    async leave() {
      const village = current
      current = null
      if (village === null) return
      await villages.del(CURRENT)
      const keys: string[] = []
      for await (const [key] of records.entries()) keys.push(key)
      await records.batch(keys.map((key) => ({ type: 'del', key })))
      await rm(pskFile(village.shortId), { force: true })
      // The founding key stays: without it the village would be without a founder for ever.
      log.info({ village: village.id }, 'left the village')
      events.emit('village:changed', { village: null })
    },
    async foundingSigner() {
      const seed = await readFile(foundingFile(needVillage().shortId)).catch(
        (error: NodeJS.ErrnoException) => {
          if (error.code === 'ENOENT') return null
          throw error
        },
      )
      return seed === null ? null : signerFromSeed(seed)
    },
    async apply(encoded, origin) {
      const village = needVillage()
      const fresh = await parse(village, encoded)
      if (fresh.length === 0) return []
      const { roster, founder } = village
      const after = decide([...roster.records(), ...fresh], founder)
      const taken = withinRoom(roster.records(), fresh, after)
      return await commit(village, taken, {
        origin,
        whole: taken.length === fresh.length ? after : undefined,
      })
    },
    async applyIf(encoded, test) {
      const village = needVillage()
      const fresh = await parse(village, encoded)
      if (fresh.length === 0) return test(village.roster)
      const trial = trialOf(village, fresh)
      if (!test(trial)) return false
      const taken = withinRoom(village.roster.records(), fresh, trial.standing())
      await commit(village, taken, taken.length === fresh.length ? { whole: trial.standing() } : {})
      return test(village.roster)
    },
    async admit(peer, joinBytes) {
      const village = needVillage()
      const join = parseJoinRequest(joinBytes, village.hash)
      if (join.subject !== peer)
        throw new VillageError(
          'INVITE_ALTERED',
          'The join request is for another peer than the one that sent it',
        )
      checkAdmission(village.roster, join, { founder: village.founder, nowMs: now() })
      const known = village.roster.standing().members.get(peer)
      // Whatever invite its best membership is by: one that comes again and again must not make a record each time.
      const admitted = village.roster.standing().admitted.get(join.capability.hash)
      if (known !== undefined && admitted?.has(peer) === true) return known
      const own = village.roster.standing().members.get(identity.peerId)
      // Later than everything that allows it, whatever the clocks say: authority.ts walks in the order of time.
      const leftAtMs = village.roster.standing().departed.get(peer)?.leftAtMs ?? 0
      const sponsoredAtMs = Math.max(
        now(),
        (own?.sponsoredAtMs ?? 0) + 1,
        join.capability.issuedAtMs + 1,
        leftAtMs + 1,
      )
      const bytes = createMembershipRecord(self, { village: village.hash, join: joinBytes, sponsoredAtMs })
      await commit(village, [parseRecord(bytes, village.hash)])
      const record = village.roster.standing().members.get(peer)
      if (record === undefined) throw new VillageError('MEMBER_UNKNOWN')
      return record
    },
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  return membership
}
