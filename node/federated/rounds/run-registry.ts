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
   * Keeps a run that was announced, here or by a member, and goes on with it.
   * Throws RUN_UNSUPPORTED, MEMBER_UNKNOWN, RUN_TOO_MANY, and INVALID_ARGUMENT for options that this node does not take.
   */
  add(announcement: Announcement): Promise<HostedRun>
  /** Those of the village that this node is in now; those of another are left alone. */
  load(): Promise<void>
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
  readonly config: Pick<Config, 'rounds.work' | 'rounds.kinds' | 'rounds.maxRuns' | 'rounds.keepRuns'>
  readonly tables: RunTables
}

/** Runs that are heard of and not over, on top of those that are kept. */
const MAX_RUNNING = 256

export function createRunRegistry(components: RegistryComponents, init: RegistryInit): RunRegistry {
  const { mesh, runMesh, notes, ledgers, context, events, log } = components
  const { config, tables } = init
  const runs = new Map<string, HostedRun>()
  let writing: Promise<void> = Promise.resolve()

  const running = () => [...runs.values()].filter(({ live }) => !isOver(live.state()))

  function isWanted(kind: string): boolean {
    const kinds = config['rounds.kinds']
    const taken = running().filter(({ live }) => isActive(live.state(), mesh.peerId)).length
    return (
      config['rounds.work'] &&
      (kinds.length === 0 || kinds.includes(kind)) &&
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

  function forgetOld(): void {
    const over = [...runs.values()]
      .filter(({ live }) => isOver(live.state()))
      .sort((a, b) => a.live.announcement.timeMs - b.live.announcement.timeMs)
    for (const hosted of over.slice(0, Math.max(0, over.length - config['rounds.keepRuns']))) {
      const { run } = hosted.live
      runs.delete(run)
      runMesh().forget(run)
      writeSoon(async () => {
        await hosted.stop()
        // A model that was published keeps it by a pin of its own.
        const cid = hosted.live.state().result?.cid ?? null
        if (cid !== null && (await context.artifacts.has(cid)))
          await context.artifacts.unpin(cid, runPin(run))
        await ledgers.remove(run)
        await notes.del(run)
      }, run)
    }
  }

  async function host(announcement: Announcement): Promise<HostedRun> {
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
      { ...init, announcement, stored, notes: kept, isWanted: () => isWanted(opened.workload.kind) },
    )
    runs.set(run, hosted)
    await hosted.live.start(stored.record)
    hosted.takingPart.consider()
    return hosted
  }

  function check({ run, village, announcer }: Announcement): void {
    if (village !== mesh.village()?.id)
      throw new VillageError('RUN_UNSUPPORTED', 'The run is of another village', { fields: { run } })
    const role = mesh.roleOf(announcer)
    if (role === null || role === 'guest')
      throw new VillageError('MEMBER_UNKNOWN', 'Whoever announced the run is no member', { fields: { run } })
    if (runs.size >= config['rounds.keepRuns'] + MAX_RUNNING) throw new VillageError('RUN_TOO_MANY')
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
    async add(announcement) {
      const known = runs.get(announcement.run)
      if (known !== undefined) return known
      check(announcement)
      openRun(tables, announcement) // nothing is kept of a run that this node cannot follow
      await ledgers.putAnnouncement(announcement)
      const hosted = await host(announcement)
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
    },
    async load() {
      const village = mesh.village()?.id
      for (const hosted of [...runs.values()].filter(({ live }) => live.announcement.village !== village)) {
        runs.delete(hosted.live.run)
        await hosted.stop()
      }
      for (const bytes of await ledgers.announcements()) {
        const announcement = checkAnnouncement(bytes)
        if (announcement.village !== village || runs.has(announcement.run)) continue
        try {
          await host(announcement)
        } catch (error) {
          log.error({ err: toVillageError(error), run: announcement.run }, 'a run could not be gone on with')
        }
      }
    },
    async stop() {
      const hosted = [...runs.values()]
      await Promise.all(hosted.map((one) => one.stop()))
      for (const { live, takingPart } of hosted)
        keepNotes(live.run, { wish: takingPart.wish(), isSettled: takingPart.isSettled() })
      await writing
      runs.clear()
    },
  }
}
