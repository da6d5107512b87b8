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
  delete(id: string): Promise<boolean>
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
const RUNNING: AuditEnd = { outcome: 'started', code: null, ms: null, sizeBytes: null }

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
  /** In the order of time, as text. */
  const idOf = (timeMs: number) => `${String(timeMs).padStart(TIME_DIGITS, '0')}-${newId()}`
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
      const id = idOf(start.timeMs)
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
      keep(idOf(start.timeMs), start, { ...RUNNING, outcome: 'refused', code: code ?? null }),
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
      let erased = 0
      for await (const entry of entries(0))
        if (isTheirs(entry.asker) && (await store.delete(entry.id))) erased += 1
      return erased
    },
  }
}
