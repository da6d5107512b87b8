/**
 * The working side: runs leased tasks of several owners, each owner in turn, on as many slots as the resource governor
 * lends. A paused node takes nothing, gives back what it has not started, and finishes what runs.
 */
import { type ErrorCode, toVillageError, VillageError } from '../../errors.ts'
import type { Events } from '../../events.ts'
import { createHistogram, type HistogramReading } from '../../histogram.ts'
import type { Log } from '../../log.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import { inSpan, type Span } from '../../tracing.ts'
import type { Pool } from '../pool.ts'
import type { Resources } from '../resources.ts'
import type { KnownAnswers } from '../tasks/known-answers.ts'
import type { LocalContext, TaskContext, TaskKind } from '../tasks/task.ts'
import type { LeaseOrder, OwnerConnection, WorkerLink } from './links.ts'
import { checkMemory, fetchInputs } from './task-inputs.ts'

interface Components {
  readonly artifacts: Pick<Artifacts, 'fetch' | 'materialize' | 'read' | 'has' | 'info' | 'unpin'>
  readonly pool: Pick<Pool, 'run'>
  readonly longPool: Pick<Pool, 'run'>
  readonly resources: Pick<Resources, 'limits' | 'accepts' | 'onChange'>
  readonly events: Pick<Events, 'emit'>
  readonly log: Log
}

interface Init {
  readonly kinds: ReadonlyMap<string, TaskKind>
  readonly modelsDirectory: string
  /** Of this node's own jobs (kept-files.ts). */
  readonly keptDirectory: string
  readonly known: KnownAnswers
  readonly now: () => number
}

export interface Worker {
  readonly kinds: readonly string[]
  /** Starts to work for an owner and tells it how many leases it may send; the link ends with `end()`. */
  attach(connection: OwnerConnection): WorkerLink
  /** Owners that are worked for, with their leases. */
  owners(): { owner: string; leases: number; running: number }[]
  load(): number
  /** How long tasks took, by kind and by how they ended: done, declined, failed or revoked. */
  taskSeconds(): HistogramReading
  stop(): Promise<void>
}

interface Held {
  readonly order: LeaseOrder
  readonly abort: AbortController
  phase: 'queued' | 'running' | 'delivered'
  share: number
}

interface Session {
  readonly connection: OwnerConnection
  readonly held: Map<number, Held>
  readonly inputs: Set<string>
  window: number
  heartbeat: NodeJS.Timeout | undefined
  ended: boolean
}

/** How an attempt ended; `revoked`: nobody wanted it any more. */
type TaskEnd = 'done' | 'declined' | 'failed' | 'revoked'

/** A worker holds about this much work beyond what runs, so that the way to the owner and back is never waited for. */
const PREFETCH_MS = 100
const MAX_PREFETCH = 32
const HEARTBEATS_BY_LEASE = 3
/** This node's own leases do not expire: all that their heartbeats tell is progress. */
const OWN_PROGRESS_MS = 1_000
/** What is said of a task whose inputs are here: 0 would say that they are still fetched. */
const STARTED_SHARE = 0.001
/** Codes with which a task is given back unharmed: the fault is this node's and passes. */
const PASSING: readonly ErrorCode[] = [
  'ABORTED',
  'SHUTTING_DOWN',
  'WORK_PAUSED',
  'ARTIFACT_UNAVAILABLE',
  'PEER_BUSY',
]

