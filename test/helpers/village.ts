/** A village as plain records, without nodes: keys from fixed seeds, so that vectors stay the same. */
import { createHash } from 'node:crypto'
import { createCharter, villageHash } from '../../node/mesh/membership/charter.ts'
import { peerOf, type Signer, signerFromSeed } from '../../node/mesh/membership/keys.ts'
import {
  createCapability,
  createDeparture,
  createJoinRequest,
  createMembership,
  createRevocation,
  parseCapability,
  type Role,
} from '../../node/mesh/membership/records.ts'
import type { Charter } from '../../node/mesh/protocols/records.ts'

export const START_MS = 1_700_000_000_000

export const seedOf = (name: string): Uint8Array => createHash('sha256').update(name).digest()
export const signerOf = (name: string): Signer => signerFromSeed(seedOf(name))
export const peerNamed = (name: string): string => peerOf(signerOf(name).publicKey)

export interface PaperVillage {
  readonly charter: Charter
  readonly hash: Uint8Array
  readonly founder: Signer
  readonly founderPeer: string
  invite(init: {
    by: Signer
    role?: Role
    uses?: number
    atMs?: number
    expiresAtMs?: number
    key?: string
  }): {
    capability: Uint8Array
    id: string
    key: Signer
  }
  join(init: { name: string; capability: Uint8Array; key: Signer; atMs?: number }): Uint8Array
  member(init: {
    name: string
    capability: Uint8Array
    key: Signer
    sponsor: Signer
    atMs: number
  }): Uint8Array
  leave(init: { name: string; atMs: number }): Uint8Array
  revoke(init: {
    by: Signer
    name?: string
    invite?: string
    atMs: number
    keeps?: readonly string[]
  }): Uint8Array
}

export function paperVillage(name: string, open = false): PaperVillage {
  const founder = signerOf(`${name} founder`)
  const charter = createCharter(founder, { name, createdAtMs: START_MS, open })
  const hash = villageHash(charter.publicKey)
  const village: PaperVillage = {
    charter,
    hash,
    founder,
    founderPeer: peerOf(founder.publicKey),
    invite({ by, role = 'member', uses = 1, atMs = START_MS + 10, expiresAtMs = START_MS + 1e9, key = 'k' }) {
      const inviteKey = signerOf(key)
      const capability = createCapability(by, {
        village: hash,
        role,
        issuedAtMs: atMs,
        expiresAtMs,
        uses,
        inviteKey: inviteKey.publicKey,
      })
      return { capability, id: parseCapability(capability, hash).facts.id, key: inviteKey }
    },
    join: ({ name: subject, capability, key, atMs = START_MS + 20 }) =>
      createJoinRequest(key, {
        subject: signerOf(subject).publicKey,
        name: subject,
        capability,
        joinedAtMs: atMs,
      }),
    member: ({ name: subject, capability, key, sponsor, atMs }) =>
      createMembership(sponsor, {
        village: hash,
        join: village.join({ name: subject, capability, key, atMs }),
        sponsoredAtMs: atMs,
      }),
    leave: ({ name: subject, atMs }) => createDeparture(signerOf(subject), { village: hash, leftAtMs: atMs }),
    revoke: ({ by, name: subject, invite, atMs, keeps = [] }) =>
      createRevocation(by, {
        village: hash,
        ...(subject === undefined ? {} : { subject: signerOf(subject).publicKey }),
        ...(invite === undefined ? {} : { invite }),
        reason: 'test',
        revokedAtMs: atMs,
        keeps,
      }),
  }
  return village
}
