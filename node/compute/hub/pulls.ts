/**
 * Pulls of models: from a hub, or from a member of the village that shares one. A pull is kept in the store from the moment it
 * is asked for, works on its own, and goes on after a crash; equal requests join it. Nothing is registered before every byte
 * is checked.
 */
import { readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { toVillageError, VillageError } from '../../errors.ts'
import type { Events } from '../../events.ts'
import type { Service } from '../../lifecycle.ts'
import type { Log } from '../../log.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import type { Store } from '../../store.ts'
import { checkModelId } from '../models/model-ids.ts'
import type { Models } from '../models/registry.ts'
import type { ModelShares } from '../models/shares.ts'
import { type Patience, parseRepo } from './hub-api.ts'
import { createHubHttp, type HubHttp, parseHubUrl } from './hub-http.ts'
import {
  newPull,
  type PullRecord,
  type PullRequest,
  pullId,
  pullView,
  type StoredPull,
} from './pull-record.ts'
import { runPull } from './run-pull.ts'

export interface PullWishes {
  /** `OWNER/NAME[@REVISION]`, or `village:<id or CID>`. */
  readonly source: string
  readonly id?: string
  readonly file?: string
  readonly include?: readonly string[]
  readonly hub?: string
  readonly weightsOnly?: boolean
  readonly adapters?: boolean
}

export interface Pulls extends Service {
  /**
   * Begins a pull, joins one that asks for the same, or goes on with one that failed. It is on the disk when this resolves.
   * Throws INVALID_ARGUMENT, SHARE_UNKNOWN.
   */
  pull(wishes: PullWishes): Promise<PullRecord>
  list(): PullRecord[]
  /** Throws PULL_UNKNOWN. */
  need(id: string): PullRecord
  /** Ends a pull and removes what it has fetched. Throws PULL_UNKNOWN. */
  cancel(id: string): Promise<void>
}

interface Components {
  readonly models: Pick<Models, 'add' | 'get'>
  readonly artifacts: Pick<Artifacts, 'fetch' | 'materialize' | 'unpin' | 'usage'>
  readonly shares: Pick<ModelShares, 'find'>
  readonly store: Pick<Store, 'json'>
  readonly events: Pick<Events, 'emit'>
  readonly log: Log
}

export interface PullsInit {
  /** Holds nothing else: one directory a pull. */
  readonly directory: string
  readonly modelsDirectory: string
  readonly hubUrl: string
  readonly token: string | null
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly version: string
  readonly stallMs?: number
  readonly patience?: Patience
  readonly now?: () => number
}

const VILLAGE = 'village:'
const STALL_MS = 30_000
const PATIENCE: Patience = { attempts: 6, backoffMs: 1_000, maxPauseMs: 120_000 }
const ASK_AGAIN = new Set(['HUB_NOT_FOUND', 'HUB_ANSWER_INVALID', 'HUB_FILE_CORRUPT'])
const MAX_FINISHED = 50
const MAX_RUNNING = 4
const EMIT_EVERY_MS = 250
const MAX_INCLUDES = 32

export function createPulls(components: Components, init: PullsInit): Pulls {
  const { models, artifacts, shares, events, log } = components
  const table = components.store.json<StoredPull>('pulls')
  const { patience = PATIENCE, now = Date.now } = init
  const records = new Map<string, StoredPull>()
  const running = new Map<string, { ending: AbortController; work: Promise<void> }>()
  const clients = new Map<string, HubHttp>()
  let open = false

  const directoryOf = (id: string) => path.join(init.directory, id)

  function clientOf(hub: string): HubHttp {
    const known = clients.get(hub)
    if (known !== undefined) return known
    const http = createHubHttp({
      hub,
      // A hub that was named in passing does not get the token of the one that was configured.
      token: parseHubUrl(hub).origin === parseHubUrl(init.hubUrl).origin ? init.token : null,
      environment: init.environment,
      userAgent: `aivillage/${init.version}`,
      stallMs: init.stallMs ?? STALL_MS,
    })
    clients.set(hub, http)
    return http
  }

  function requestOf(wishes: PullWishes): PullRequest {
    const { source, id = null, file = null, include = [], weightsOnly = false, adapters = true } = wishes
    if (id !== null) checkModelId(id)
    if (include.length > MAX_INCLUDES)
      throw new VillageError('INVALID_ARGUMENT', `At most ${MAX_INCLUDES} patterns can be included`, {
        fields: { argument: 'include' },
      })
    const rest = { id, file, include, weightsOnly, adapters }
    if (source.startsWith(VILLAGE)) {
      const { cid } = shares.find(source.slice(VILLAGE.length))
      return { kind: 'village', name: cid, revision: '', hub: '', ...rest }
    }
    const { repo, revision } = parseRepo(source)
    const hub = parseHubUrl(wishes.hub ?? init.hubUrl).href.replace(/\/$/, '')
    return { kind: 'hub', name: repo, revision, hub, ...rest }
  }

  /** Throws ABORTED for one that was cancelled. */
  function read(id: string): StoredPull {
    const record = records.get(id)
    if (record === undefined) throw new VillageError('ABORTED')
    return record
  }

  async function save(id: string, fields: Partial<StoredPull>): Promise<void> {
    const record = { ...read(id), ...fields }
    records.set(id, record)
    await table.put(id, record, { sync: true })
    emit(record)
  }

  function emit({ id, request, state, doneBytes, totalBytes, stage, model }: StoredPull): void {
    events.emit('pull:changed', { pull: id, name: request.name, state, stage, doneBytes, totalBytes, model })
  }

  /** Progress is for people: it is not written, and told a few times a second. */
  function createMeter(id: string): (fields: Partial<StoredPull>) => void {
    let toldAtMs = 0
    return (fields) => {
      const before = read(id)
      const record = { ...before, ...fields }
      records.set(id, record)
      if (record.stage === before.stage && now() - toldAtMs < EMIT_EVERY_MS) return
      toldAtMs = now()
      emit(record)
    }
  }

  async function run(id: string, signal: AbortSignal): Promise<void> {
    const model = await runPull(
      { models, artifacts, shares, http: clientOf },
      {
        directory: directoryOf(id),
        modelsDirectory: init.modelsDirectory,
        patience,
        now,
        signal,
        read: () => read(id),
        change: createMeter(id),
        save: (fields) => save(id, fields),
      },
    )
    await rm(directoryOf(id), { recursive: true, force: true })
    const ended = { state: 'done', stage: 'done', finishedAtMs: now() } as const
    await save(id, { ...ended, model, error: null, files: null, doneBytes: read(id).totalBytes })
  }

  function begin(id: string): void {
    const ending = new AbortController()
    const work = run(id, ending.signal)
      .catch((error: unknown) => fail(id, toVillageError(error), ending.signal))
      .catch((error: unknown) => log.error({ err: error, pull: id }, 'state of a pull could not be kept'))
      .finally(() => running.delete(id))
    running.set(id, { ending, work })
  }

  async function fail(id: string, error: VillageError, signal: AbortSignal): Promise<void> {
    const record = records.get(id)
    if (record === undefined) return // cancelled
    if (signal.aborted) {
      await save(id, { state: 'interrupted', stage: 'interrupted' })
      return
    }
    const { code, message } = error
    log.warn({ pull: id, code, source: record.request.name }, 'pull failed')
    const ended = { state: 'failed', stage: 'failed', finishedAtMs: now(), error: { code, message } } as const
    // What the hub said of the revision does not hold: it is asked again next time.
    await save(id, ASK_AGAIN.has(code) ? { ...ended, commit: null, files: null } : ended)
  }

  async function forgetOld(): Promise<void> {
    const finished = [...records.values()]
      .filter(({ state }) => state === 'done' || state === 'failed')
      .sort((a, b) => (a.finishedAtMs ?? 0) - (b.finishedAtMs ?? 0))
    for (const { id } of finished.slice(0, Math.max(0, finished.length - MAX_FINISHED))) await forget(id)
  }

  async function forget(id: string): Promise<void> {
    records.delete(id)
    await table.del(id)
    await rm(directoryOf(id), { recursive: true, force: true })
  }

  function need(id: string): StoredPull {
    const record = records.get(id)
    if (record !== undefined) return record
    throw new VillageError('PULL_UNKNOWN', undefined, { fields: { pull: id } })
  }

  return {
    name: 'pulls',
    async start() {
      open = true
      for await (const [id, record] of table.entries()) records.set(id, record)
      const kept = new Set(records.keys())
      const found = await readdir(init.directory).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return []
        throw error
      })
      for (const name of found)
        if (!kept.has(name)) await rm(path.join(init.directory, name), { recursive: true, force: true })
      for (const record of records.values()) {
        if (record.state !== 'running' && record.state !== 'interrupted') continue
        records.set(record.id, { ...record, state: 'running' })
        begin(record.id)
      }
    },
    async stop() {
      open = false
      const ending = [...running.values()]
      for (const { ending: one } of ending) one.abort(new VillageError('SHUTTING_DOWN'))
      await Promise.all(ending.map(({ work }) => work))
      for (const http of clients.values()) http.close()
      clients.clear()
    },
    async pull(wishes) {
      if (!open) throw new VillageError('SHUTTING_DOWN')
      const request = requestOf(wishes)
      const id = pullId(request)
      if (running.has(id)) return pullView(need(id))
      if (running.size >= MAX_RUNNING)
        throw new VillageError('PULLS_BUSY', `${MAX_RUNNING} pulls run already`)
      const before = records.get(id)
      const fresh = newPull(request, now())
      // A failed one keeps its commit and its files, and with them what has come; one that is done its model.
      const { commit = null, files = null, model = null } = before ?? {}
      const known = before?.state === 'done' ? { model } : { commit, files }
      records.set(id, { ...fresh, ...known })
      await save(id, {})
      if (!running.has(id)) begin(id)
      await forgetOld()
      return pullView(need(id))
    },
    list: () => [...records.values()].sort((a, b) => a.startedAtMs - b.startedAtMs).map(pullView),
    need: (id) => pullView(need(id)),
    async cancel(id) {
      need(id)
      const one = running.get(id)
      records.delete(id)
      one?.ending.abort(new VillageError('ABORTED'))
      await one?.work
      await forget(id)
      events.emit('pull:removed', { pull: id })
    },
  }
}
