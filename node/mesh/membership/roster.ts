/**
 * The roster: a set of signed records that only grows, so that any two nodes that hold the same records agree,
 * in whatever order they came. Who counts is decided by authority.ts; this file holds the set and its digests.
 */
import { createHash } from 'node:crypto'
import { VillageError } from '../../errors.ts'
import { BUCKETS, bucketDigest, bucketOf } from '../digest-buckets.ts'
import { CLOCK_SKEW_MS, MAX_RECORDS } from '../protocols/records.ts'
import { decide, type Standing, timeOf } from './authority.ts'
import { type MembershipRecord, parseRecord, type VillageRecord } from './records.ts'

/** A proof of membership goes this many records back at most; a chain of sponsors is about log(members) long. */
const MAX_PROOF_RECORDS = 64

export interface Roster {
  /**
   * Adds a record; returns it when it is new, null when it was known. Throws what parseRecord throws, CLOCK_SKEWED for
   * a record from the future, and VILLAGE_FULL.
   */
  add(bytes: Uint8Array, nowMs: number): VillageRecord | null
  /** As add(), for a record that parseRecord made: its signatures are not checked again. */
  insert(record: VillageRecord, nowMs: number): VillageRecord | null
  /** Adds records that were parsed before, without the checks of add(): for a trial copy of a roster. */
  addParsed(records: Iterable<VillageRecord>): void
  has(hash: string): boolean
  get(hash: string): VillageRecord | undefined
  /** SHA-256 over all hashes in order: equal digests, equal rosters. */
  digest(): Uint8Array
  /** One digest of 16 bytes for each of 64 buckets by the first six bits of the hash. */
  bucketDigests(): Uint8Array[]
  hashesIn(bucket: number): string[]
  records(): Iterable<VillageRecord>
  readonly size: number
  standing(): Standing
  /** Takes a standing that was decided over exactly the records that are here now: it takes a look at all of them. */
  take(decided: Standing): void
  /** The records that make `peer` a member to somebody who knows only the founding key; sponsors before sponsored. */
  proofOf(peer: string): VillageRecord[]
}

/** `founder` is the peer ID form of the founding key, `village` the hash that records name the village by. */
export function createRoster(init: { founder: string; village: Uint8Array }): Roster {
  const byHash = new Map<string, VillageRecord>()
  const buckets: Set<string>[] = Array.from({ length: BUCKETS }, () => new Set())
  let standing: Standing | undefined
  /** Of a bucket: undefined since a record came into it. */
  const digests: (Uint8Array | undefined)[] = Array.from({ length: BUCKETS })

  /**
   * Revocations have room of their own: a village that is full must still be able to put somebody out. So have the
   * founder's, when an admin has filled it with revocations.
   */
  function roomFor(record: VillageRecord): number {
    if (record.kind === 'membership') return MAX_RECORDS - MAX_RECORDS / 10
    return record.kind === 'revocation' && record.by === init.founder
      ? MAX_RECORDS
      : MAX_RECORDS - MAX_RECORDS / 100
  }

  const roster: Roster = {
    add: (bytes, nowMs) => roster.insert(parseRecord(bytes, init.village), nowMs),
    insert(record, nowMs) {
      if (byHash.has(record.hash)) return null
      if (timeOf(record) > nowMs + CLOCK_SKEW_MS)
        throw new VillageError('CLOCK_SKEWED', 'A record of the village is dated in the future', {
          fields: { aheadMs: timeOf(record) - nowMs },
        })
      if (byHash.size >= roomFor(record)) throw new VillageError('VILLAGE_FULL')
      roster.addParsed([record])
      return record
    },
    addParsed(records) {
      for (const record of records) {
        const bucket = bucketOf(record.hash)
        byHash.set(record.hash, record)
        buckets[bucket]!.add(record.hash)
        digests[bucket] = undefined
      }
      standing = undefined
    },
    has: (hash) => byHash.has(hash),
    get: (hash) => byHash.get(hash),
    digest() {
      const hash = createHash('sha256')
      for (const digest of roster.bucketDigests()) hash.update(digest)
      return hash.digest()
    },
    bucketDigests() {
      return buckets.map((bucket, index) => {
        digests[index] ??= bucketDigest(bucket)
        return digests[index]
      })
    },
    hashesIn: (bucket) => [...(buckets[bucket] ?? [])],
    records: () => byHash.values(),
    get size() {
      return byHash.size
    },
    standing() {
      standing ??= decide(byHash.values(), init.founder)
      return standing
    },
    take(decided) {
      standing = decided
    },
    proofOf(peer) {
      const now = roster.standing()
      const proof = new Map<string, MembershipRecord>()
      const wanted = [peer]
      for (let next = wanted.shift(); next !== undefined; next = wanted.shift()) {
        const record = now.members.get(next) ?? now.former.get(next)
        if (record === undefined || proof.has(record.hash)) continue
        if (proof.size >= MAX_PROOF_RECORDS) break
        proof.set(record.hash, record)
        wanted.push(record.sponsor, record.capability.issuer)
      }
      return [...proof.values()].sort((a, b) => a.sponsoredAtMs - b.sponsoredAtMs)
    },
  }
  return roster
}
