/** The federations that this node is the server of: started, stored, continued after a restart, published as models. */
import { randomInt } from 'node:crypto'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import type { Models } from '../../compute/models/registry.ts'
import type { Pool } from '../../compute/pool.ts'
import type { Resources } from '../../compute/resources.ts'
import { toVillageError, VillageError } from '../../errors.ts'
import type { Events } from '../../events.ts'
import type { Service } from '../../lifecycle.ts'
import type { Log } from '../../log.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import type { Signer } from '../../mesh/membership/keys.ts'
import type { Mesh } from '../../mesh/mesh.ts'
import type { Store } from '../../store.ts'
import type { FederatedOperations } from '../operations.ts'
import { beginReal, beginSimulated, modelPin } from './begin-federation.ts'
import { publishFederation } from './federation-model.ts'
import type { FederationRecord, RoundReport } from './federation-record.ts'
import { runRounds } from './federation-run.ts'
import { createFederationStore } from './federation-store.ts'
import { type FederationSummary, type FederationView, summaryOf } from './federation-view.ts'
import type { SignedTerms } from './terms.ts'

export interface Federations extends Service {
  /**
   * Checks a configuration and begins; it is on the disk before it returns. Throws FEDERATION_CONFIG_INVALID,
   * FEDERATE_EXCLUDED, AGGREGATE_TOO_FEW_CLIENTS, MODEL_UNKNOWN, TRAIN_MODEL_UNSUITABLE, VILLAGE_NONE, FILE_UNREADABLE.
   */
  begin(config: unknown, init: { simulate: boolean }): Promise<FederationView>
  list(): Promise<readonly FederationSummary[]>
  /** Throws FEDERATION_UNKNOWN. */
  get(id: string): Promise<FederationView>
  /** Ends a running federation; what it has learned so far is kept as a model when `publish` is given. */
  end(id: string, init: { publish: boolean }): Promise<FederationView>
  /** Forgets one that has ended. */
  remove(id: string): Promise<void>
  /** Whether members may read a private model, because a running federation trains it. */
  lends(cid: string): boolean
}

export interface FederationComponents {
  readonly mesh: Pick<Mesh, 'open' | 'peers' | 'onPeerChange' | 'village'>
  readonly artifacts: Pick<Artifacts, 'materialize' | 'has' | 'pin' | 'unpin' | 'addPath'>
  readonly models: Pick<Models, 'need' | 'get' | 'register'>
  readonly pool: Pick<Pool<FederatedOperations>, 'run'>
  readonly longPool: Pick<Pool<FederatedOperations>, 'run'>
  readonly resources: Pick<Resources, 'limits'>
  readonly store: Pick<Store, 'json'>
  readonly signer: Signer
  readonly events: Pick<Events, 'emit'>
  readonly log: Log
}

export interface FederationsInit {
  readonly peerId: string
  /** `federations` below the data directory. */
  readonly directory: string
  readonly modelsDirectory: string
  readonly now?: () => number
}

interface Running {
  readonly abort: AbortController
  readonly done: Promise<void>
  record: FederationRecord
  waiting: number | null
}

const UNIFORM_STEPS = 2 ** 47
const STOPPED = 'FEDERATION_ENDED'

/** In (0, 1). */
const secretUniform = () => (randomInt(UNIFORM_STEPS) + 0.5) / UNIFORM_STEPS

