/**
 * Events are for programs: one typed stream that the API serves as server-sent events.
 * A service emits what happened; nobody's work depends on an event being seen.
 */
export interface EventMap {
  'peer:connected': { peer: string }
  'peer:disconnected': { peer: string }
  'village:changed': { village: string | null }
  'member:joined': { peer: string; role: string; name: string }
  'member:revoked': { peer: string }
  'artifact:added': { cid: string; sizeBytes: number; name: string | null }
  'artifact:progress': { cid: string; doneBytes: number; totalBytes: number }
  'artifact:removed': { cid: string }
  'job:changed': { job: string; kind: string; state: string; done: number; total: number }
  'task:changed': { job: string; task: number; state: string; peer: string | null; progress: number }
  'peer:quarantined': { peer: string; kind: string; reason: string }
  'model:added': { id: string; name: string }
  'model:removed': { id: string }
  'resources:changed': { accepting: boolean; reason: string | null }
}

export type EventName = keyof EventMap
export type VillageEvent = {
  [K in EventName]: { seq: number; timeMs: number; type: K; data: EventMap[K] }
}[EventName]

export interface Events {
  emit<K extends EventName>(type: K, data: EventMap[K]): void
  /** Calls `listener` on every event from now on; returns the function that ends it. */
  subscribe(listener: (event: VillageEvent) => void): () => void
  /** Events after `seq` that are still kept (the last 1,000): what a client that reconnects has missed. */
  since(seq: number): VillageEvent[]
}

const KEPT_EVENTS = 1_000

export function createEvents(init: { now?: () => number } = {}): Events {
  const now = init.now ?? Date.now
  const listeners = new Set<(event: VillageEvent) => void>()
  const kept: VillageEvent[] = []
  let seq = 0
  return {
    emit(type, data) {
      seq += 1
      const event = { seq, timeMs: now(), type, data } as VillageEvent
      kept.push(event)
      if (kept.length > KEPT_EVENTS) kept.shift()
      for (const listener of listeners) listener(event)
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    since: (after) => kept.filter((event) => event.seq > after),
  }
}
