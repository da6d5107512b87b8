/**
 * Runs of evolution on this node: announces own ones, hears of those of other members, takes part, keeps their ledgers. What a run does is in
 * hosted-run.ts and below; this is who it is done with, and what people and programs can ask for.
 */
import { mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Resources } from '../../compute/resources.ts'
import type { Config } from '../../config.ts'
import { VillageError } from '../../errors.ts'
import type { Events } from '../../events.ts'
import type { JsonObject } from '../../json.ts'
import type { Service } from '../../lifecycle.ts'
import type { Log } from '../../log.ts'
import { peerOf, type Signer } from '../../mesh/membership/keys.ts'
import type { Mesh } from '../../mesh/mesh.ts'
import type { Store } from '../../store.ts'
import { describeRun } from '../evolve/describe-run.ts'
import { reportInput } from '../evolve/report.ts'
import type { Genome } from '../evolve/strategy.ts'
import { checkAnnouncement, signAnnouncement } from '../ledger/announcement.ts'
import { decodeArchive, encodeArchive } from '../ledger/archive.ts'
import { checkBlock } from '../ledger/block.ts'
import { createLedgerStore, type LedgerEntry } from '../ledger/ledger-store.ts'
import type { ControlAction } from '../ledger/statement.ts'
import type { LedgerVerdict } from '../ledger/verify.ts'
import { decodeCertificate } from '../ledger/vote.ts'
import type { WorkloadContext } from '../workloads/workload.ts'
import { type BlockView, blockView } from './block-view.ts'
import { type ConsensusTiming, DEFAULT_TIMING } from './consensus/effects.ts'
import type { HostedRun, RunNotes } from './hosted-run.ts'
import { checkLedger } from './ledger-check.ts'
import { DEFAULT_PATIENCE, type RunPatience } from './live-run.ts'
import { activeParticipants, isActive } from './participants.ts'
import { measureCost } from './run-cost.ts'
import { createRunMesh, type RunMesh } from './run-mesh.ts'
import { openRun, type RunTables, rulesOf, runMachine } from './run-opening.ts'
import { createRunRegistry, type RunRegistry } from './run-registry.ts'
import { builtId, type RunRules } from './run-rules.ts'
import type { RunSpec } from './run-spec.ts'
import { isOver, type RunState } from './run-state.ts'
import { type RunView, viewOf } from './run-view.ts'
import type { KeptScore } from './score-keeper.ts'
import { settleRun } from './settling.ts'
import { storedBlocks } from './stored-run.ts'
import { runPin } from './taking-part.ts'
import type { PeerTraffic } from './traffic.ts'
import { createWorkGate } from './work-gate.ts'

export const RUN_ACTIONS = ['start', 'pause', 'resume', 'stop', 'join', 'leave'] as const
export type RunAction = (typeof RUN_ACTIONS)[number]

