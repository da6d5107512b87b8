/** The runs of indexing: those of one collection follow each other, a few collections go on at once, the last ended are kept. */
import { randomBytes } from 'node:crypto'
import { toVillageError, VillageError } from '../../../errors.ts'
import type { Events } from '../../../events.ts'
import type { Log } from '../../../log.ts'
import { createIndexCounts, type IndexCounts } from './index-counts.ts'
import type { IndexRun, IndexRunState } from './index-run.ts'

export interface RunRequest {
  readonly collection: string
  readonly name: string
  readonly trigger: IndexRun['trigger']
  readonly paths: readonly string[]
  /** Does the work; nothing else of the collection is changed meanwhile. */
  work(going: RunGoing): Promise<void>
  /** However it ended, also before it began. */
  ended?(): void
}

export interface RunGoing {
  readonly counts: IndexCounts
  readonly signal: AbortSignal
  readonly onProgress: () => void
}

export interface IndexRuns {
  /** Throws INDEX_RUNS_BUSY. */
  begin(request: RunRequest): IndexRun
  list(): IndexRun[]
  /** Throws INDEX_RUN_UNKNOWN. */
  need(id: string): IndexRun
  /** Resolves when it has ended. Throws INDEX_RUN_UNKNOWN. */
  cancel(id: string): Promise<IndexRun>
  /** Ends those of a collection, or all. */
  cancelAll(collection: string | null): Promise<void>
  totals(): { runs: number; failedRuns: number; documents: number; chunks: number; seconds: number }
}

interface Components {
  readonly events: Pick<Events, 'emit'>
  readonly log: Log
  /** Runs `work` when nothing else changes the collection. */
  readonly exclusive: <T>(collection: string, work: () => Promise<T>) => Promise<T>
}

interface Init {
  readonly parallel: number
  readonly now: () => number
}

interface Entry {
  readonly id: string
  readonly request: RunRequest
  readonly counts: IndexCounts
  readonly ending: AbortController
  state: IndexRunState
  startedAtMs: number
  finishedAtMs: number | null
  error: IndexRun['error']
  done: Promise<void>
}

const MAX_WAITING = 64
const MAX_ENDED = 100
const EMIT_EVERY_MS = 250

export function createIndexRuns(components: Components, init: Init): IndexRuns {
  const { events, log, exclusive } = components
  const { now } = init
  const entries = new Map<string, Entry>()
  const totals = { runs: 0, failedRuns: 0, documents: 0, chunks: 0, seconds: 0 }
  const queue: (() => void)[] = []
  let busy = 0

  const isOpen = ({ state }: Entry) => state === 'waiting' || state === 'running'

  function viewOf({ id, request, counts, state, startedAtMs, finishedAtMs, error }: Entry): IndexRun {
    const { collection, name, trigger, paths } = request
    const { files, isCounted, doneFiles, totalBytes, doneBytes, embedded } = counts
    return {
      ...{ id, collection, name, trigger, paths, state, startedAtMs, finishedAtMs },
      ...{ files, isCounted, doneFiles, totalBytes, doneBytes, embedded, report: counts.report(), error },
    }
  }

  function tell({ id, request, counts, state }: Entry): void {
    const { collection, name } = request
    const { files, isCounted, doneFiles, totalBytes, doneBytes, embedded, chunks } = counts
    const progress = { files, isCounted, doneFiles, totalBytes, doneBytes, embedded, chunks }
    events.emit('index:changed', { run: id, collection, name, state, ...progress })
  }

  function need(id: string): Entry {
    const entry = entries.get(id)
    if (entry === undefined) throw new VillageError('INDEX_RUN_UNKNOWN', undefined, { fields: { run: id } })
    return entry
  }

  /** One of the few places of those that go on at once. */
  async function withPlace(work: () => Promise<void>): Promise<void> {
    if (busy >= init.parallel) await new Promise<void>((resolve) => queue.push(resolve))
    else busy += 1
    try {
      await work()
    } finally {
      const next = queue.shift()
      if (next === undefined) busy -= 1
      else next()
    }
  }

  async function run(entry: Entry): Promise<void> {
    const { counts, request } = entry
    const { signal } = entry.ending
    signal.throwIfAborted()
    entry.state = 'running'
    entry.startedAtMs = now()
    tell(entry)
    let toldAtMs = now()
    const onProgress = () => {
      if (now() - toldAtMs < EMIT_EVERY_MS) return
      toldAtMs = now()
      tell(entry)
    }
    await request.work({ counts, signal, onProgress })
  }

  function end(entry: Entry, state: IndexRunState, thrown: unknown): void {
    if (!isOpen(entry)) return
    const { counts, request } = entry
    entry.state = state
    entry.finishedAtMs = now()
    if (state === 'failed') {
      const { code, message } = toVillageError(thrown)
      entry.error = { code, message }
      totals.failedRuns += 1
      log.warn({ collection: request.collection, run: entry.id, code, err: thrown }, 'indexing failed')
    }
    totals.runs += 1
    totals.documents += counts.added + counts.changed
    totals.chunks += counts.chunks
    totals.seconds += (entry.finishedAtMs - entry.startedAtMs) / 1_000
    request.ended?.()
    tell(entry)
    const ended = [...entries.values()].filter((one) => !isOpen(one))
    for (const { id } of ended.slice(0, Math.max(0, ended.length - MAX_ENDED))) entries.delete(id)
  }

  return {
    begin(request) {
      const waiting = [...entries.values()].filter(({ state }) => state === 'waiting').length
      // At the start there is one by collection, and nobody to be told that it is too much.
      if (request.trigger !== 'start' && waiting >= MAX_WAITING)
        throw new VillageError('INDEX_RUNS_BUSY', `${MAX_WAITING} runs wait already`)
      const entry: Entry = {
        id: randomBytes(8).toString('hex'),
        request,
        counts: createIndexCounts(),
        ending: new AbortController(),
        state: 'waiting',
        startedAtMs: now(),
        finishedAtMs: null,
        error: null,
        done: Promise.resolve(),
      }
      entries.set(entry.id, entry)
      entry.done = exclusive(request.collection, () => withPlace(() => run(entry))).then(
        () => end(entry, 'done', null),
        (error: unknown) => end(entry, entry.ending.signal.aborted ? 'cancelled' : 'failed', error),
      )
      return viewOf(entry)
    },
    list: () => [...entries.values()].map(viewOf),
    need: (id) => viewOf(need(id)),
    async cancel(id) {
      const entry = need(id)
      if (isOpen(entry)) entry.ending.abort(new VillageError('ABORTED'))
      // One that waits has nothing to clean up, and the run that it waits for may last.
      if (entry.state === 'waiting') end(entry, 'cancelled', null)
      else await entry.done
      return viewOf(entry)
    },
    async cancelAll(collection) {
      const ending = [...entries.values()].filter(
        (entry) => isOpen(entry) && (collection === null || entry.request.collection === collection),
      )
      for (const entry of ending) entry.ending.abort(new VillageError('ABORTED'))
      await Promise.all(ending.map(({ done }) => done))
    },
    totals: () => ({ ...totals }),
  }
}
