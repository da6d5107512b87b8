/**
 * Self-evolution over a real store and a real registry of models, with runs whose ends a test writes. `onWrite` is called before each
 * write of the node's own state (records, pins, models, settings), so that a test can stop it anywhere.
 */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { createModels } from '../../node/compute/models/registry.ts'
import { VillageError } from '../../node/errors.ts'
import { createEvents } from '../../node/events.ts'
import { STRATEGIES } from '../../node/federated/evolve/table.ts'
import { startState } from '../../node/federated/rounds/apply-block.ts'
import type { Rounds } from '../../node/federated/rounds/rounds.ts'
import { rulesOf } from '../../node/federated/rounds/run-opening.ts'
import type { RunRules } from '../../node/federated/rounds/run-rules.ts'
import type { EndReason, RunState } from '../../node/federated/rounds/run-state.ts'
import { settleRun } from '../../node/federated/rounds/settling.ts'
import { packScores, quantise } from '../../node/federated/scoring/quantise.ts'
import type { TunedSettings } from '../../node/federated/self-evolution/goal-record.ts'
import {
  createSelfEvolution,
  type SelfEvolution,
} from '../../node/federated/self-evolution/self-evolution.ts'
import { testSuperiority } from '../../node/federated/self-evolution/superiority.ts'
import { agentWorkload } from '../../node/federated/workloads/agent-workload.ts'
import { perturbSpace } from '../../node/federated/workloads/perturb-genome.ts'
import { perturbWorkload } from '../../node/federated/workloads/perturb-workload.ts'
import type { Workload, WorkloadContext } from '../../node/federated/workloads/workload.ts'
import type { JsonObject } from '../../node/json.ts'
import { type JsonTable, openStore, type Store } from '../../node/store.ts'
import { TEST_LOG } from './mesh.ts'

export const FINAL_ITEMS = 60
const JUDGED = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'
const SELF = 'self'

/** Settings of search, without an index: how many queries there are is all that a run has to know. */
const toyAgent: Workload = {
  ...agentWorkload,
  settle: async (given) => ({ ...given, selection: 10, validation: 0, final: FINAL_ITEMS }),
  inputs: () => [],
}
/** Steps away from a model whose weights nobody reads. */
const toyPerturbation: Workload = {
  ...perturbWorkload,
  parseOptions: (input) => input as JsonObject,
  settle: async (given, { models }) => ({ model: (await models.need(String(given.model))).cid }),
  space: () => perturbSpace({ directions: 2, selection: [] }),
  items: (_, split) => (split === 'final' ? FINAL_ITEMS : 10),
  checkGenome: () => {},
  inputs: () => [],
}
const TABLES = { workloads: { agent: toyAgent, perturbation: toyPerturbation }, strategies: STRATEGIES }

export interface EndedRun {
  /** How many of the final items are better with the winner, and how many worse; the others are equal. */
  readonly better: number
  readonly worse?: number
  readonly genome: JsonObject
  readonly cid?: string
}

export interface SelfEvolutionNode {
  readonly service: SelfEvolution
  readonly models: ReturnType<typeof createModels>
  readonly clock: { nowMs: number }
  readonly resources: { isAccepting: boolean }
  readonly announced: { readonly run: string; readonly spec: RunState['spec'] }[]
  readonly events: string[]
  settings(): TunedSettings
  setSettings(next: TunedSettings): void
  pinsOf(cid: string): Promise<string[]>
  end(run: string, how: EndedRun | EndReason): void
  /** The ledger is not kept any more. */
  forget(run: string): void
  stop(): Promise<void>
}

interface Init {
  readonly directory: string
  readonly goals: string | null
  readonly keep?: number
  readonly onWrite?: (what: string) => void
  /** A write may throw this, as if the process were gone: nothing is made of it. */
  readonly killed?: new () => Error
  /** Outlives the node: what a real one keeps in its ledgers, and in the collection's own file. */
  readonly world: World
}

export interface World {
  readonly runs: Map<string, { name: string; rules: RunRules; state: RunState }>
  settings: TunedSettings
  nowMs: number
  /** What this node builds, where it is not what the members say. */
  builds?: string
}

export const newWorld = (): World => ({
  runs: new Map(),
  settings: { weight: 0.5, feedback: false, candidates: null },
  nowMs: Date.UTC(2026, 4, 3, 12),
})

/** The same store, whose writes are seen before they are made. */
function watched(store: Store, onWrite: (what: string) => void): Pick<Store, 'json'> {
  return {
    json<T>(name: string): JsonTable<T> {
      const table = store.json<T>(name)
      return {
        ...table,
        async put(key, value, options) {
          onWrite(`${name} ${key}`)
          await table.put(key, value, options)
        },
      }
    },
  }
}

