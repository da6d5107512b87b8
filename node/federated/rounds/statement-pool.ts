/** Statements of a run that wait for a block: own ones until they are in it, those of others while the run would take them. No clock of its own. */
import type { SignedStatement } from '../ledger/statement.ts'

export interface PooledStatement {
  readonly signed: SignedStatement
  /** Of the clock of whoever holds the pool. */
  readonly sinceMs: number
  readonly isOwn: boolean
  /** Since when the run would take it; null: it would not, as far as this member knows. */
  readonly admissibleSinceMs: number | null
}

export interface StatementPool {
  /**
   * False where it is there already, or its author has too many. An author who takes no part in the run needs few. What an author has here says
   * nothing about others: nobody crowds them out.
   */
  add(signed: SignedStatement, init: { isOwn: boolean; nowMs: number; takesPart?: boolean }): boolean
  has(digest: string): boolean
  remove(digests: Iterable<string>): void
  /** In the order in which they came. */
  list(): PooledStatement[]
  /** These the run would take now, and no others. */
  mark(admissible: readonly SignedStatement[], nowMs: number): void
  /** Held for longer than an author waits, while the run would have taken them. */
  overdue(nowMs: number): SignedStatement[]
  /** Of others, to be passed on to the coordinator now, once to each: before anybody holds it against it that it lacks them. */
  relayed(nowMs: number): SignedStatement[]
  /**
   * Own statements that ought to be said again now, and to how many: the coordinator first, everybody where that did not help or where it
   * would come too late.
   */
  due(nowMs: number, isHurried?: boolean): { readonly signed: SignedStatement; readonly toAll: boolean }[]
  /** When due() or a reason of age changes next; null: never. */
  nextMs(nowMs: number): number | null
  /** Another member coordinates: own statements go to it at once. */
  redirect(): void
}

const MAX_STATEMENTS = 4_096
const MAX_BY_AUTHOR = 64
const MAX_BYTES_BY_AUTHOR = 4 * 2 ** 20
/** So many of each author have room however full the pool is; and no more of who takes no part. */
const MIN_BY_AUTHOR = 4
const MAX_WAIT_MS = 30_000

interface Entry extends PooledStatement {
  tries: number
  nextTryMs: number
  admissibleSinceMs: number | null
  isRelayed: boolean
}

export function createStatementPool(init: {
  /** So long a statement may wait for others to come into the same block. */
  readonly batchMs: number
  /** So long its author waits for the coordinator before it tells everybody. */
  readonly patienceMs: number
}): StatementPool {
  const { batchMs, patienceMs } = init
  const entries = new Map<string, Entry>()
  const authors = new Map<string, { count: number; sizeBytes: number }>()
  const relayAfterMs = patienceMs / 2
  const own = () => [...entries.values()].filter(({ isOwn }) => isOwn)
  return {
    add(signed, { isOwn, nowMs, takesPart = true }) {
      const { author } = signed.statement
      const held = authors.get(author) ?? { count: 0, sizeBytes: 0 }
      const isCrowded = !takesPart || entries.size >= MAX_STATEMENTS
      const sizeBytes = held.sizeBytes + signed.bytes.byteLength
      if (entries.has(signed.digest)) return false
      if (!isOwn && held.count >= (isCrowded ? MIN_BY_AUTHOR : MAX_BY_AUTHOR)) return false
      if (!isOwn && held.count > 0 && sizeBytes > MAX_BYTES_BY_AUTHOR) return false
      entries.set(signed.digest, {
        signed,
        isOwn,
        sinceMs: nowMs,
        tries: 0,
        nextTryMs: nowMs,
        admissibleSinceMs: null,
        isRelayed: false,
      })
      authors.set(author, { count: held.count + 1, sizeBytes })
      return true
    },
    has: (digest) => entries.has(digest),
    remove(digests) {
      for (const digest of digests) {
        const signed = entries.get(digest)?.signed
        if (signed === undefined) continue
        entries.delete(digest)
        const { author } = signed.statement
        const held = authors.get(author)!
        const sizeBytes = held.sizeBytes - signed.bytes.byteLength
        if (held.count > 1) authors.set(author, { count: held.count - 1, sizeBytes })
        else authors.delete(author)
      }
    },
    list: () => [...entries.values()],
    mark(admissible, nowMs) {
      const taken = new Set(admissible.map(({ digest }) => digest))
      for (const [digest, entry] of entries)
        entry.admissibleSinceMs = taken.has(digest) ? (entry.admissibleSinceMs ?? nowMs) : null
    },
    overdue: (nowMs) =>
      [...entries.values()]
        .filter(({ admissibleSinceMs: at }) => at !== null && nowMs - at > patienceMs)
        .map(({ signed }) => signed),
    relayed(nowMs) {
      const waiting = [...entries.values()].filter(
        ({ isOwn, isRelayed, admissibleSinceMs: at }) =>
          !isOwn && !isRelayed && at !== null && nowMs - at >= relayAfterMs,
      )
      for (const entry of waiting) entry.isRelayed = true
      return waiting.map(({ signed }) => signed)
    },
    due(nowMs, isHurried = false) {
      return own()
        .filter(({ nextTryMs }) => nextTryMs <= nowMs)
        .map((entry) => {
          const { signed, tries } = entry
          entry.tries += 1
          entry.nextTryMs = nowMs + Math.min(MAX_WAIT_MS, patienceMs * 2 ** tries)
          return { signed, toAll: isHurried || tries > 0 }
        })
    },
    nextMs(nowMs) {
      let next = Number.POSITIVE_INFINITY
      for (const entry of entries.values()) {
        if (entry.isOwn) next = Math.min(next, entry.nextTryMs)
        const sinceMs = entry.admissibleSinceMs ?? entry.sinceMs
        for (const atMs of [
          entry.sinceMs + batchMs,
          entry.sinceMs + patienceMs,
          sinceMs + patienceMs,
          ...(entry.isOwn || entry.isRelayed || entry.admissibleSinceMs === null
            ? []
            : [entry.admissibleSinceMs + relayAfterMs]),
        ])
          if (atMs > nowMs) next = Math.min(next, atMs)
      }
      return Number.isFinite(next) ? next : null
    },
    redirect() {
      for (const entry of entries.values()) {
        entry.isRelayed = false
        if (entry.isOwn) entry.nextTryMs = 0
      }
    },
  }
}