export interface Rounds extends Service {
  /** What would be announced: every default filled in, models and items by CID. Throws INVALID_ARGUMENT, EVOLVE_CONFIG_INVALID. */
  settle(spec: unknown, signal: AbortSignal): Promise<RunSpec>
  /** What a run would be, `isMeasured` with its cost (run-cost.ts); nothing is announced. Throws what settle() throws. */
  plan(spec: unknown, isMeasured: boolean, signal: AbortSignal): Promise<JsonObject>
  /** Announces a run; it is on the disk when this resolves. Throws VILLAGE_NONE, RUN_TOO_MANY and what settle() throws. */
  announce(spec: unknown, signal: AbortSignal): Promise<RunView>
  /** Oldest first. */
  list(): RunView[]
  /** Throws RUN_UNKNOWN. */
  view(run: string): RunView
  /** Throws RUN_UNKNOWN. */
  details(run: string): {
    rules: RunRules
    state: RunState
    traffic: Readonly<Record<string, PeerTraffic>>
  }
  /** How the run went, for people (evolve/report.ts). Throws RUN_UNKNOWN. */
  report(run: string, signal: AbortSignal): Promise<JsonObject>
  /**
   * Builds the winner of a run that is over on this node, kept under `pin`, and gives its CID: what others say that it is need not be
   * believed. Null where the winner is no model. Throws RUN_UNKNOWN, and what building throws.
   */
  rebuild(run: string, pin: string, signal: AbortSignal): Promise<string | null>
  /** Throws RUN_UNKNOWN, RUN_OVER, RUN_NOT_ALLOWED. It takes effect with the next block. */
  act(run: string, action: RunAction): void
  /**
   * Removes a run from this node, with its ledger, and leaves it where it goes on: for the others it does. It does not come back. Throws
   * RUN_UNKNOWN.
   */
  remove(run: string): Promise<void>
  /** A genome for one of the next slots of this node. Throws RUN_UNKNOWN, RUN_OVER, INVALID_ARGUMENT. */
  suggest(run: string, genome: Genome): void
  /** Blocks from a height on, as many as are asked for or fit into an answer. Throws RUN_UNKNOWN, LEDGER_CORRUPT. */
  blocks(run: string, from: number, count: number): Promise<BlockView[]>
  /** The whole ledger as one file. Throws RUN_UNKNOWN, LEDGER_CORRUPT. */
  exportLedger(run: string): Promise<Uint8Array>
  /** Of this node's ledger, from the announcement on. */
  verify(run: string): Promise<LedgerVerdict>
  /** Whether members may read an artifact that is private here: a run that was announced on this node needs it. */
  lends(cid: string): boolean
  /** Of a ledger that somebody brought as a file. Throws LEDGER_MALFORMED for what is none, RUN_UNSUPPORTED. */
  verifyArchive(bytes: Uint8Array): Promise<LedgerVerdict>
}

export interface RoundsComponents {
  readonly mesh: Pick<
    Mesh,
    'handle' | 'subscribe' | 'publish' | 'open' | 'peers' | 'onPeerChange' | 'roleOf' | 'village' | 'peerId'
  >
  readonly artifacts: WorkloadContext['artifacts']
  readonly models: WorkloadContext['models']
  readonly pool: WorkloadContext['pool']
  /** For candidates that are settings of search. */
  readonly search?: WorkloadContext['search']
  /** Told of members that were proven liars by votes that exclude each other. */
  readonly onLie?: (peer: string, reason: string) => void
  readonly resources: Pick<Resources, 'accepts' | 'onChange' | 'limits'>
  readonly store: Pick<Store, 'json' | 'bytes'>
  readonly events: Pick<Events, 'emit' | 'subscribe'>
  readonly signer: Signer
  readonly log: Log
}

export interface RoundsInit {
  readonly directory: string
  readonly modelsDirectory: string
  readonly version: string
  readonly config: Pick<
    Config,
    | 'rounds.work'
    | 'rounds.kinds'
    | 'rounds.maxRuns'
    | 'rounds.keepRuns'
    | 'rounds.maxInputBytes'
    | 'rounds.maxDeadlineMinutes'
    | 'rounds.candidatesAtOnce'
  >
  readonly tables: RunTables
  readonly timing?: ConsensusTiming
  readonly patience?: RunPatience
  readonly now?: () => number
}

/** Others are told that this node leaves, and it waits so long for a block that says so. */
const LEAVE_MS = 2_000
const LEAVE_LOOK_MS = 50
/** Under which a workload adds what it settles (workloads/workload.ts). */
const SETTLED_PIN = 'run-inputs'
/** Of the blocks of one answer, as they are stored. */
const MAX_SHOWN_BYTES = 4 * 2 ** 20