export async function startSelfEvolution(init: Init): Promise<SelfEvolutionNode> {
  const { directory, world, onWrite = () => {} } = init
  const realStore = await openStore({ directory })
  const store = watched(realStore, onWrite)
  const events = createEvents()
  const seen: string[] = []
  events.subscribe(({ type }) => void (type.startsWith('self-evolution:') && seen.push(type)))
  const clock = world
  const resources = { isAccepting: true }
  const announced: { run: string; spec: RunState['spec'] }[] = []
  const pins = store.json<string[]>('toy-pins')
  const info = (cid: string) => ({
    ...{ cid, sizeBytes: cid.length, name: null, kind: 'directory' as const },
    ...{ pins: [], addedAtMs: 0, complete: true },
  })
  const artifacts = {
    addPath: async () => info(JUDGED),
    async pin(cid: string, pin: string) {
      await pins.put(cid, [...new Set([...((await pins.get(cid)) ?? []), pin])])
    },
    async unpin(cid: string, pin: string) {
      await pins.put(
        cid,
        ((await pins.get(cid)) ?? []).filter((one) => one !== pin),
      )
    },
    info: async (cid: string) => info(cid),
    materialize: async () => directory,
  }
  const pool = { run: async () => Promise.reject(new Error('nothing is computed here')) }
  const models = createModels(
    { artifacts, pool, store, events, log: TEST_LOG },
    { directory, modelsDirectory: directory },
  )
  const context = { artifacts, models, pool } as unknown as WorkloadContext // all that these toys touch
  const need = (run: string) => {
    const found = world.runs.get(run)
    if (found === undefined) throw new VillageError('RUN_UNKNOWN')
    return found
  }
  const setState = (run: string, change: Partial<RunState>) => {
    const found = need(run)
    found.state = { ...found.state, ...change }
    const { phase, generation, height } = found.state
    const common = { run, name: found.name, phase, generation, height, isPaused: false, best: null }
    events.emit('round:changed', common)
  }
  const ended = (endReason: EndReason): Partial<RunState> => ({
    phase: 'ended',
    endReason,
    endedAtMs: clock.nowMs,
  })
  const rounds: Pick<Rounds, 'settle' | 'details' | 'act' | 'rebuild'> & {
    announce: unknown
    list: unknown
  } = {
    settle: (spec, signal) => settleRun({ tables: TABLES, context }, spec, signal),
    async announce(spec: RunState['spec']) {
      const run = `${world.runs.size + 1}`.padStart(32, '0')
      const { rules } = rulesOf(TABLES, run, spec)
      const start = startState(rules, { announcer: SELF, timeMs: clock.nowMs, hash: run })
      world.runs.set(run, { name: spec.name, rules, state: { ...start, startedAtMs: clock.nowMs } })
      announced.push({ run, spec })
      return { run }
    },
    list: () => [...world.runs].map(([run, { name }]) => ({ run, name, announcer: SELF })),
    details: (run) => ({ ...need(run), traffic: {} }),
    async rebuild(run, pin) {
      const { cid } = need(run).state.result!
      const built = world.builds ?? cid
      if (built !== null) await artifacts.pin(built, pin)
      return built
    },
    act(run, action) {
      if (need(run).state.endedAtMs !== null) throw new VillageError('RUN_OVER')
      if (action === 'stop') setState(run, ended('stopped'))
    },
  }
  const file = path.join(directory, 'goals.yaml')
  if (init.goals !== null) writeFileSync(file, init.goals)
  const service = createSelfEvolution(
    {
      rounds: rounds as Pick<Rounds, 'settle' | 'announce' | 'list' | 'details' | 'act' | 'rebuild'>, // of views only what is read of them
      models,
      artifacts: artifacts as never, // of what it gives, only the CID and the size are read
      // The one operation of the worker, on this thread.
      pool: { run: async (_name: string, input: never) => testSuperiority(input) } as never,
      collections: {
        settings: async () => world.settings,
        async tune(_name, settings) {
          onWrite('settings')
          world.settings = settings
        },
      },
      resources: { accepts: () => resources.isAccepting },
      mesh: { village: () => ({}) as never, peerId: SELF },
      ...{ store, events, log: TEST_LOG },
    },
    {
      config: {
        'selfEvolution.enabled': init.goals !== null,
        'selfEvolution.goals': init.goals === null ? null : file,
        'selfEvolution.keep': init.keep ?? 5,
      },
      tables: TABLES,
      now: () => clock.nowMs,
    },
  )
  await service.start(new AbortController().signal)
  await service.check().catch((error: unknown) => {
    if (init.killed === undefined || !(error instanceof init.killed)) throw error
  })
  return {
    ...{ service, models, clock, resources, announced, events: seen },
    settings: () => world.settings,
    setSettings(next) {
      world.settings = next
    },
    pinsOf: async (cid) => (await realStore.json<string[]>('toy-pins').get(cid)) ?? [],
    end(run, how) {
      if (typeof how === 'string') return setState(run, ended(how))
      setState(run, endOf(need(run).rules, how, clock.nowMs))
    },
    forget: (run) => void world.runs.delete(run),
    async stop() {
      await service.stop()
      await realStore.close()
    },
  }
}

/** Published, with final scores that differ as asked. */
function endOf(rules: RunRules, how: EndedRun, nowMs: number): Partial<RunState> {
  const { better, worse = 0, genome, cid = null } = how
  const { scoreBits } = rules.workload
  const pack = (values: readonly number[]) =>
    Buffer.from(packScores(quantise(Float32Array.from(values), scoreBits), scoreBits)).toString('base64')
  const items = Array.from({ length: FINAL_ITEMS }, (_, item) => item)
  const winner = pack(items.map((item) => (item < better ? 1 : 0)))
  const present = pack(items.map((item) => (item >= better && item < better + worse ? 1 : 0)))
  const common = { selectionMean: null, objectives: null, scorers: [SELF] }
  const [first, ...others] = rules.space.seeds
  return {
    phase: 'published',
    endedAtMs: nowMs,
    timeMs: nowMs,
    evaluations: 12,
    joules: 3,
    result: { id: '1.0', genome, cid, builders: [SELF] },
    final: [
      { id: '1.0', kind: 'winner', genome, values: winner, ...common },
      ...others.map((seed, index) => ({
        ...{ id: `seed.${index + 1}`, kind: 'seed' as const, genome: seed, values: null },
        ...common,
      })),
      { id: 'seed.0', kind: 'seed', genome: first!, values: present, ...common },
    ],
  }
}
