/**
 * The invites that were made on this node, without their secrets: what is still open can be listed and withdrawn. How often
 * each was used is on the roster, which every node has; an invite that nobody has used yet is known only where it was made.
 */
import type { JsonTable, Store } from '../../store.ts'
import type { Village } from './membership.ts'
import type { CapabilityFacts, Role } from './records.ts'

export interface OpenInvite {
  readonly id: string
  readonly role: Role
  readonly issuedAtMs: number
  readonly expiresAtMs: number
  readonly uses: number
  /** Nodes that joined by it. */
  readonly used: number
}

export interface InviteBook {
  /** Durable when it resolves. */
  add(village: Village, facts: CapabilityFacts): Promise<void>
  /** Those that still let somebody in, oldest first; the others are forgotten. */
  open(village: Village, nowMs: number): Promise<OpenInvite[]>
  clear(): Promise<void>
}

export function createInviteBook(components: { store: Pick<Store, 'json'> }): InviteBook {
  const table: JsonTable<CapabilityFacts> = components.store.json('invites')
  const keyOf = (village: Village, { id }: { id: string }) => `${village.shortId}/${id}`

  async function all(prefix: string): Promise<[string, CapabilityFacts][]> {
    const entries: [string, CapabilityFacts][] = []
    for await (const entry of table.entries({ prefix })) entries.push(entry)
    return entries
  }

  async function forget(keys: readonly string[]): Promise<void> {
    if (keys.length > 0) await table.batch(keys.map((key) => ({ type: 'del', key })))
  }

  return {
    add: (village, facts) => table.put(keyOf(village, facts), facts, { sync: true }),
    async open(village, nowMs) {
      const { admitted, withdrawn } = village.roster.standing()
      const open: OpenInvite[] = []
      const closed: string[] = []
      for (const [key, { id, role, issuedAtMs, expiresAtMs, uses, hash }] of await all(
        `${village.shortId}/`,
      )) {
        const used = admitted.get(hash)?.size ?? 0
        if (expiresAtMs < nowMs || used >= uses || withdrawn.has(id)) closed.push(key)
        else open.push({ id, role, issuedAtMs, expiresAtMs, uses, used })
      }
      await forget(closed)
      return open.sort((a, b) => a.issuedAtMs - b.issuedAtMs)
    },
    async clear() {
      await forget((await all('')).map(([key]) => key))
    },
  }
}
