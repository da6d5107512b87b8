/**
 * Experiment tracking: figures of trainings, evaluations and runs of evolution are written, as they come, to a directory of the
 * owner's, in formats that their tools read (docs/tracking.md). It follows the events of the daemon; work never waits for it, and a
 * directory that cannot be written is said once and costs nobody their work.
 */
import type { Config } from '../../config.ts'
import type { EventMap, Events, VillageEvent } from '../../events.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import type { Service } from '../../lifecycle.ts'
import type { Log } from '../../log.ts'
import type { JobSummary } from '../jobs/job.ts'
import { TRACKING_FORMATS, type TrackedRun, type TrackedRunInit } from './tracked-run.ts'

interface Components {
  readonly events: Pick<Events, 'subscribe'>
  readonly jobs: { get(id: string): JobSummary | null }
  readonly log: Log
}

interface Init {
  readonly config: Pick<Config, 'tracking.directory' | 'tracking.formats' | 'tracking.project'>
}

interface Followed {
  readonly runs: readonly TrackedRun[]
  /** Of what follows no steps of its own. */
  step: number
}

const ENDED_JOBS: readonly string[] = ['done', 'failed', 'cancelled']
const ENDED_PHASES: readonly string[] = ['published', 'ended']
const MAX_ID = 64
/** A run that is followed again after a restart has a number behind its id. */
const MAX_ATTEMPTS = 1_000

/** Numbers of a result by their path: `models.0.scores.spearman` as `MODEL/spearman`. */
function scoresOf(result: JsonObject): Record<string, JsonValue> {
  const models = Array.isArray(result.models) ? result.models.filter(isJsonObject) : []
  const named = models.flatMap(({ model, scores }) =>
    isJsonObject(scores)
      ? Object.entries(scores)
          .filter(([, value]) => typeof value === 'number')
          .map(([name, value]) => [`${String(model)}/${name}`, value] as const)
      : [],
  )
  return Object.fromEntries(named)
}

export function createTracking({ events, jobs, log }: Components, { config }: Init): Service {
  const directory = config['tracking.directory']
  const project = config['tracking.project']
  const followed = new Map<string, Followed>()
  let end = () => {}
  let isSaid = false

  function open(run: Omit<TrackedRunInit, 'directory' | 'project' | 'id'>, key: string): Followed {
    const base = key.toLowerCase().replace(/[^a-z0-9-]/g, '-')
    const make = (format: string): TrackedRun => {
      for (let attempt = 1; ; attempt++) {
        const id = attempt === 1 ? base.slice(0, MAX_ID) : `${base.slice(0, MAX_ID - 5)}-${attempt}`
        try {
          return TRACKING_FORMATS[format]!({ ...run, id, project, directory: directory! })
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt === MAX_ATTEMPTS) throw error
        }
      }
    }
    return { runs: config['tracking.formats'].map(make), step: 0 }
  }

  function guarded(what: () => void): void {
    try {
      what()
    } catch (error) {
      // A full disk would say so with every step.
      if (!isSaid) log.warn({ err: error, directory }, 'figures could not be tracked; this is said once')
      isSaid = true
    }
  }

  function ofJob(id: string, name: string, atMs: number): Followed {
    const known = followed.get(id)
    if (known !== undefined) return known
    const job = jobs.get(id)
    const made = open(
      {
        name: `${name} ${id}`,
        jobType: name,
        config: job?.params ?? {},
        startedAtMs: job?.createdAtMs ?? atMs,
      },
      `${name}-${id}`,
    )
    followed.set(id, made)
    return made
  }

  function finish(key: string, atMs: number, exitCode: number, summary?: Record<string, JsonValue>): void {
    const one = followed.get(key)
    followed.delete(key)
    for (const run of one?.runs ?? []) run.finish(atMs, exitCode, summary)
  }

  function onMetrics({ job, step, ...values }: EventMap['training:metrics'], atMs: number): void {
    const { steps: _steps, ...figures } = values
    const known = Object.entries(figures).filter(([, value]) => value !== null)
    for (const run of ofJob(job, 'train', atMs).runs) run.log(step, atMs, Object.fromEntries(known))
  }

  function onJob({ job, kind, state }: EventMap['job:changed'], atMs: number): void {
    if (!ENDED_JOBS.includes(state)) return
    const exitCode = state === 'done' ? 0 : 1
    const isEvaluated = kind === 'evaluate' && state === 'done'
    const scores = isEvaluated ? scoresOf(jobs.get(job)?.result ?? {}) : {}
    if (isEvaluated) for (const run of ofJob(job, 'evaluate', atMs).runs) run.log(0, atMs, scores)
    finish(job, atMs, exitCode, scores)
  }

  function onRound(round: EventMap['round:changed'], atMs: number): void {
    const { run: id, name, generation, best, phase, height } = round
    const isEnded = ENDED_PHASES.includes(phase)
    let one = followed.get(id)
    // One that had ended before this daemon began to follow has nothing to show.
    if (one === undefined && isEnded) return
    if (one === undefined) {
      one = open({ name, jobType: 'evolve', config: { run: id }, startedAtMs: atMs }, `evolve-${id}`)
      followed.set(id, one)
    }
    if (best !== null && generation >= one.step) {
      one.step = generation + 1
      for (const run of one.runs) run.log(generation, atMs, { best, generation, height })
    }
    if (isEnded) finish(id, atMs, phase === 'published' ? 0 : 1)
  }

  function follow({ type, data, timeMs }: VillageEvent): void {
    if (type === 'training:metrics') guarded(() => onMetrics(data, timeMs))
    else if (type === 'job:changed') guarded(() => onJob(data, timeMs))
    else if (type === 'round:changed') guarded(() => onRound(data, timeMs))
  }

  return {
    name: 'tracking',
    async start() {
      if (directory !== null) end = events.subscribe(follow)
    },
    async stop() {
      end()
      // What goes on after a restart is a run of its own; this one was broken off.
      for (const key of [...followed.keys()]) guarded(() => finish(key, Date.now(), 1))
    },
  }
}
