/**
 * The jobs of this node and its work for others. A job is planned into tasks, stored, and only then acknowledged; this
 * node works on it like any other member, so that a node alone does all of it.
 */
import { rm } from 'node:fs/promises'
import path from 'node:path'
import type { Config } from '../../config.ts'
import { VillageError } from '../../errors.ts'
import type { Events } from '../../events.ts'
import type { HistogramReading } from '../../histogram.ts'
import type { JsonObject } from '../../json.ts'
import type { Service } from '../../lifecycle.ts'
import type { Log } from '../../log.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import type { Mesh } from '../../mesh/mesh.ts'
import { JOBS_PROTOCOL } from '../../mesh/protocols/jobs.ts'
import type { Store } from '../../store.ts'
import type { Models } from '../models/registry.ts'
import type { Pool } from '../pool.ts'
import type { Resources } from '../resources.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'
import { createKnownAnswers } from '../tasks/known-answers.ts'
import { TASK_KINDS } from '../tasks/table.ts'
import type { TaskKind } from '../tasks/task.ts'
import { createFinishedJobs } from './finished-jobs.ts'
import { createGuests, isNeededByPeers } from './guests.ts'
import type { JobKind, JobSummary, TaskSummary } from './job.ts'
import { createJobHistory, type JobNotes, keptNotes } from './job-history.ts'
import { createJobTraces } from './job-traces.ts'
import { dropKeptFiles, jobFilesDirectory, sweepKeptFiles } from './kept-files.ts'
import { JOB_KINDS } from './kinds.ts'
import { dropLeftoverPins } from './leftover-pins.ts'
import { schedulerLimits, trustRules } from './live-limits.ts'
import { attachOwnWorker } from './own-worker.ts'
import { createOwner, type Owner } from './owner.ts'
import { serveWorker } from './owner-stream.ts'
import { createJobQueue, type JobRecord, newRecord } from './queue.ts'
import { createRecruiting } from './recruiting.ts'
import { resumedJob } from './resumed-results.ts'
import { createRuns } from './runs.ts'
import { progressOf } from './scheduler-state.ts'
import { checkPlan, checkPriority, checkWish, jobKindByName, newJobId } from './submission.ts'
import { createTrustBook, type TrustEntry } from './trust-book.ts'
import { createOwnersWorkedFor } from './worked-for.ts'
import { createWorker } from './worker.ts'

export interface Jobs extends Service {
  /** Durable when it resolves. Throws JOB_KIND_UNKNOWN, INVALID_ARGUMENT, FILE_REFUSED, JOB_TOO_LARGE, and what the planning throws. */
  submit(init: { kind: string; params: JsonObject; priority?: number }): Promise<JobSummary>
  /** Oldest first. */
  list(): JobSummary[]
  get(id: string): JobSummary | null
  /** Tasks of a running job; a finished one has only its summary. */
  tasks(id: string): TaskSummary[]
  /** Why it went as it did; what a running job met before the last start is not known any more. Throws JOB_UNKNOWN. */
  history(id: string): Promise<JobNotes>
  cancel(id: string): Promise<void>
  setPriority(id: string, priority: number): Promise<void>
  /** Forgets a finished job and lets its artifacts go. */
  remove(id: string): Promise<void>
  /** Resolves when the job has ended, in whatever way. */
  wait(id: string, options: { signal: AbortSignal }): Promise<JobSummary>
  /** Whether guests of an open village may read this artifact: a running job of this node needs it. */
  guestsMayRead(cid: string): boolean
  /** Whether work that members are given needs this artifact: they may read it for now, also where it is private. */
  lends(cid: string): boolean
  trust(): TrustEntry[]
  pardon(peer: string): Promise<void>
  /** A peer was proven a liar in other work of the village (`kind`): no job takes anything from it for a while. */
  distrust(peer: string, init: { readonly kind: string; readonly reason: string }): void
  /** Owners that this node works for now, itself included. */
  work(): { owner: string; leases: number; running: number }[]
  /** Share of the lent cores that is busy, 0 to 1. */
  load(): number
  /** How long tasks took that this node worked on, by kind and by how they ended. */
  taskSeconds(): HistogramReading
}

interface Components {
  readonly mesh: Pick<Mesh, 'handle' | 'open' | 'peers' | 'roleOf' | 'subscribe' | 'publish' | 'onPeerChange'>
  readonly artifacts: Artifacts
  readonly pool: Pick<Pool, 'run'>
  /** For tasks that take hours (TaskContext.local). */
  readonly longPool: Pick<Pool, 'run'>
  readonly resources: Pick<Resources, 'limits' | 'accepts' | 'onChange'>
  readonly models: Models
  readonly sandbox: Pick<Sandbox, 'parallel' | 'check' | 'run'>
  readonly store: Pick<Store, 'json'>
  readonly events: Pick<Events, 'emit'>
  readonly log: Log
}

