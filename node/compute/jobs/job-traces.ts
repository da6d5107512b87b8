/**
 * Traces of this node's jobs: job → task → attempts. A task's span goes from its first lease to its accepted result; its context goes
 * along with the lease, so that the attempt, wherever it is made, is a part of it. A job that goes on after a restart begins a new trace,
 * with the same id as attribute.
 */
import { isErrorCode, VillageError } from '../../errors.ts'
import { isTracing, type Span, startSpan } from '../../tracing.ts'
import type { JobRecord } from './queue.ts'
import type { Effect, Lease } from './scheduler-state.ts'

export interface JobTraces {
  /** Within the span of whoever submitted it; `resumed`: of nobody. */
  begin(job: Pick<JobRecord, 'id' | 'kind' | 'total'>, init: { readonly resumed: boolean }): void
  follow(effects: readonly Effect[]): void
  /** A worker gave a lease back. */
  failed(lease: Lease, failure: { readonly declined: boolean }): void
  /** What travels with a lease; null where nothing is traced. */
  contextOf(lease: number): Uint8Array | null
  ended(job: Pick<JobRecord, 'id' | 'state' | 'total' | 'error'>): void
  /** The daemon stops: running jobs go on in another trace. */
  close(): void
}

interface TracedJob {
  readonly span: Span
  readonly tasks: Map<number, Span>
}

const NAMES = { job: 'village.job.id', kind: 'village.job.kind', task: 'village.task.index' } as const

export function createJobTraces(init: { readonly kindOf: (job: string, task: number) => string }): JobTraces {
  const jobs = new Map<string, TracedJob>()
  /** Leases that were given out for tasks that are not accepted yet. */
  const leases = new Map<number, { job: string; task: number }>()

  function taskSpan(job: string, task: number): Span | null {
    const traced = jobs.get(job)
    if (traced === undefined) return null
    let span = traced.tasks.get(task)
    if (span === undefined) {
      const kind = init.kindOf(job, task)
      const attributes = { [NAMES.job]: job, [NAMES.task]: task, 'village.task.kind': kind }
      span = startSpan(`task ${kind}`, { kind: 'producer', parent: traced.span, attributes })
      traced.tasks.set(task, span)
    }
    return span
  }

  function endTask(job: string, task: number, error: VillageError | null): void {
    const traced = jobs.get(job)
    const span = traced?.tasks.get(task)
    if (traced === undefined || span === undefined) return
    if (error !== null) span.fail(error)
    span.end()
    traced.tasks.delete(task)
    for (const [id, place] of leases) if (place.job === job && place.task === task) leases.delete(id)
  }

  function endJob(job: string, error: VillageError | null, state: string): void {
    const traced = jobs.get(job)
    if (traced === undefined) return
    for (const task of [...traced.tasks.keys()]) endTask(job, task, error)
    jobs.delete(job)
    traced.span.set({ 'village.job.state': state })
    if (error !== null) traced.span.fail(error)
    traced.span.end()
  }

  function followOne(effect: Effect): void {
    switch (effect.type) {
      case 'lease': {
        const { id, job, task, peer } = effect.lease
        const span = taskSpan(job, task)
        if (span === null) return
        leases.set(id, { job, task })
        span.event('leased', { 'village.peer': peer, 'village.task.hedge': effect.hedge })
        break
      }
      case 'revoke': {
        const { job, task, peer } = effect.lease
        jobs.get(job)?.tasks.get(task)?.event('revoked', { 'village.peer': peer, 'error.type': effect.code })
        break
      }
      case 'check':
        jobs.get(effect.job)?.tasks.get(effect.task)?.event('checked', { 'village.task.check': effect.depth })
        break
      case 'accepted':
        endTask(effect.job, effect.task, null)
        break
      case 'failed':
        endTask(effect.job, effect.task, new VillageError('TASK_FAILED'))
        break
    }
  }

  return {
    begin({ id, kind, total }, { resumed }) {
      if (!isTracing()) return
      const attributes = {
        [NAMES.job]: id,
        [NAMES.kind]: kind,
        'village.job.tasks': total,
        'village.job.resumed': resumed,
      }
      const span = startSpan(`job ${kind}`, { attributes, ...(resumed && { parent: null }) })
      jobs.set(id, { span, tasks: new Map() })
    },
    follow(effects) {
      if (jobs.size > 0) for (const effect of effects) followOne(effect)
    },
    failed({ job, task, peer }, { declined }) {
      const span = jobs.get(job)?.tasks.get(task)
      span?.event(declined ? 'declined' : 'failed', { 'village.peer': peer })
    },
    contextOf(lease) {
      const place = leases.get(lease)
      return place === undefined ? null : (jobs.get(place.job)?.tasks.get(place.task)?.context ?? null)
    },
    ended({ id, state, total, error }) {
      jobs.get(id)?.span.set({ 'village.job.tasks': total })
      const code = error?.code ?? ''
      endJob(id, isErrorCode(code) ? new VillageError(code) : null, state)
    },
    close() {
      for (const job of [...jobs.keys()]) endJob(job, null, 'running')
    },
  }
}
