/**
 * Which clients take part in a round. Without privacy: a weighted draw without replacement, so that reliable clients on mains come
 * more often and nobody is left out for good (Efraimidis and Spirakis, "Weighted random sampling with a reservoir", 2006: the
 * largest of u^(1/w)): the same seed, round and records give the same clients on every machine. With privacy: each client by itself
 * with probability q, and nothing about it counts, for the proof supposes that.
 */
import { logarithm } from '../../compute/training/normal.ts'
import { counterRandom, streamOf } from '../../compute/training/philox.ts'

export interface ClientRecord {
  /** Peer ID. */
  readonly client: string
  /** Rounds that it was asked for, and that it answered in time with an update that could be used. */
  readonly asked: number
  readonly answered: number
  readonly power: 'mains' | 'battery' | 'unknown'
  /** Cores that it lends; 1 where it does not say. */
  readonly cores: number
}

/** A client on battery that still takes work is asked this much less often. */
const ON_BATTERY = 0.25
/** More cores count, but not in proportion: the data matter more than the speed. */
const CORES_SHARE = 0.25

/** Expected to answer (a uniform prior: who was never asked counts as a half), by power and cores. */
export function weightOf({ asked, answered, power, cores }: ClientRecord): number {
  const reliability = (answered + 1) / (asked + 2)
  return reliability * (power === 'battery' ? ON_BATTERY : 1) * Math.max(1, cores) ** CORES_SHARE
}

interface Draw {
  readonly seed: number
  readonly round: number
  /** Another number for a round that is made again. */
  readonly attempt: number
}

/** A number in (0, 1) for each client and round; it does not depend on who else is there. */
function uniformOf(client: string, { seed, round, attempt }: Draw): number {
  const random = counterRandom(seed, streamOf(`select ${client}`))
  return (random.word(round * 1_024 + attempt) + 0.5) / 2 ** 32
}

/** Peer IDs in order of preference: the first `count` of all. */
export function selectClients(records: readonly ClientRecord[], count: number, draw: Draw): string[] {
  return records
    .map((record) => ({
      client: record.client,
      // log of u^(1/w), which has the same order.
      key: logarithm(uniformOf(record.client, draw)) / weightOf(record),
    }))
    .sort((a, b) => b.key - a.key || (a.client < b.client ? -1 : 1))
    .slice(0, count)
    .map(({ client }) => client)
}

/**
 * Poisson sampling. May be nobody. `uniform` is a number in (0, 1) that clients cannot know: the proof counts on that nobody can
 * tell who was drawn.
 */
export function sampleClients(
  records: readonly ClientRecord[],
  rate: number,
  uniform: () => number,
): string[] {
  return records
    .filter(() => uniform() < rate)
    .map(({ client }) => client)
    .sort()
}