export function createWorker(components: Components, init: Init): Worker {
  const { artifacts, pool, resources, log } = components
  const sessions = new Set<Session>()
  const running = new Set<Promise<void>>()
  const taskSeconds = createHistogram<'kind' | 'result'>()
  let busySlots = 0
  let reservedBytes = 0
  let meanTaskMs = PREFETCH_MS
  let stopping = false

  const local: LocalContext = {
    keptDirectory: init.keptDirectory,
    cores: resources.limits().cpuCores,
    longPool: components.longPool,
    events: components.events,
    accepts: () => resources.accepts(true),
  }
  const unsubscribe = resources.onChange(() => {
    for (const session of sessions) updateWindow(session)
    pump()
  })

  function windowOf(session: Session): number {
    if (stopping || session.ended || !resources.accepts(session.connection.own)) return 0
    const slots = resources.limits().cpuCores
    const prefetch = Math.ceil((PREFETCH_MS / Math.max(meanTaskMs, 0.1)) * slots)
    return slots + Math.min(MAX_PREFETCH, Math.max(1, prefetch))
  }

  function updateWindow(session: Session): void {
    const window = windowOf(session)
    if (window === session.window) return
    session.window = window
    session.connection.window(window)
    if (window > 0) return
    for (const [lease, held] of session.held)
      if (held.phase === 'queued') {
        session.held.delete(lease)
        session.connection.failure({ lease, code: 'WORK_PAUSED', declined: true })
      }
  }

  function beat(session: Session): void {
    const leases = [...session.held].map(([lease, held]) => ({ lease, share: held.share }))
    if (leases.length > 0) session.connection.heartbeat(leases)
  }

  function memoryOf(order: LeaseOrder): number {
    const kind = init.kinds.get(order.kind)
    try {
      return kind === undefined ? 0 : kind.estimate(kind.parseParams(order.params)).memoryBytes
    } catch {
      return 0 // run() says what is wrong with the parameters
    }
  }

  /** The next task to start: owners in turn, each in the order of its leases. */
  function next(): [Session, number, Held] | null {
    for (const session of sessions) {
      if (!resources.accepts(session.connection.own)) continue
      for (const [lease, held] of session.held) {
        if (held.phase !== 'queued') continue
        // To the end of the line: the next call begins with another owner.
        sessions.delete(session)
        sessions.add(session)
        return [session, lease, held]
      }
    }
    return null
  }

  function pump(): void {
    while (!stopping && busySlots < resources.limits().cpuCores) {
      const chosen = next()
      if (chosen === null) return
      const [session, lease, held] = chosen
      const memoryBytes = memoryOf(held.order)
      const limitBytes = resources.limits().memoryBytes
      if (memoryBytes > limitBytes) {
        session.held.delete(lease)
        session.connection.failure({ lease, code: 'RESOURCES_INSUFFICIENT', declined: false })
        continue
      }
      if (busySlots > 0 && reservedBytes + memoryBytes > limitBytes) return // a running task frees memory
      held.phase = 'running'
      busySlots += 1
      reservedBytes += memoryBytes
      let free = () => {
        free = () => undefined
        busySlots -= 1
        reservedBytes -= memoryBytes
        pump()
      }
      const work = attempt(session, lease, held, () => free()).finally(() => {
        running.delete(work)
        free()
      })
      running.add(work)
    }
  }

  /** One try at a task, in a span of the task's where its owner traces. */
  async function attempt(session: Session, lease: number, held: Held, computed: () => void): Promise<void> {
    const { connection } = session
    const { order } = held
    // The name comes from the owner: only one of the table is kept.
    const kind = init.kinds.has(order.kind) ? order.kind : 'unknown'
    const startedMs = performance.now()
    const attributes = { 'village.task.kind': kind, 'village.job.owner': connection.owner }
    const parent = order.trace ?? null
    await inSpan(`attempt ${kind}`, { kind: 'consumer', parent, attributes }, async (span) => {
      const result = await execute(session, lease, held, computed, span)
      span.set({ 'village.task.result': result })
      taskSeconds.observe({ kind, result }, (performance.now() - startedMs) / 1000)
    })
  }

  /** `computed` is called as soon as others may compute: handing the output in takes no core. */
  async function execute(
    session: Session,
    lease: number,
    held: Held,
    computed: () => void,
    span: Span,
  ): Promise<TaskEnd> {
    const { connection } = session
    const { signal } = held.abort
    const startedMs = init.now()
    try {
      const kind = init.kinds.get(held.order.kind)
      if (kind === undefined || (kind.ownerOnly === true && !connection.own))
        throw new VillageError('TASK_KIND_UNKNOWN')
      const params = kind.parseParams(held.order.params)
      const task = { kind, params }
      const fetching = { owner: connection.owner, fetched: session.inputs, signal }
      await inSpan('fetch inputs', {}, () => fetchInputs(artifacts, task, fetching))
      signal.throwIfAborted()
      await checkMemory(artifacts, resources, task)
      held.share = STARTED_SHARE
      if (kind.inputs(params).length > 0 && !connection.own)
        connection.heartbeat([{ lease, share: held.share }])
      const context: TaskContext = {
        artifacts,
        pool,
        modelsDirectory: init.modelsDirectory,
        signal,
        progress: (share) => {
          held.share = Math.max(STARTED_SHARE, share)
        },
        known: init.known,
        log,
        ...(connection.own ? { local } : {}),
      }
      const output = await inSpan('run', {}, () => kind.run(params, context))
      signal.throwIfAborted()
      const busyMs = init.now() - startedMs
      meanTaskMs += (busyMs - meanTaskMs) / 8
      held.phase = 'delivered'
      held.share = 1
      computed()
      await inSpan('deliver', {}, () => connection.deliver({ lease, busyMs: Math.round(busyMs), output }))
      updateWindow(session)
      return 'done'
    } catch (error) {
      session.held.delete(lease)
      if (signal.aborted || session.ended) return 'revoked'
      const failure = toVillageError(error)
      // The owner is the last that others would ask: what it cannot find itself, nobody has.
      const declined =
        PASSING.includes(failure.code) && !(connection.own && failure.code === 'ARTIFACT_UNAVAILABLE')
      log.debug({ err: failure, kind: held.order.kind, owner: connection.owner }, 'task not completed')
      connection.failure({ lease, code: failure.code, declined, error: failure })
      span.fail(failure)
      return declined ? 'declined' : 'failed'
    }
  }

  function drop(session: Session, lease: number): void {
    const held = session.held.get(lease)
    if (held === undefined) return
    session.held.delete(lease)
    held.abort.abort(new VillageError('LEASE_REVOKED'))
    session.connection.release(lease)
  }

  function end(session: Session): void {
    if (session.ended) return
    session.ended = true
    clearInterval(session.heartbeat)
    sessions.delete(session)
    for (const lease of [...session.held.keys()]) drop(session, lease)
    for (const cid of session.inputs)
      artifacts
        .unpin(cid, `work:${session.connection.owner}`)
        .catch((error: unknown) => log.debug({ err: error, cid }, 'input not unpinned'))
  }

  return {
    kinds: [...init.kinds.keys()],
    attach(connection) {
      const session: Session = {
        connection,
        held: new Map(),
        inputs: new Set(),
        window: 0,
        heartbeat: undefined,
        ended: false,
      }
      sessions.add(session)
      updateWindow(session)
      return {
        lease(order) {
          if (session.ended) return
          if (session.held.size >= Math.max(1, session.window) * 4) {
            connection.failure({ lease: order.lease, code: 'PEER_BUSY', declined: true })
            return
          }
          if (session.window === 0) {
            connection.failure({ lease: order.lease, code: 'WORK_PAUSED', declined: true })
            return
          }
          session.held.set(order.lease, { order, abort: new AbortController(), phase: 'queued', share: 0 })
          session.heartbeat ??= setInterval(
            () => beat(session),
            connection.own ? OWN_PROGRESS_MS : order.leaseMs / HEARTBEATS_BY_LEASE,
          )
          pump()
        },
        revoke: (lease) => drop(session, lease),
        settled: (lease) => drop(session, lease),
        end: () => end(session),
      }
    },
    owners: () =>
      [...sessions].map(({ connection, held }) => ({
        owner: connection.owner,
        leases: held.size,
        running: [...held.values()].filter(({ phase }) => phase === 'running').length,
      })),
    taskSeconds: taskSeconds.read,
    load: () => Math.min(1, busySlots / Math.max(1, resources.limits().cpuCores)),
    async stop() {
      stopping = true
      unsubscribe()
      for (const session of [...sessions]) end(session)
      await Promise.allSettled(running)
    },
  }
}
