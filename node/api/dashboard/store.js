/**
 * What the page shows: a copy of the daemon's state, loaded once and then kept by its events. An event says what
 * changed; the part that it belongs to is read again (at most once a second), except for the progress of jobs and tasks,
 * which comes so often that its events are applied in place.
 */
import { ApiError, followEvents, get } from './parts/connection.js'

/** Changes that come together are read together, and one part at most once a second. */
const SETTLE_MS = 150
const MIN_INTERVAL_MS = 1_000
const POLL_MS = 10_000

/** Part of the state → where it is read. */
const PARTS = {
  status: async () => get('/api/v1/status'),
  resources: async () => get('/api/v1/resources'),
  peers: async () => (await get('/api/v1/peers')).peers,
  members: async () => (await get('/api/v1/members')).members,
  models: async () => (await get('/api/v1/models?limit=10000')).models,
  pulls: async () => (await get('/api/v1/pulls')).pulls,
  artifacts: async () => get('/api/v1/artifacts?limit=10000'),
  jobs: async () => (await get('/api/v1/jobs')).jobs,
  catalog: async () => get('/api/v1/catalog'),
  approvals: async () => (await get('/api/v1/approvals')).approvals,
}
/** Event → parts that it makes stale. */
const STALE = {
  'peer:connected': ['peers', 'members', 'status'],
  'peer:disconnected': ['peers', 'members', 'status'],
  'village:changed': ['status', 'peers', 'members'],
  'member:joined': ['members', 'status'],
  'member:revoked': ['members', 'peers', 'status'],
  'member:left': ['members', 'peers', 'status'],
  'artifact:added': ['artifacts'],
  'artifact:removed': ['artifacts'],
  'job:changed': ['jobs', 'status'],
  'job:doubted': ['jobs'],
  'model:doubted': ['models'],
  'model:added': ['models', 'status'],
  'model:removed': ['models', 'status'],
  'model:shared': ['models'],
  'pull:changed': ['pulls'],
  'pull:removed': ['pulls'],
  'resources:changed': ['resources', 'status'],
  'peer:quarantined': ['peers'],
  'agent:approval': ['approvals'],
}

const say = {
  'peer:connected': () => 'A member connected.',
  'peer:disconnected': () => 'A member went away.',
  'member:joined': (data) => `${data.name} joined the village.`,
  'member:left': () => 'A member left the village.',
  'model:added': (data) => `Model ${data.id} was added.`,
  'pull:changed': (data) => (data.state === 'failed' ? `${data.name} could not be pulled.` : null),
  'peer:quarantined': () => 'A member returned a wrong result and is quarantined.',
  'job:doubted': (data) =>
    data.peers.length === 0 ? null : `A finished ${data.kind} job rests on the word of a liar.`,
  'job:changed': (data) => (data.state === 'running' ? null : `A ${data.kind} job is ${data.state}.`),
}

/**
 * @param {{ onChange(state: object): void, onRefused(error: ApiError): void }} init
 * @returns {{ refresh(...parts: string[]): Promise<void>, stop(): void, say(text: string): void }}
 */
export function createStore({ onChange, onRefused }) {
  const stopping = new AbortController()
  /** @type {Record<string, any>} */
  const state = { live: false, error: null, announcement: '', tasks: {} }
  /** @type {Set<string>} */
  const stale = new Set()
  /** @type {ReturnType<typeof setTimeout> | null} */
  let settling = null
  let changed = false
  let followed = false
  let readAtMs = -MIN_INTERVAL_MS

  function publish() {
    if (changed) return
    changed = true
    requestAnimationFrame(() => {
      changed = false
      if (!stopping.signal.aborted) onChange({ ...state })
    })
  }

  async function readTasks() {
    const running = state.jobs?.filter((job) => job.state === 'running') ?? []
    for (const job of running)
      if (state.tasks[job.id] === undefined) {
        const tasks = []
        for (let total = 1; tasks.length < total; ) {
          const page = await get(`/api/v1/jobs/${job.id}/tasks?offset=${tasks.length}&limit=10000`)
          // A job that ends while it is read has no tasks any more.
          total = page.tasks.length === 0 ? 0 : page.total
          tasks.push(...page.tasks)
        }
        state.tasks[job.id] = tasks
      }
    const ids = new Set(running.map((job) => job.id))
    for (const id of Object.keys(state.tasks)) if (!ids.has(id)) delete state.tasks[id]
  }

  async function refresh(...parts) {
    try {
      await Promise.all(
        parts.map(async (part) => {
          state[part] = await PARTS[part]()
        }),
      )
      if (parts.includes('jobs')) await readTasks()
      state.error = null
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return onRefused(error)
      // The job may have ended between the two reads; the next event tells.
      if (!(error instanceof ApiError && error.status === 404)) state.error = error
    }
    publish()
  }

  function touch(parts) {
    for (const part of parts) stale.add(part)
    settling ??= setTimeout(
      () => {
        settling = null
        readAtMs = performance.now()
        const wanted = [...stale]
        stale.clear()
        refresh(...wanted)
      },
      Math.max(SETTLE_MS, readAtMs + MIN_INTERVAL_MS - performance.now()),
    )
  }

  function applyTask({ job, task, state: taskState, peer, progress }) {
    const known = state.tasks[job]?.[task]
    if (known === undefined) return
    const peers =
      taskState === 'leased' && peer !== null && !known.peers.includes(peer)
        ? [...known.peers, peer]
        : known.peers
    state.tasks[job] = state.tasks[job].with(task, {
      ...known,
      state: taskState,
      progress,
      peers: taskState === 'leased' ? peers : [],
    })
    publish()
  }

  function applyJob({ job, done, total, stage, state: jobState }) {
    state.jobs = state.jobs?.map((known) =>
      known.id === job ? { ...known, done, total, stage, state: jobState } : known,
    )
    publish()
  }

  followEvents({
    signal: stopping.signal,
    onRefused,
    onState(live) {
      state.live = live
      publish()
    },
    onEvent({ type, data }) {
      const text = say[type]?.(data)
      if (text) state.announcement = text
      if (type === 'hello') {
        // What changed between the first reading and the first connection came by no event.
        if (!followed) touch(Object.keys(PARTS))
        followed = true
        return
      }
      if (type === 'gap') {
        state.tasks = {}
        refresh(...Object.keys(PARTS))
      } else if (type === 'task:changed') applyTask(data)
      else {
        if (type === 'job:changed') applyJob(data)
        if (STALE[type] !== undefined) touch(STALE[type])
      }
    },
  })
  refresh(...Object.keys(PARTS))
  // Load, latency and free memory have no events.
  const poll = setInterval(() => {
    if (!document.hidden) touch(['status', 'resources', 'peers'])
  }, POLL_MS)

  return {
    refresh,
    say(text) {
      state.announcement = text
      publish()
    },
    stop() {
      stopping.abort()
      clearInterval(poll)
      if (settling !== null) clearTimeout(settling)
    },
  }
}
