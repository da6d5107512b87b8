/** Which runs this node has: those of its village, read from the disk at the start, heard of, or announced here; the oldest that are over go. */
import type { Config } from '../../config.ts'
import { toVillageError, VillageError } from '../../errors.ts'
import type { Events } from '../../events.ts'
import type { Log } from '../../log.ts'
import type { Mesh } from '../../mesh/mesh.ts'
import type { JsonTable } from '../../store.ts'
import { type Announcement, checkAnnouncement } from '../ledger/announcement.ts'
import {
  createHostedRun,
  type HostComponents,
  type HostedRun,
  type HostInit,
  NO_NOTES,
  type RunNotes,
} from './hosted-run.ts'
import { isActive } from './participants.ts'
import type { RunMesh } from './run-mesh.ts'
import { openRun, type RunTables } from './run-opening.ts'
import type { RunSpec } from './run-spec.ts'
import { isOver } from './run-state.ts'
import { readStoredRun } from './stored-run.ts'
import { runPin } from './taking-part.ts'

export interface RunRegistry {
  readonly runs: ReadonlyMap<string, HostedRun>
  running(): HostedRun[]
  /** Throws RUN_UNKNOWN. */
  need(run: string): HostedRun
  /** Throws RUN_UNKNOWN, RUN_OVER. */
  needRunning(run: string): HostedRun
  /**
   * Keeps a run that was announced, here or by a member, and goes on with it. `trace` is what a member says that it is traced as.
   * Throws RUN_UNSUPPORTED, MEMBER_UNKNOWN, RUN_TOO_MANY, and INVALID_ARGUMENT for options that this node does not take.
   */
  add(announcement: Announcement, trace?: Uint8Array): Promise<HostedRun>
  /** Those of the village that this node is in now; those of another are left alone. */
  load(): Promise<void>
  /** For good: its ledger goes, and it is not fetched again. Throws RUN_UNKNOWN. */
  remove(run: string): Promise<void>
  stop(): Promise<void>
}

export interface RegistryComponents extends HostComponents {
  readonly mesh: Pick<Mesh, 'village' | 'roleOf' | 'peerId'>
  readonly runMesh: () => RunMesh
  readonly notes: JsonTable<RunNotes>
  readonly events: Pick<Events, 'emit'>
  readonly log: Log
}

export interface RegistryInit extends Pick<HostInit, 'timing' | 'patience' | 'version' | 'now'> {
  readonly config: Pick<
    Config,
    | 'rounds.work'
    | 'rounds.kinds'
    | 'rounds.maxRuns'
    | 'rounds.keepRuns'
    | 'rounds.maxInputBytes'
    | 'rounds.maxDeadlineMinutes'
  >
  readonly tables: RunTables
}

/** Runs that are heard of and not over, on top of those that are kept. */
const MAX_RUNNING = 256
/** Of one other member: nobody fills the table for all. */
const MAX_BY_ANNOUNCER = 16
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
/** Of another member's run without a block: it never began or its announcer is no member any more; or anything else happened to it. */
const IDLE_MS = { orphan: 24 * HOUR_MS, any: 30 * 24 * HOUR_MS } as const