interface Init {
  readonly peerId: string
  readonly version: string
  readonly config: Pick<
    Config,
    'jobs.work' | 'jobs.guests' | 'jobs.leaseMs' | 'jobs.hedgeFactor' | 'jobs.replication' | 'jobs.trustAfter'
  >
  /** Working files of jobs. */
  readonly directory: string
  /** Where models are written out for onnxruntime. */
  readonly modelsDirectory: string
  /** Tables to work with instead of the project's own. */
  readonly taskKinds?: readonly TaskKind[]
  readonly jobKinds?: readonly JobKind[]
  readonly now?: () => number
  readonly random?: () => number
}

export function createJobs(components: Components, init: Init): Jobs {
  const { mesh, artifacts, store, events, log } = components
  const { config, peerId } = init
  const now = init.now ?? Date.now
  const random = init.random ?? Math.random
  const taskKinds = new Map((init.taskKinds ?? TASK_KINDS).map((kind) => [kind.kind, kind]))
  const jobKinds = new Map((init.jobKinds ?? JOB_KINDS).map((kind) => [kind.kind, kind]))
  const queue = createJobQueue({ store, log })
  const guests = createGuests({ mesh, state: () => owner.state }, { enabled: () => config['jobs.guests'] })
  const trust = createTrustBook(
    { store, events },
    {
      ownPeer: peerId,
      rules: trustRules(config),
      isGuest: guests.isGuest,
      now,
      random,
    },
  )
  const knownAnswers = createKnownAnswers({ random })
  const workDirectory = path.join(init.directory, 'jobs')
  const keptDirectory = jobFilesDirectory(init.directory)
  const dropFiles = (job: string) => dropKeptFiles(keptDirectory, job)
  const finished = createFinishedJobs({ ...components, queue, dropFiles })
  const stopping = new AbortController()
  let reviewing: Promise<void> = Promise.resolve()
  let nextOrder = 0
  let started = false

  const runs = createRuns(
    { ...components, queue, owner: (): Owner => owner },
    {
      directory: workDirectory,
      modelsDirectory: init.modelsDirectory,
      keptDirectory,
      kinds: jobKinds,
      taskKinds,
      now,
      extended: () => recruiting.announce(),
      notes: (job) => history.of(job),
      ended(record, durable) {
        traces.ended(record)
        finished.add(record, durable)
      },
    },
  )
  const traces = createJobTraces({ kindOf: (job, task) => owner.state.jobs.get(job)!.tasks[task]!.kind })
  const history = createJobHistory({ now, label: (job, task) => runs.label(job, task) })
  const followers = [history, traces]
  const owner = createOwner(
    { artifacts, pool: components.pool, trust, log },
    {
      ownPeer: peerId,
      kinds: taskKinds,
      modelsDirectory: init.modelsDirectory,
      known: knownAnswers,
      limits: schedulerLimits(config),
      now,
      random,
      on: {
        accepted: runs.accepted,
        reopened: runs.reopened,
        finished: runs.finished,
        failed: (job, _task, error) => {
          log.warn({ err: error, job }, 'job failed')
          runs
            .end(job, 'failed', error)
            .catch((cause: unknown) => log.error({ err: cause, job }, 'job not ended'))
        },
        lied: review,
        decided: (effects) => followers.map((it) => it.follow(effects)),
        gaveBack: (lease, failure) => followers.map((it) => it.failed(lease, failure)),
        taskChanged: (job, task, peer) => {
          const found = owner.state.jobs.get(job)?.tasks[task]
          const state = found?.state ?? 'cancelled'
          const progress = found === undefined ? 0 : progressOf(owner.state, found)
          events.emit('task:changed', { job, task, state, peer, progress })
        },
      },
    },
  )
  const worker = createWorker(components, {
    kinds: taskKinds,
    modelsDirectory: init.modelsDirectory,
    keptDirectory,
    known: knownAnswers,
    now,
  })
  const workedFor = createOwnersWorkedFor(
    { mesh, worker, artifacts, log },
    { version: init.version, enabled: () => config['jobs.work'], now },
  )
  const recruiting = createRecruiting(
    { mesh, log },
    {
      now,
      openTasks: owner.openTasks,
      isWorking: (peer) => owner.state.workers.has(peer),
      // The mesh is up before the jobs are: an owner that is heard too early is heard again.
      announced: (peer) => {
        if (started) workedFor.announced(peer)
      },
    },
  )
  mesh.handle(JOBS_PROTOCOL, async (stream, { peer, signal }) => {
    if (!started) throw new VillageError('SHUTTING_DOWN')
    await serveWorker({ owner, log, now }, stream, {
      signal: AbortSignal.any([signal, stopping.signal]),
      leaseMs: config['jobs.leaseMs'],
      admit: () => guests.admit(peer),
      announced: () => workedFor.announced(peer),
      // A guest is told nothing that it needs not know.
      traceOf: (lease) => (guests.isGuest(peer) ? null : traces.contextOf(lease)),
    })
  })

  /** Who was caught lying, or was pardoned, changes what finished jobs are worth. One review at a time. */
  function review(): void {
    reviewing = reviewing
      .then(() => finished.review(trust.lieAtMs))
      .catch((error: unknown) => log.error({ err: error }, 'finished jobs could not be reviewed'))
  }

  function get(id: string): JobSummary | null {
    return finished.get(id) ?? runs.summary(id)
  }

  function known(id: string): JobSummary {
    const summary = get(id)
    if (summary === null)
      throw new VillageError('JOB_UNKNOWN', `There is no job ${id}`, { fields: { job: id } })
    return summary
  }

  return {
    name: 'jobs',
    async start(signal) {
      // What a crash left of assembling; a running job begins it anew.
      await rm(workDirectory, { recursive: true, force: true })
      await trust.load()
      const stored = await queue.load()
      const running = ({ state }: JobRecord) => ({ running: state === 'running' })
      await dropLeftoverPins({ artifacts }, new Map(stored.map(({ record }) => [record.id, running(record)])))
      await sweepKeptFiles(
        keptDirectory,
        stored.map(({ record }) => record),
      )
      signal.throwIfAborted()
      started = true
      attachOwnWorker({ owner, worker }, { peerId, traceOf: traces.contextOf })
      for (const job of stored) {
        nextOrder = Math.max(nextOrder, job.record.order + 1)
        if (job.record.state === 'running' && jobKinds.has(job.record.kind)) {
          const resumed = resumedJob(job, trust.quarantined)
          if (resumed.fallen.length > 0) await queue.deleteResults(job.record.id, resumed.fallen)
          if (resumed.job.record !== job.record) await queue.truncate(resumed.job.record)
          traces.begin(resumed.job.record, { resumed: true })
          runs.add(resumed.job)
        } else finished.add(job.record, Promise.resolve())
      }
      review() // a crash may have come between the lie and the marks
      recruiting.start()
      recruiting.announce()
    },
    async stop() {
      started = false
      stopping.abort(new VillageError('SHUTTING_DOWN'))
      await recruiting.stop()
      await workedFor.stop()
      await owner.stop()
      await worker.stop()
      await runs.stop()
      traces.close()
      await reviewing
      await trust.flush()
    },
    async submit({ kind: name, params: given, priority = 0 }) {
      if (!started) throw new VillageError('SHUTTING_DOWN')
      const kind = jobKindByName(jobKinds, name)
      await checkWish({ params: given, priority }, init.directory)
      const id = newJobId()
      const context = runs.context(id, stopping.signal)
      const parsed = kind.parseParams(given)
      const params = (await kind.settle?.(parsed, context)) ?? parsed
      const plan = await kind.plan(params, context)
      await checkPlan(plan, taskKinds)
      const [order, createdAtMs, total] = [nextOrder, now(), plan.length]
      const record = newRecord({ id, kind: name, params, priority, order, createdAtMs, total })
      nextOrder += 1
      await queue.add(record, plan)
      if (!started) throw new VillageError('SHUTTING_DOWN', 'The job is stored and runs after the next start')
      traces.begin(record, { resumed: false })
      runs.add({ record, plan, results: new Map() })
      recruiting.announce()
      return known(id)
    },
    list: () =>
      [...finished.ids(), ...runs.ids()].map((id) => known(id)).sort((a, b) => a.createdAtMs - b.createdAtMs),
    get,
    tasks(id) {
      known(id)
      return runs.tasks(id)
    },
    history: async (id) => keptNotes({ history, queue }, known(id).id),
    async cancel(id) {
      if (known(id).state !== 'running') throw new VillageError('JOB_FINISHED')
      await runs.end(id, 'cancelled', new VillageError('JOB_CANCELLED'))
    },
    async setPriority(id, priority) {
      checkPriority(priority)
      if (known(id).state !== 'running') throw new VillageError('JOB_FINISHED')
      owner.setPriority(id, priority)
      await runs.setPriority(id, priority)
    },
    async remove(id) {
      if (known(id).state === 'running') throw new VillageError('JOB_RUNNING')
      await finished.forget(id)
    },
    wait(id, { signal }) {
      const summary = known(id)
      return summary.state === 'running' ? finished.wait(id, signal) : Promise.resolve(summary)
    },
    guestsMayRead: guests.mayRead,
    lends: (cid) => isNeededByPeers(owner.state, cid),
    trust: trust.list,
    async pardon(peer) {
      await trust.pardon(peer)
      owner.refreshTrust()
      review()
      await reviewing
    },
    distrust(peer, { kind, reason }) {
      if (peer !== peerId) owner.distrust(peer, kind, reason)
    },
    work: worker.owners,
    load: worker.load,
    taskSeconds: worker.taskSeconds,
  }
}