/** Make it before the mesh starts. */
export function createRounds(components: RoundsComponents, init: RoundsInit): Rounds {
  const { mesh, artifacts, models, pool, resources, store, events, signer } = components
  const log = components.log.child({ service: 'rounds' })
  const { config, tables, timing = DEFAULT_TIMING, patience = DEFAULT_PATIENCE, now = Date.now } = init
  const self = peerOf(signer.publicKey)
  const ledgers = createLedgerStore<RunState>({ store, log })
  const gate = createWorkGate(resources, {
    get atOnce() {
      return config['rounds.candidatesAtOnce'] ?? resources.limits().cpuCores
    },
  })
  const context: WorkloadContext = {
    artifacts,
    models,
    pool,
    modelsDirectory: init.modelsDirectory,
    workDirectory: path.join(init.directory, 'rounds'),
    log,
    ...(components.search !== undefined && { search: components.search }),
  }
  const registry: RunRegistry = createRunRegistry(
    {
      mesh,
      ledgers,
      scores: store.json<KeptScore>('round-scores'),
      notes: store.json<RunNotes>('rounds'),
      context,
      gate,
      signer,
      roleOf: mesh.roleOf,
      events,
      ...(components.onLie !== undefined && { onLie: components.onLie }),
      runMesh: () => runMesh,
      log,
    },
    { ...init, timing, patience, now },
  )
  const runMesh: RunMesh = createRunMesh(
    {
      mesh,
      log,
      runs: registry.runs,
      ledgers,
      learn: (bytes, trace) => registry.add(checkAnnouncement(bytes), trace),
    },
    { now },
  )
  let endEvents: (() => void) | undefined
  let changing: Promise<void> = Promise.resolve()
  let lastSequence = 0

  const view = ({ live }: HostedRun) => viewOf(live, { self, traffic: runMesh.traffic.of(live.run) })
  const settle = (spec: unknown, signal: AbortSignal) => settleRun({ tables, context }, spec, signal)

  /** Grows over restarts too. */
  function sequence({ live }: HostedRun): number {
    lastSequence = Math.max(now(), lastSequence + 1, (live.state().sequences[self] ?? 0) + 1)
    return lastSequence
  }

  function control(run: string, action: ControlAction): void {
    const hosted = registry.needRunning(run)
    if (hosted.live.announcement.announcer !== self && mesh.roleOf(self) !== 'admin')
      throw new VillageError('RUN_NOT_ALLOWED', undefined, { fields: { run } })
    hosted.live.say({ kind: 'control', author: self, sequence: sequence(hosted), action })
  }

  /** So that those who go on need not wait for this node's deadlines. Alone, or cut off, there is nobody to tell. */
  async function leaveAll(runs: readonly HostedRun[]): Promise<void> {
    const connected = new Set(mesh.peers().map(({ peer }) => peer))
    const leaving = runs.filter(({ live }) => {
      const state = live.state()
      const others = activeParticipants(state).filter((peer) => peer !== self)
      return isActive(state, self) && others.some((peer) => connected.has(peer))
    })
    for (const { takingPart } of leaving) takingPart.retire()
    const deadlineMs = Date.now() + LEAVE_MS
    while (leaving.some(({ live }) => isActive(live.state(), self)) && Date.now() < deadlineMs)
      await sleep(LEAVE_LOOK_MS)
  }

  async function allBlocks(run: string): Promise<LedgerEntry[]> {
    const blocks: LedgerEntry[] = []
    for await (const entry of storedBlocks({ ledgers }, run)) blocks.push(entry)
    return blocks
  }

  return {
    name: 'rounds',
    async start() {
      await rm(context.workDirectory, { recursive: true, force: true })
      await mkdir(context.workDirectory, { recursive: true, mode: 0o700 })
      await registry.load()
      endEvents = events.subscribe(({ type }) => {
        if (type === 'village:changed')
          changing = changing
            .then(registry.load)
            .catch((error: unknown) => log.error({ err: error }, 'runs of the village could not be loaded'))
        if (type === 'member:joined')
          for (const { takingPart } of registry.runs.values()) takingPart.consider()
      })
      runMesh.start()
    },
    async stop() {
      endEvents?.()
      await changing
      await leaveAll(registry.running())
      await runMesh.stop()
      await registry.stop()
      gate.stop()
    },
    settle,
    async plan(spec, isMeasured, signal) {
      const run = rulesOf(tables, '', await settle(spec, signal))
      const cost = isMeasured ? await measureCost({ gate, context }, run, { signal }) : null
      return { ...describeRun(run), cost }
    },
    async announce(spec, signal) {
      const village = mesh.village()
      if (village === null) throw new VillageError('VILLAGE_NONE')
      // Those of others that this node only follows keep it from nothing.
      const busy = registry
        .running()
        .filter(({ live }) => live.announcement.announcer === self || isActive(live.state(), self))
      if (busy.length >= config['rounds.maxRuns']) throw new VillageError('RUN_TOO_MANY')
      const announcement = signAnnouncement(signer, {
        village: village.id,
        timeMs: now(),
        spec: await settle(spec, signal),
      })
      const { workload, rules } = openRun(tables, announcement)
      for (const cid of workload.inputs(rules.spec.workload.options)) {
        await artifacts.pin(cid, runPin(announcement.run))
        await artifacts.unpin(cid, SETTLED_PIN)
      }
      const hosted = await registry.add(announcement)
      runMesh.tell(announcement.run, 0)
      return view(hosted)
    },
    lends: (cid) =>
      registry
        .running()
        .some(
          ({ live, workload, rules }) =>
            live.announcement.announcer === self &&
            workload.inputs(rules.spec.workload.options).includes(cid),
        ),
    list: () => [...registry.runs.values()].map(view).sort((a, b) => a.announcedAtMs - b.announcedAtMs),
    view: (run) => view(registry.need(run)),
    details(run) {
      const { live, rules } = registry.need(run)
      return { rules, state: live.state(), traffic: runMesh.traffic.of(run) }
    },
    async report(run, signal) {
      const { live, rules } = registry.need(run)
      return pool.run('evolve.report', reportInput(rules, live.state(), runMesh.traffic.of(run)), { signal })
    },
    async rebuild(run, pin, signal) {
      const { live, rules, workload, takingPart } = registry.need(run)
      const { result } = live.state()
      if (result === null || result.cid === null) return null
      const id = builtId(rules.spec, run, result.id)
      const made = await gate.within({ own: true, memoryBytes: takingPart.memoryBytes(), signal }, () =>
        workload.build(rules.spec.workload.options, result.genome, context, { id, pin }, signal),
      )
      return made?.cid ?? null
    },
    act(run, action) {
      if (action === 'join') registry.needRunning(run).takingPart.setWish('in')
      else if (action === 'leave') registry.needRunning(run).takingPart.setWish('out')
      else control(run, action)
    },
    async remove(run) {
      const hosted = registry.need(run)
      if (!isOver(hosted.live.state())) await leaveAll([hosted])
      await registry.remove(run)
    },
    suggest(run, genome) {
      const { live, rules, workload } = registry.needRunning(run)
      workload.checkGenome(rules.spec.workload.options, genome)
      live.worker.suggest(genome)
    },
    async blocks(run, from, count) {
      registry.need(run)
      const entries = await ledgers.blocks(run, from, { count, sizeBytes: MAX_SHOWN_BYTES })
      return entries.map(({ block, certificate }) =>
        blockView(checkBlock(block), decodeCertificate(certificate)),
      )
    },
    async exportLedger(run) {
      const { announcement } = registry.need(run).live
      return encodeArchive({ announcement: announcement.bytes, blocks: await allBlocks(run) })
    },
    async verify(run) {
      const { live, rules } = registry.need(run)
      const announcement = live.announcement.bytes
      return checkLedger(runMachine(rules), { announcement, blocks: storedBlocks({ ledgers }, run) })
    },
    async verifyArchive(bytes) {
      const archive = decodeArchive(bytes)
      const { machine } = openRun(tables, checkAnnouncement(archive.announcement))
      return checkLedger(machine, archive)
    },
  }
}