export function createRunRegistry(components: RegistryComponents, init: RegistryInit): RunRegistry {
  const { mesh, runMesh, notes, ledgers, context, events, log } = components
  const { config, tables } = init
  const runs = new Map<string, HostedRun>()
  /** Of runs that are not over: since when this node has seen no block of them. */
  const idle = new Map<string, { height: number; sinceMs: number }>()
  let writing: Promise<void> = Promise.resolve()
  /** One at a time: whether there is room is asked before a run takes it. */
  let adding: Promise<unknown> = Promise.resolve()
  let every: NodeJS.Timeout | undefined

  const isMember = (peer: string) => !['guest', null].includes(mesh.roleOf(peer))
  const running = () => [...runs.values()].filter(({ live }) => !isOver(live.state()))

  function isWanted({ workload: { kind }, deadlines }: RunSpec): boolean {
    const kinds = config['rounds.kinds']
    const slowestMs = Math.max(...Object.values(deadlines))
    const taken = running().filter(({ live }) => isActive(live.state(), mesh.peerId)).length
    return (
      config['rounds.work'] &&
      (kinds.length === 0 || kinds.includes(kind)) &&
      slowestMs <= config['rounds.maxDeadlineMinutes'] * MINUTE_MS &&
      taken < config['rounds.maxRuns']
    )
  }

  function writeSoon(work: () => Promise<void>, run: string): void {
    writing = writing
      .then(work)
      .catch((error: unknown) => log.error({ err: error, run }, 'what is known of a run could not be kept'))
  }

  const keepNotes = (run: string, kept: Omit<RunNotes, 'traffic'>) =>
    writeSoon(() => notes.put(run, { ...kept, traffic: runMesh().traffic.of(run) }), run)

  /** Everything of the run that is on this node but `notes`. */
  async function erase(hosted: HostedRun): Promise<void> {
    const { live, workload, rules } = hosted
    await hosted.stop()
    const { result, built } = live.state()
    // A model that was published keeps it by a pin of its own.
    const made = [result?.cid ?? null, built[mesh.peerId] ?? null].filter((cid) => cid !== null)
    for (const cid of new Set([...made, ...workload.inputs(rules.spec.workload.options)]))
      if (await context.artifacts.has(cid)) await context.artifacts.unpin(cid, runPin(live.run))
    await ledgers.remove(live.run)
  }

  function forget(hosted: HostedRun, height?: number): void {
    const { run } = hosted.live
    runs.delete(run)
    idle.delete(run)
    runMesh().forget(run, height)
    writeSoon(async () => {
      await erase(hosted)
      await notes.del(run)
    }, run)
  }

  /** The oldest of those who have announced most, so that the many of one do not take the place of the few of another. */
  function forgetOld(): void {
    const over = [...runs.values()]
      .filter(({ live }) => isOver(live.state()))
      .sort((a, b) => a.live.announcement.timeMs - b.live.announcement.timeMs)
    while (over.length > config['rounds.keepRuns']) {
      const counts = new Map<string, number>()
      for (const { live } of over)
        counts.set(live.announcement.announcer, (counts.get(live.announcement.announcer) ?? 0) + 1)
      const most = Math.max(...counts.values())
      const index = over.findIndex(({ live }) => counts.get(live.announcement.announcer) === most)
      forget(over.splice(index, 1)[0]!)
    }
  }

  /** Nothing comes of these any more; where something does, they are fetched again. */
  function forgetIdle(): void {
    for (const hosted of running()) {
      const { announcement, run } = hosted.live
      if (announcement.announcer === mesh.peerId) continue
      const { startedAtMs } = hosted.live.state()
      const { height, timeMs } = hosted.live.tip()
      const known = idle.get(run)
      // Whoever decides alone may write any time into its blocks.
      const sinceMs = known?.height === height ? known.sinceMs : Math.min(timeMs, init.now())
      idle.set(run, { height, sinceMs })
      const isOrphan = startedAtMs === null || !isMember(announcement.announcer)
      if (init.now() - sinceMs <= (isOrphan ? IDLE_MS.orphan : IDLE_MS.any)) continue
      log.info({ run }, 'a run in which nothing happens any more was forgotten')
      forget(hosted, height)
    }
  }

  async function host(
    announcement: Announcement,
    origin: Pick<HostInit, 'trace' | 'isResumed'>,
  ): Promise<HostedRun> {
    const { run } = announcement
    const opened = openRun(tables, announcement)
    const stored = await readStoredRun({ ledgers, machine: opened.machine, log }, announcement)
    const kept = (await notes.get(run)) ?? NO_NOTES
    runMesh().traffic.restore(run, kept.traffic)
    const outlet = {
      ...runMesh().outletOf(run),
      noted: (next: Omit<RunNotes, 'traffic'>) => keepNotes(run, next),
      // Not now: the run is still busy with its last block.
      over: () => void setImmediate(forgetOld),
    }
    const hosted = createHostedRun(
      { ...components, ...opened, outlet },
      {
        ...init,
        ...origin,
        announcement,
        stored,
        notes: kept,
        maxInputBytes: config['rounds.maxInputBytes'],
        isWanted: () => isWanted(opened.rules.spec),
      },
    )
    runs.set(run, hosted)
    await hosted.live.start(stored.record)
    hosted.takingPart.consider()
    return hosted
  }

  function check({ run, village, announcer }: Announcement): void {
    if (village !== mesh.village()?.id)
      throw new VillageError('RUN_UNSUPPORTED', 'The run is of another village', { fields: { run } })
    if (!isMember(announcer))
      throw new VillageError('MEMBER_UNKNOWN', 'Whoever announced the run is no member', { fields: { run } })
    forgetIdle()
    const own = running().filter(({ live }) => live.announcement.announcer === announcer)
    if (announcer !== mesh.peerId && own.length >= MAX_BY_ANNOUNCER)
      throw new VillageError('RUN_TOO_MANY', `One member has ${own.length} runs that are not over`, {
        fields: { announcer },
      })
    if (runs.size >= config['rounds.keepRuns'] + MAX_RUNNING) throw new VillageError('RUN_TOO_MANY')
  }

  async function add(announcement: Announcement, trace: Uint8Array | null): Promise<HostedRun> {
    const known = runs.get(announcement.run)
    if (known !== undefined) return known
    check(announcement)
    openRun(tables, announcement) // nothing is kept of a run that this node cannot follow
    await ledgers.putAnnouncement(announcement)
    const hosted = await host(announcement, { trace, isResumed: false })
    const { run, spec, phase, generation, height } = hosted.live.state()
    log.info({ run, workload: spec.workload.kind }, 'a run of evolution was announced')
    events.emit('round:changed', {
      run,
      name: spec.name,
      phase,
      generation,
      height,
      isPaused: false,
      best: null,
    })
    return hosted
  }

  const need = (run: string): HostedRun => {
    const found = runs.get(run)
    if (found === undefined) throw new VillageError('RUN_UNKNOWN', undefined, { fields: { run } })
    return found
  }

  return {
    runs,
    running,
    need,
    needRunning(run) {
      const found = need(run)
      if (isOver(found.live.state())) throw new VillageError('RUN_OVER', undefined, { fields: { run } })
      return found
    },
    add(announcement, trace) {
      const added = adding.then(() => add(announcement, trace ?? null))
      adding = added.catch(() => undefined) // thrown to whoever added it
      return added
    },
    async load() {
      const village = mesh.village()?.id
      every ??= setInterval(forgetIdle, HOUR_MS).unref()
      for await (const [run, { removed }] of notes.entries()) if (removed === true) runMesh().forget(run)
      for (const hosted of [...runs.values()].filter(({ live }) => live.announcement.village !== village)) {
        runs.delete(hosted.live.run)
        await hosted.stop()
      }
      for (const bytes of await ledgers.announcements()) {
        const announcement = checkAnnouncement(bytes)
        if (announcement.village !== village || runs.has(announcement.run)) continue
        try {
          await host(announcement, { trace: null, isResumed: true })
        } catch (error) {
          log.error({ err: toVillageError(error), run: announcement.run }, 'a run could not be gone on with')
        }
      }
      forgetIdle()
    },
    async remove(run) {
      const hosted = need(run)
      runs.delete(run)
      idle.delete(run)
      runMesh().forget(run)
      await erase(hosted)
      await notes.put(run, { ...NO_NOTES, removed: true })
    },
    async stop() {
      clearInterval(every)
      const hosted = [...runs.values()]
      await Promise.all(hosted.map((one) => one.stop()))
      for (const { live, takingPart } of hosted)
        keepNotes(live.run, { wish: takingPart.wish(), isSettled: takingPart.isSettled() })
      await writing
      runs.clear()
    },
  }
}
