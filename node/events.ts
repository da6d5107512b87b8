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
  'member:left': { peer: string }
  'artifact:added': { cid: string; sizeBytes: number; name: string | null }
  'artifact:progress': { cid: string; doneBytes: number; totalBytes: number }
  'artifact:removed': { cid: string }
  /** `stage`: what a running job is at, else null. */
  'job:changed': {
    job: string
    kind: string
    state: string
    done: number
    total: number
    stage: string | null
  }
  /** A finished job rests on the word of `peers`, who were caught lying since; with none, not any more. */
  'job:doubted': { job: string; kind: string; peers: string[]; tasks: number }
  'task:changed': { job: string; task: number; state: string; peer: string | null; progress: number }
  'peer:quarantined': { peer: string; kind: string; reason: string }
  'model:added': { id: string; name: string }
  'model:removed': { id: string }
  /** Members of the village are told of it, or not any more. */
  'model:shared': { id: string; shared: boolean }
  /** A pull goes on, or has ended; `totalBytes` is 0 until it is known, `model` the id of what came of it. */
  'pull:changed': {
    pull: string
    name: string
    state: string
    stage: string
    doneBytes: number
    totalBytes: number
    model: string | null
  }
  'pull:removed': { pull: string }
  /** What members of the village share has changed. */
  'shares:changed': { peer: string }
  /** The job that made the model rests on the word of a liar; with null, not any more. */
  'model:doubted': { id: string; job: string | null }
  /** The latest of a training, at most a few times a second; `heldOutLoss` only where it is new. */
  'training:metrics': {
    job: string
    step: number
    steps: number
    loss: number
    heldOutLoss: number | null
    learningRate: number
    gradientNorm: number | null
    tokens: number
    tokensPerSecond: number
  }
  /**
   * The intrinsic dimension of a model's hidden states falls while its training has slowed down (docs/geometry.md): a sign that it
   * begins to generalise. Only for trainings that measure it.
   */
  'training:grokking': { job: string; step: number; dimensionBefore: number; dimension: number }
  'generate:loaded': { model: string; residentBytes: number }
  /** `reason`: idle, memory, removed, crashed or stopped. */
  'generate:unloaded': { model: string; reason: string }
  'collection:created': { collection: string; name: string }
  /** Its documents (`generation` then grows), its settings or what it watches. */
  'collection:changed': { collection: string; name: string; generation: number }
  'collection:removed': { collection: string; name: string }
  /** A run of indexing goes on, at most a few times a second, or has ended. `files` grows until `isCounted`. */
  'index:changed': {
    run: string
    collection: string
    name: string
    state: string
    files: number
    isCounted: boolean
    doneFiles: number
    totalBytes: number
    doneBytes: number
    embedded: number
    chunks: number
  }
  /** A federation of this node goes on, or has ended; `loss` is that of the last round's clients. */
  'federation:changed': {
    federation: string
    name: string
    state: string
    round: number
    rounds: number
    /** Updates that have come in for the current round, and clients asked. */
    answered: number
    asked: number
    /** How often the round was tried before. */
    attempt: number
    /** Members that take part and are here, while they are too few for a round; null otherwise. */
    waiting: number | null
    loss: number | null
  }
  /** A run was heard of, or its phase, its generation or whether it stands still has changed. `best`: mean of the best so far. */
  'round:changed': {
    run: string
    name: string
    phase: string
    generation: number
    height: number
    isPaused: boolean
    best: number | null
  }
  /** Members take note of a lie in a run. */
  'round:lie': { run: string; peer: string; kind: string }
  /** The winner of a run is built and agreed on; `cid` is null where it is no model. */
  'round:published': { run: string; name: string; cid: string | null }
  /** A run of self-evolution has begun. */
  'self-evolution:started': { goal: string; run: string }
  /** It has ended. `outcome`: adopted, kept, stopped or failed; `version`: the one that is present now. */
  'self-evolution:ended': {
    goal: string
    run: string | null
    outcome: string
    reason: string
    version: number | null
  }
  /** A person went back to an earlier version. */
  'self-evolution:rolled-back': { goal: string; version: number }
  /** A request to an agent has begun or ended; `finish` is null until then, and the code of an error where it failed. */
  'agent:request': { request: string; agent: string; model: string | null; finish: string | null }
  /** A call waits for approval, or does not any more. `state`: waiting, approved, denied, expired or withdrawn. */
  'agent:approval': {
    approval: string
    request: string
    agent: string
    tool: string
    state: string
    expiresAtMs: number
  }
  /** Keys whose value is another now, and keys that have another after the next start. */
  'config:changed': { applied: string[]; needRestart: string[] }
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
  /** The newest of each kind, oldest first: what comes seldom is not pushed out by what comes often. */
  newest(): VillageEvent[]
}

/** What is kept for those who reconnect or come late. */
export const KEPT_EVENTS = 1_000
/** And of each kind (a type, with its state where it has one) for those who look at what has happened. */
export const KEPT_BY_KIND = 100

/** `job:changed done`: the states are the daemon's own words, so that there are few. */
const kindOf = ({ type, data }: VillageEvent) => ('state' in data ? `${type} ${data.state}` : type)

/**
 * `onError` is told what a listener threw: the one who emits never is, and the other listeners still see the event.
 * Without it such an error is uncaught, as that of a DOM event listener is.
 */
export function createEvents(init: { now?: () => number; onError?: (error: unknown) => void } = {}): Events {
  const now = init.now ?? Date.now
  const onError =
    init.onError ??
    ((error) =>
      process.nextTick(() => {
        throw error
      }))
  const subscriptions = new Set<{ listener: (event: VillageEvent) => void }>()
  const kept: VillageEvent[] = []
  const byKind = new Map<string, VillageEvent[]>()
  let seq = 0
  return {
    emit(type, data) {
      seq += 1
      const event = { seq, timeMs: now(), type, data } as VillageEvent
      kept.push(event)
      if (kept.length > KEPT_EVENTS) kept.shift()
      const ofKind = byKind.get(kindOf(event)) ?? []
      if (ofKind.length === 0) byKind.set(kindOf(event), ofKind)
      ofKind.push(event)
      if (ofKind.length > KEPT_BY_KIND) ofKind.shift()
      // A copy: one that subscribes while this event is handed out sees the next one.
      for (const subscription of [...subscriptions]) {
        if (!subscriptions.has(subscription)) continue
        try {
          subscription.listener(event)
        } catch (error) {
          onError(error)
        }
      }
    },
    subscribe(listener) {
      const subscription = { listener }
      subscriptions.add(subscription)
      return () => subscriptions.delete(subscription)
    },
    since: (after) => kept.filter((event) => event.seq > after),
    newest: () => [...byKind.values()].flat().sort((a, b) => a.seq - b.seq),
  }
}
