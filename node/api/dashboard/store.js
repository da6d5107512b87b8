/**
 * What the page shows: a copy of the daemon's state, loaded once and then kept by its events. An event says what
 * changed; the part that it belongs to is read again (at most once a second), except for the progress of jobs and tasks,
 * which comes so often that its events are applied in place.
 */
import { ApiError, followEvents, get } from './parts/connection.js'
import { tell } from './parts/event-bus.js'
import { isAnnounced, wordsOf } from './parts/event-words.js'
import { FIRST_PATHS } from './parts/first-reads.js'
import { peerNames } from './parts/peer-names.js'

/** Changes that come together are read together, and one part at most once a second. */
const SETTLE_MS = 150
const MIN_INTERVAL_MS = 1_000
const POLL_MS = 10_000
/** What is held of the tasks of running jobs: of more, and of larger ones, there is the count alone. */
const MAX_JOBS_WITH_TASKS = 8
const MAX_TASKS = 5_000
/** The page is drawn at most this often, however fast events come. */
const DRAW_EVERY_MS = 200
/** Who listens must be able to hear one before the next. */
const ANNOUNCE_EVERY_MS = 2_000

/** Part of the state → where it is read. */
const PARTS = {
  status: async () => get(FIRST_PATHS.status),
  members: async () => (await get(FIRST_PATHS.members)).members,
  jobs: async () => (await get(FIRST_PATHS.jobs)).jobs,
  resources: async () => get(FIRST_PATHS.resources),
  peers: async () => (await get('/api/v1/peers')).peers,
  models: async () => (await get('/api/v1/models?limit=10000')).models,
  approvals: async () => (await get('/api/v1/approvals')).approvals,
  pulls: async () => (await get('/api/v1/pulls')).pulls,
  catalog: async () => get('/api/v1/catalog'),
}
/** Parts that the first page is made of: they are read at once, the others when these are drawn and the events are followed. */
const FIRST_PARTS = Object.keys(FIRST_PATHS)
const LATER_PARTS = Object.keys(PARTS).filter((part) => !FIRST_PARTS.includes(part))
/** Event → parts that it makes stale. */
const STALE = {
  'peer:connected': ['peers', 'members', 'status'],
  'peer:disconnected': ['peers', 'members', 'status'],
  'village:changed': ['status', 'peers', 'members'],
  'member:joined': ['members', 'status'],
  'member:revoked': ['members', 'peers', 'status'],
  'member:left': ['members', 'peers', 'status'],
  'artifact:added': ['status'],
  'artifact:removed': ['status'],
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
  'config:changed': ['status', 'resources'],
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
  let drawnAtMs = -DRAW_EVERY_MS
  let announcedAtMs = -ANNOUNCE_EVERY_MS
  let followed = false
  let isFirstRead = false
  let isLaterRead = false
  /** The part that could not be read, until it can. */
  let failing = null
  let readAtMs = performance.now()

  /** What is looked at first is drawn as soon as it is there. */
  const isFilled = () => FIRST_PARTS.every((part) => state[part] !== undefined)

  function publish() {
    if (changed) return
    changed = true
    setTimeout(
      () =>
        requestAnimationFrame(() => {
          changed = false
          drawnAtMs = performance.now()
          if (!stopping.signal.aborted) onChange({ ...state })
          if (followed && isFirstRead) setTimeout(readLater)
        }),
      isFilled() ? Math.max(0, drawnAtMs + DRAW_EVERY_MS - performance.now()) : 0,
    )
  }

  function announce(event) {
    if (!isAnnounced(event) || performance.now() - announcedAtMs < ANNOUNCE_EVERY_MS) return
    announcedAtMs = performance.now()
    state.announcement = wordsOf(event, peerNames(state))
    publish()
  }

  async function readTasks() {
    const running = state.jobs?.filter((job) => job.state === 'running').slice(-MAX_JOBS_WITH_TASKS) ?? []
    for (const { id, total } of running)
      if (state.tasks[id] === undefined && total <= MAX_TASKS) {
        const { tasks } = await get(`/api/v1/jobs/${id}/tasks?limit=${MAX_TASKS}`)
        // A job that ends while it is read has no tasks any more.
        if (tasks.length > 0) state.tasks[id] = tasks
      }
    const ids = new Set(running.map((job) => job.id))
    for (const id of Object.keys(state.tasks)) if (!ids.has(id)) delete state.tasks[id]
  }

  /** Each part is shown as it comes: none waits for another. */
  async function refreshPart(part) {
    try {
      state[part] = await PARTS[part]()
      if (part === 'jobs') {
        publish()
        await readTasks()
      }
      if (failing === part) {
        failing = null
        state.error = null
      }
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return onRefused(error)
      // The job may have ended between the two reads; the next event tells.
      if (error instanceof ApiError && error.status === 404) return
      failing = part
      state.error = error
    }
    publish()
  }

  const refresh = async (...parts) => {
    await Promise.all(parts.map(refreshPart))
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

  function readLater() {
    if (isLaterRead) return
    isLaterRead = true
    refresh(...LATER_PARTS)
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
      // Whoever gets no stream (too many have one) sees all the same what there is.
      if (!live) readLater()
      publish()
    },
    onEvent({ id, type, data }) {
      if (type === 'hello') {
        // What changed between the first reading and the first connection came by no event.
        if (!followed) {
          touch(isLaterRead ? Object.keys(PARTS) : FIRST_PARTS)
          publish()
          tell({ type: 'resync', data: {} })
        }
        followed = true
        return
      }
      if (type === 'gap') {
        state.tasks = {}
        refresh(...Object.keys(PARTS))
        tell({ type: 'resync', data: {} })
        return
      }
      tell({ id, type, data })
      announce({ type, data })
      if (type === 'task:changed') applyTask(data)
      else {
        if (type === 'job:changed') applyJob(data)
        if (STALE[type] !== undefined) touch(STALE[type])
      }
    },
  })
  refresh(...FIRST_PARTS).then(() => {
    isFirstRead = true
    publish()
  })
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
