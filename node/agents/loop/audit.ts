/**
 * The audit log: every call of a tool, written before it runs and again when it has ended, sealed on this node. A call whose node was
 * killed while it ran stays in the log without an end.
 */
import { VillageError } from '../../errors.ts'
import type { JsonObject, JsonValue } from '../../json.ts'
import { isJsonObject } from '../../json.ts'
import type { AgentName } from '../agent.ts'
import type { Asker } from '../asker.ts'
import type { ToolEffect } from '../tools/tool.ts'
import { recordsOf, speakerGroup, speakerIn, speakerPart } from '../twin/records-of.ts'

/** Why a call ran or did not: as decide-call.ts says, or as a person decided; `named`: a client called the tool itself. */
export type AuditDecision = 'read' | 'asked' | 'named' | 'approved' | 'denied' | 'expired' | 'refused'

export interface AuditStart {
  readonly timeMs: number
  readonly request: string
  /** Null where a client called the tool itself. */
  readonly agent: AgentName | null
  readonly asker: Asker
  readonly tool: string
  /** Null where there is no such tool. */
  readonly effect: ToolEffect | null
  readonly arguments: JsonObject
  readonly decision: AuditDecision
  /** Who approved or denied. */
  readonly by: string | null
}

export interface AuditEnd {
  /** `started`: it runs, or its node was killed while it ran. */
  readonly outcome: 'started' | 'done' | 'failed' | 'refused'
  /** Of the error that it failed with. */
  readonly code: string | null
  readonly ms: number | null
  /** Of its result, before it was cut. */
  readonly sizeBytes: number | null
}

export interface AuditEntry extends AuditStart, AuditEnd {
  readonly id: string
}

export interface AuditQuery {
  readonly sinceMs?: number
  readonly request?: string
  readonly tool?: string
  readonly limit?: number
}

/** What the log needs of a sealed store (node/sealed-store.ts), made so that the oldest records make room. */
export interface AuditStore {
  put(id: string, value: JsonValue): Promise<void>
  getJson(id: string): Promise<JsonValue | null>
  deleteMany(ids: readonly string[]): Promise<number>
  clear(): Promise<void>
  list(): readonly { readonly id: string }[]
}

export interface Audit {
  /** Resolves when the entry is kept; the function that it gives keeps the end. */
  begin(start: AuditStart): Promise<(end: AuditEnd) => Promise<void>>
  /** A call that did not run; `code` where its arguments were wrong. */
  refuse(start: AuditStart, code?: string): Promise<void>
  /** Newest first. */
  list(query?: AuditQuery): Promise<AuditEntry[]>
  clear(): Promise<void>
  /** Every entry of one asker goes, so that nothing of what it said is left. */
  eraseAsker(asker: Pick<Asker, 'kind' | 'id'>): Promise<number>
}

const VERSION = 1
const PAGE = 100
const TIME_DIGITS = 13
/** End of the id of an entry of what changed nothing. */
const LOOK = '/look'
const RUNNING: AuditEnd = { outcome: 'started', code: null, ms: null, sizeBytes: null }

/**
 * For the store: whose room an entry takes. A key or a member that looks at things, or is refused, a thousand times pushes out neither
 * the owner's entries nor those of what it changed itself.
 */
export function auditGroup(id: string): string | null {
  const group = speakerGroup(id)
  return group !== null && id.endsWith(LOOK) ? `${group}${LOOK}` : group
}

function readEntry(id: string, value: JsonValue | null): AuditEntry | null {
  if (value === null) return null
  if (!isJsonObject(value) || value.version !== VERSION || !isJsonObject(value.entry))
    throw new VillageError('DATA_CORRUPT', 'An entry of the audit log is not of a version that is known')
  // What this node sealed itself, and nobody else can: authenticated encryption stands for its form.
  return { ...(value.entry as unknown as Omit<AuditEntry, 'id'>), id }
}

export function createAudit({ store }: { store: AuditStore }, { newId }: { newId(): string }): Audit {
  /** Calls that run, by the id of their entry: one that was erased meanwhile is not written again. */
  const open = new Map<string, Asker>()
  const writing = new Set<Promise<void>>()
  /** In the order of time, as text; with whose it is, so that the store drops nobody's entries for another's. */
  const idOf = ({ timeMs, asker, effect }: AuditStart, isRun: boolean) => {
    const id = `${String(timeMs).padStart(TIME_DIGITS, '0')}-${newId()}/${speakerPart(asker)}`
    return isRun && effect !== 'read' ? id : `${id}${LOOK}`
  }
  const timeOf = (id: string) => Number(id.slice(0, TIME_DIGITS))

  async function keep(id: string, start: AuditStart, end: AuditEnd): Promise<void> {
    const entry = { ...start, ...end, asker: { ...start.asker } }
    const written = store.put(id, { version: VERSION, entry })
    writing.add(written)
    try {
      await written
    } finally {
      writing.delete(written)
    }
  }

  async function* entries(sinceMs: number): AsyncGenerator<AuditEntry> {
    const ids = store.list().map(({ id }) => id)
    for (const id of ids.sort().reverse()) {
      if (timeOf(id) < sinceMs) return
      const entry = readEntry(id, await store.getJson(id))
      if (entry !== null) yield entry
    }
  }

  return {
    async begin(start) {
      const id = idOf(start, true)
      open.set(id, start.asker)
      try {
        await keep(id, start, RUNNING)
      } catch (error) {
        open.delete(id)
        throw error
      }
      return async (end) => {
        if (open.delete(id)) await keep(id, start, end)
      }
    },
    refuse: (start, code) =>
      keep(idOf(start, false), start, { ...RUNNING, outcome: 'refused', code: code ?? null }),
    async list({ sinceMs = 0, request, tool, limit = PAGE } = {}) {
      const found: AuditEntry[] = []
      for await (const entry of entries(sinceMs)) {
        if (request !== undefined && entry.request !== request) continue
        if (tool !== undefined && entry.tool !== tool) continue
        found.push(entry)
        if (found.length === limit) break
      }
      return found
    },
    async clear() {
      open.clear()
      await Promise.allSettled(writing)
      await store.clear()
    },
    async eraseAsker({ kind, id }) {
      const isTheirs = (asker: Asker) => asker.kind === kind && asker.id === id
      for (const [entry, asker] of open) if (isTheirs(asker)) open.delete(entry)
      await Promise.allSettled(writing)
      const theirs = await recordsOf(store, { kind, id }, (record) =>
        isJsonObject(record) && isJsonObject(record.entry) ? speakerIn(record.entry.asker) : null,
      )
      return store.deleteMany(theirs)
    },
  }
}
