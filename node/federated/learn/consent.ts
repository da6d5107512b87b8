/** Whether this node takes part: what its owner offers, to whom, and how much a day. Pure. */
import type { Config } from '../../config.ts'
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'

export interface Consent {
  /** Absolute paths by name. */
  readonly data: ReadonlyMap<string, readonly string[]>
  /** Peer IDs; empty: every member. */
  readonly servers: readonly string[]
  readonly roundsByDay: number
  readonly minutesByDay: number
  readonly wattHoursByDay: number | null
}

/** What was done on one day. */
export interface DayUse extends JsonObject {
  /** Days since the epoch, UTC. */
  readonly day: number
  readonly rounds: number
  readonly busyMs: number
  readonly joules: number
}

const DAY_MS = 86_400_000
const JOULES_BY_WATT_HOUR = 3_600

/** From `federate.data`: entries like `my-notes=/home/me/notes.txt`. */
export function dataByName(entries: readonly string[]): Map<string, string[]> {
  const byName = new Map<string, string[]>()
  for (const entry of entries) {
    const at = entry.indexOf('=')
    const name = entry.slice(0, at)
    byName.set(name, [...(byName.get(name) ?? []), entry.slice(at + 1)])
  }
  return byName
}

/** What the configuration says at present: a change counts from then on. */
export function consentOf(
  config: Pick<
    Config,
    | 'federate.data'
    | 'federate.servers'
    | 'federate.roundsByDay'
    | 'federate.minutesByDay'
    | 'federate.wattHoursByDay'
  >,
): Consent {
  return {
    get data() {
      return dataByName(config['federate.data'])
    },
    get servers() {
      return config['federate.servers']
    },
    get roundsByDay() {
      return config['federate.roundsByDay']
    },
    get minutesByDay() {
      return config['federate.minutesByDay']
    },
    get wattHoursByDay() {
      return config['federate.wattHoursByDay']
    },
  }
}

export function useOn(use: DayUse | null, nowMs: number): DayUse {
  const day = Math.floor(nowMs / DAY_MS)
  return use?.day === day ? use : { day, rounds: 0, busyMs: 0, joules: 0 }
}

/** Counted when it begins: one that is broken off is one too. */
export const addRound = (use: DayUse): DayUse => ({ ...use, rounds: use.rounds + 1 })

export function addUse(use: DayUse, work: { busyMs: number; joules: number }): DayUse {
  return { ...use, busyMs: use.busyMs + work.busyMs, joules: use.joules + work.joules }
}

function refused(reason: string): VillageError {
  return new VillageError('FEDERATION_REFUSED', `This node takes no part: ${reason}`)
}

/** The files that the owner offers under that name. Throws FEDERATION_REFUSED. */
export function offeredFiles(
  consent: Consent,
  asked: { server: string; data: string | null },
): readonly string[] {
  const files = asked.data === null ? undefined : consent.data.get(asked.data)
  if (files === undefined) throw refused('its owner offers no data of this name')
  if (consent.servers.length > 0 && !consent.servers.includes(asked.server))
    throw refused('its owner offers nothing to this member')
  return files
}

/** Throws FEDERATION_REFUSED when no other round may begin today. */
export function checkUse(consent: Consent, use: DayUse): void {
  if (use.rounds >= consent.roundsByDay) throw refused('the rounds of today are used up')
  checkAmounts(consent, use)
}

/** Throws FEDERATION_REFUSED when the time or the energy that the owner allows for a day is used up, also in the middle of a round. */
export function checkAmounts({ minutesByDay, wattHoursByDay }: Consent, use: DayUse): void {
  if (use.busyMs >= minutesByDay * 60_000) throw refused('the minutes of today are used up')
  if (wattHoursByDay !== null && use.joules >= wattHoursByDay * JOULES_BY_WATT_HOUR)
    throw refused('the energy of today is used up')
}
