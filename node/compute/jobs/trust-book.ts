/** The trust records of this node, kept in the store: a restart forgets no lie and no earned trust. */
import type { Events } from '../../events.ts'
import type { JsonTable, Store } from '../../store.ts'
import type { Check } from './job-tasks.ts'
import {
  afterValid,
  chooseCheck,
  isQuarantined,
  type QuarantineRecord,
  quarantineFor,
  type TrustRecord,
  type TrustRules,
} from './trust.ts'

export interface TrustEntry {
  readonly peer: string
  readonly kind: string
  readonly consecutiveValid: number
  readonly quarantinedUntilMs: number | null
  readonly reason: string | null
}

export interface TrustBook {
  load(): Promise<void>
  check(peer: string, task: { kind: string; check: 'verify' | 'replicate' }): Check
  valid(peer: string, kind: string): void
  /** Resets the trust in a peer and quarantines it; the write is on the disk when it resolves. */
  blame(peer: string, blame: { kind: string; reason: string; cause: 'lie' | 'silence' }): Promise<void>
  quarantined(peer: string): boolean
  isGuest(peer: string): boolean
  /** When the peer was last caught lying; null when it never was, or was pardoned. */
  lieAtMs(peer: string): number | null
  list(): TrustEntry[]
  pardon(peer: string): Promise<void>
  /** Resolves when what was recorded so far is written. */
  flush(): Promise<void>
}

interface Components {
  readonly store: Pick<Store, 'json'>
  readonly events: Pick<Events, 'emit'>
}

interface Init {
  readonly ownPeer: string
  readonly rules: TrustRules
  readonly isGuest: (peer: string) => boolean
  readonly now: () => number
  readonly random: () => number
}

const keyOf = (peer: string, kind: string) => `${peer}/${kind}`

export function createTrustBook(components: Components, init: Init): TrustBook {
  const { events } = components
  const trusted: JsonTable<TrustRecord> = components.store.json('jobs-trust')
  const quarantines: JsonTable<QuarantineRecord> = components.store.json('jobs-quarantine')
  const records = new Map<string, TrustRecord>()
  const blamed = new Map<string, QuarantineRecord>()
  let writing: Promise<void> = Promise.resolve()

  function write(operation: () => Promise<void>): Promise<void> {
    const result = writing.then(operation)
    writing = result.catch(() => {
      // The caller of this write has the failure; the next one is tried on its own.
    })
    return result
  }

  function recordOf(peer: string, kind: string): TrustRecord {
    return records.get(keyOf(peer, kind)) ?? { peer, kind, consecutiveValid: 0 }
  }

  return {
    async load() {
      for await (const [key, record] of trusted.entries()) records.set(key, record)
      for await (const [peer, record] of quarantines.entries()) blamed.set(peer, record)
    },
    check(peer, task) {
      const { consecutiveValid } = recordOf(peer, task.kind)
      const own = peer === init.ownPeer
      const guest = !own && init.isGuest(peer)
      const { rules, random } = init
      return chooseCheck({ own, guest, consecutiveValid, taskCheck: task.check, rules }, random)
    },
    valid(peer, kind) {
      const record = afterValid(recordOf(peer, kind))
      records.set(keyOf(peer, kind), record)
      // Trust lost in a crash is earned again: no write has to be waited for.
      void write(() => trusted.put(keyOf(peer, kind), record)).catch(() => undefined)
    },
    async blame(peer, blame) {
      const before = blamed.get(peer) ?? null
      // What else was on its way when the first lie was found is no second offence.
      if (before !== null && before.lieAtMs != null && isQuarantined(before, init.now())) return
      const record = quarantineFor(before, { peer, ...blame }, init.now())
      blamed.set(peer, record)
      const reset = [...records.values()]
        .filter((one) => one.peer === peer)
        .map((one) => ({ ...one, consecutiveValid: 0 }))
      for (const one of reset) records.set(keyOf(one.peer, one.kind), one)
      events.emit('peer:quarantined', { peer, kind: blame.kind, reason: blame.reason })
      await write(async () => {
        await quarantines.put(peer, record, { sync: true })
        for (const one of reset) await trusted.put(keyOf(one.peer, one.kind), one, { sync: true })
      })
    },
    isGuest: init.isGuest,
    lieAtMs: (peer) => blamed.get(peer)?.lieAtMs ?? null,
    quarantined: (peer) => isQuarantined(blamed.get(peer), init.now()),
    list() {
      const known = new Map([...records].map(([key, { peer, kind }]) => [key, { peer, kind }]))
      for (const { peer, kind } of blamed.values()) known.set(keyOf(peer, kind), { peer, kind })
      return [...known.values()].map(({ peer, kind }) => {
        const quarantine = blamed.get(peer)
        const active = quarantine !== undefined && isQuarantined(quarantine, init.now())
        return {
          peer,
          kind,
          consecutiveValid: recordOf(peer, kind).consecutiveValid,
          quarantinedUntilMs: active ? quarantine.untilMs : null,
          reason: active ? quarantine.reason : null,
        }
      })
    },
    async pardon(peer) {
      blamed.delete(peer)
      await write(() => quarantines.del(peer))
    },
    flush: () => writing,
  }
}
