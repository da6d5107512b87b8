/** Who is to do a step: each way is scored by latency, energy, privacy, cost and quality, by the weights of the configuration. Pure. */

export const CRITERIA = ['latency', 'energy', 'privacy', 'cost', 'quality'] as const
export type Criterion = (typeof CRITERIA)[number]
export type Weights = Readonly<Record<Criterion, number>>

export const DEFAULT_WEIGHTS: Weights = { latency: 1, energy: 1, privacy: 3, cost: 1, quality: 2 }

/** What is known of one way before it is gone: measured where there is a measurement, else announced or assumed. */
export interface Estimates {
  readonly latencyMs: number
  /** Busy seconds of processors, here or elsewhere. */
  readonly cpuSeconds: number
  /** Whether what is asked leaves this node. */
  readonly leavesNode: boolean
  /** Whether it uses what others pay for: their machine, their quota. */
  readonly usesOthers: boolean
  /** How good an answer is to be expected, 0 to 1. */
  readonly quality: number
}

export interface Way {
  /** `here`, or the peer ID of a member. */
  readonly id: string
  readonly estimates: Estimates
}

export interface Weighed extends Way {
  /** 0 to 1 for each criterion: 1 is best. */
  readonly marks: Readonly<Record<Criterion, number>>
  /** Mean of the marks by the weights, 0 to 1. */
  readonly score: number
}

/** Latency and energy of which a mark is a half. */
const HALF_LATENCY_MS = 2_000
const HALF_CPU_SECONDS = 5

function marksOf({ latencyMs, cpuSeconds, leavesNode, usesOthers, quality }: Estimates): Weighed['marks'] {
  return {
    latency: HALF_LATENCY_MS / (HALF_LATENCY_MS + Math.max(0, latencyMs)),
    energy: HALF_CPU_SECONDS / (HALF_CPU_SECONDS + Math.max(0, cpuSeconds)),
    privacy: leavesNode ? 0 : 1,
    cost: usesOthers ? 0 : 1,
    quality: Math.min(1, Math.max(0, quality)),
  }
}

/** Best first; equal ones in the order of their ids, `here` before all, so that equal inputs always give one choice. */
export function weigh(ways: readonly Way[], weights: Weights): Weighed[] {
  const total = CRITERIA.reduce((sum, name) => sum + weights[name], 0)
  const rank = (id: string) => (id === 'here' ? '' : id)
  return ways
    .map((way): Weighed => {
      const marks = marksOf(way.estimates)
      const sum = CRITERIA.reduce((all, name) => all + weights[name] * marks[name], 0)
      return { ...way, marks, score: total === 0 ? 0 : sum / total }
    })
    .sort((a, b) => b.score - a.score || (rank(a.id) < rank(b.id) ? -1 : 1))
}

/** `latency=1`, `privacy=3`, …: what is not named has its default. Rows are checked by the configuration. */
export function parseWeights(rows: readonly string[]): Weights {
  const given = rows.map((row) => row.split('=')).map(([name, value]) => [name, Number(value)])
  return { ...DEFAULT_WEIGHTS, ...Object.fromEntries(given) }
}

/** One sentence for the decision log. */
export function explainChoice([best, next]: readonly Weighed[]): string {
  if (best === undefined) return 'There was no way to do it.'
  if (next === undefined) return `${best.id}: the only way.`
  const gains = CRITERIA.filter((name) => best.marks[name] > next.marks[name])
  const by = gains.length === 0 ? 'equal in everything' : `better in ${gains.join(', ')}`
  return `${best.id} (${best.score.toFixed(2)}) before ${next.id} (${next.score.toFixed(2)}): ${by}.`
}