export function createFederations(components: FederationComponents, init: FederationsInit): Federations {
  const { artifacts, events, pool, longPool, resources } = components
  const log = components.log.child({ service: 'federations' })
  const now = init.now ?? Date.now
  const records = createFederationStore(components.store)
  const running = new Map<string, Running>()
  const directoryOf = (id: string) => path.join(init.directory, id)

  function tell({ id, config, state, round, attempt, current }: FederationRecord, loss: number | null): void {
    events.emit('federation:changed', {
      federation: id,
      name: config.spec.name,
      state,
      round,
      rounds: config.spec.rounds,
      answered: Object.keys(current?.reports ?? {}).length,
      asked: current?.selected.length ?? 0,
      attempt,
      waiting: running.get(id)?.waiting ?? null,
      loss,
    })
  }

  function wait(id: string, waiting: number | null): void {
    const entry = running.get(id)
    if (entry === undefined || entry.waiting === waiting) return
    entry.waiting = waiting
    tell(entry.record, null)
  }

  async function need(id: string): Promise<FederationRecord> {
    const record = running.get(id)?.record ?? (await records.get(id))
    if (record === null)
      throw new VillageError('FEDERATION_UNKNOWN', undefined, { fields: { federation: id } })
    return record
  }

  const summary = (record: FederationRecord): FederationSummary =>
    summaryOf(record, running.get(record.id)?.waiting ?? null)

  const view = async (record: FederationRecord): Promise<FederationView> => ({
    ...summary(record),
    rounds: await records.rounds(record.id),
  })

  async function save(record: FederationRecord, round: RoundReport | null): Promise<void> {
    await records.save(record, round)
    const entry = running.get(record.id)
    if (entry !== undefined) entry.record = record
    tell(record, round?.loss ?? null)
  }

  const termsOf = ({ terms, signature }: FederationRecord): SignedTerms => ({
    bytes: Buffer.from(terms!, 'base64'),
    signature: Buffer.from(signature!, 'base64'),
  })

  /** Begins anew after a restart: a simulation gives the same again. */
  async function workSimulated(start: FederationRecord, signal: AbortSignal): Promise<FederationRecord> {
    const { spec, texts: files } = start.config
    const { modelCid, id } = start
    const made = await longPool.run(
      'federate.simulate',
      {
        spec,
        modelDir: modelCid === null ? null : await artifacts.materialize(modelCid, init.modelsDirectory),
        files,
        directory: directoryOf(id),
        threads: resources.limits().cpuCores,
      },
      {
        signal,
        onProgress(share) {
          const entry = running.get(id)
          if (entry === undefined) return
          entry.record = { ...entry.record, round: Math.round(share * spec.rounds) }
          tell(entry.record, null)
        },
      },
    )
    const { testLossBefore, elements, rounds } = made
    for (const round of rounds) await records.save(start, round)
    return { ...start, elements, testLossBefore, round: rounds.length, state: 'done', finishedAtMs: now() }
  }

  async function work(start: FederationRecord, signal: AbortSignal): Promise<FederationRecord> {
    if (start.terms === null) return workSimulated(start, signal)
    const directory = directoryOf(start.id)
    const modelDir = await artifacts.materialize(start.modelCid!, init.modelsDirectory)
    const done = await runRounds(
      { ...components, log, save, now, secretUniform, waiting: (count) => wait(start.id, count) },
      { terms: termsOf(start), directory, modelDir, threads: resources.limits().cpuCores, signal },
      start,
    )
    return publish(done, signal)
  }

  async function publish(record: FederationRecord, signal: AbortSignal): Promise<FederationRecord> {
    const model = await publishFederation(
      components,
      {
        record,
        rounds: await records.rounds(record.id),
        directory: directoryOf(record.id),
        modelsDirectory: init.modelsDirectory,
      },
      signal,
    )
    return { ...record, state: 'done', model, finishedAtMs: now() }
  }

  /** Runs one in the background; what it ends with is stored. */
  function run(start: FederationRecord): void {
    const abort = new AbortController()
    const done = (async () => {
      let ended: FederationRecord
      try {
        ended = await work(start, abort.signal)
      } catch (error) {
        // Not all that is aborted throws the reason: waiting for a timer throws an error of its own.
        const { code, message } = toVillageError(abort.signal.aborted ? abort.signal.reason : error)
        // The daemon stops: it goes on at the next start.
        if (abort.signal.aborted && code !== STOPPED) return
        const { record } = running.get(start.id)!
        const state = code === STOPPED ? 'stopped' : 'failed'
        if (state === 'failed') log.error({ err: error, federation: start.id }, 'a federation failed')
        // Who stops one knows why it ended.
        const failure = state === 'failed' ? { code, message } : null
        ended = { ...record, state, error: failure, finishedAtMs: now() }
      }
      await save(ended, null)
      await settle(ended)
    })()
      .catch((error: unknown) =>
        log.error({ err: error, federation: start.id }, 'a federation could not be stored'),
      )
      .finally(() => running.delete(start.id))
    running.set(start.id, { abort, done, record: start, waiting: null })
  }

  /** What only a running one needs. The parameters of one that was stopped stay until it is removed. */
  async function settle({ id, state, modelCid }: FederationRecord): Promise<void> {
    if (modelCid !== null) await artifacts.unpin(modelCid, modelPin(id))
    if (state === 'done') await rm(directoryOf(id), { recursive: true, force: true })
  }

  return {
    name: 'federations',
    async begin(given, { simulate }) {
      const config = await pool.run('federate.read', { config: given, simulate })
      const record = await (simulate ? beginSimulated : beginReal)({ ...components, now }, init, config)
      await records.save(record, null)
      log.info({ federation: record.id, rounds: config.spec.rounds }, 'a federation begins')
      run(record)
      tell(record, null)
      return view(record)
    },
    list: async () =>
      (await records.list()).map((record) => summary(running.get(record.id)?.record ?? record)),
    get: async (id) => view(await need(id)),
    async end(id, { publish: wanted }) {
      const entry = running.get(id)
      if (entry === undefined) {
        await need(id)
        throw new VillageError(STOPPED, undefined, { fields: { federation: id } })
      }
      entry.abort.abort(new VillageError(STOPPED))
      await entry.done
      const record = await need(id)
      if (record.state !== 'stopped')
        throw new VillageError(STOPPED, undefined, { fields: { federation: id } })
      if (!wanted || record.round === 0 || record.terms === null) return view(record)
      const published = {
        ...(await publish(record, new AbortController().signal)),
        state: 'stopped',
      } as const
      await records.save(published, null)
      return view(published)
    },
    async remove(id) {
      const { state } = await need(id)
      if (state === 'running') await this.end(id, { publish: false })
      await records.remove(id)
      await rm(directoryOf(id), { recursive: true, force: true })
    },
    lends: (cid) => [...running.values()].some(({ record }) => record.modelCid === cid),
    async start() {
      for (const record of await records.list()) if (record.state === 'running') run(record)
    },
    async stop() {
      const all = [...running.values()]
      for (const { abort } of all) abort.abort(new VillageError('SHUTTING_DOWN'))
      await Promise.all(all.map(({ done }) => done))
    },
  }
}
