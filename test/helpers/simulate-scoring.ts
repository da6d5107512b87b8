/**
 * Generations of candidates that members score, some of them lying together, through the real draw, judge and reputation. What
 * candidates are worth is known here, so that what was believed can be held against it.
 */
import { createHash } from 'node:crypto'
import { counterRandom, streamOf } from '../../node/compute/training/philox.ts'
import { drawFirstScorers, drawScorers } from '../../node/federated/scoring/assignment.ts'
import { decisiveSlots, judge } from '../../node/federated/scoring/judge.ts'
import type { Judgement, RevealedScores } from '../../node/federated/scoring/judgement.ts'
import {
  afterGeneration,
  quarantinedScorers,
  type Reputation,
  trustedScorers,
} from '../../node/federated/scoring/reputation.ts'

export interface LyingContext {
  readonly generation: number
  readonly slot: number
  readonly scorer: string
  /** The candidate is one of the liars' own. */
  readonly isOwn: boolean
  readonly truth: Uint8Array
  readonly reputation: Reputation
  readonly liars: readonly string[]
  /** Uniform in [0, 1), the same for all liars that look at the slot. */
  readonly shared: number
}

/** What a liar reveals; null: nothing. */
export type Lie = (context: LyingContext) => Uint8Array | null

export interface ScoringInit {
  readonly seed: number
  readonly members: number
  readonly liars: number
  readonly lie: Lie
  readonly generations: number
  readonly candidates?: number
  readonly items?: number
  readonly tolerance?: number
  readonly scorers?: number
}

export interface ScoredGeneration {
  /** The best by what was believed, and by what is true. */
  readonly selected: number | null
  readonly best: number
  readonly accepted: ReadonlyMap<number, Uint8Array | null>
  readonly truths: readonly Uint8Array[]
  readonly scorings: number
  readonly stages: number
}

export interface SimulatedScoring {
  readonly liars: readonly string[]
  readonly named: ReadonlySet<string>
  /** Liars that revealed something further from the truth than two honest scorers may be apart. */
  readonly lied: ReadonlySet<string>
  readonly generations: readonly ScoredGeneration[]
  readonly reputation: Reputation
}

const MAX_STAGES = 40

const hashOf = (...parts: readonly (string | number)[]): string =>
  createHash('sha256').update(parts.join('\0')).digest('hex')

export function uniform(seed: number, ...parts: readonly (string | number)[]): number {
  return counterRandom(seed, streamOf(parts.join('/'))).word(0) / 2 ** 32
}

const sumOf = (values: Uint8Array): number => values.reduce((sum, value) => sum + value, 0)

const bestOf = (vectors: readonly (readonly [number, Uint8Array])[]): number | null =>
  vectors.reduce<readonly [number, number] | null>((best, [slot, values]) => {
    const sum = sumOf(values)
    return best === null || sum > best[1] ? [slot, sum] : best
  }, null)?.[0] ?? null

/** Candidates of random worth; the best is ahead of all others by more than scorers may differ. */
function makeTruths(seed: number, generation: number, candidates: number, items: number): Uint8Array[] {
  const best = Math.floor(uniform(seed, 'best', generation) * candidates)
  const random = counterRandom(seed, generation)
  let at = 0
  const next = () => random.word(at++) / 2 ** 32
  return Array.from({ length: candidates }, (_, slot) => {
    const worth = slot === best ? 0.8 : 0.2 + 0.4 * next()
    let right = Math.round(worth * items)
    const truth = new Uint8Array(items)
    // As many right answers as the worth says, at random places.
    for (let item = 0; item < items; item++)
      if (next() * (items - item) < right) {
        truth[item] = 1
        right -= 1
      }
    return truth
  })
}

export function simulateScoring(init: ScoringInit): SimulatedScoring {
  const { seed, members, generations, candidates = 12, items = 64, tolerance = 0.03, scorers = 2 } = init
  const peers = Array.from({ length: members }, (_, index) => `peer-${index}`)
  const liars = [...peers]
    .sort((a, b) => uniform(seed, 'liar', a) - uniform(seed, 'liar', b))
    .slice(0, init.liars)
  const faulty = Math.floor((members - 1) / 3)
  const lied = new Set<string>()
  const named = new Set<string>()
  let reputation: Reputation = {}

  /** Honest machines read one item of each candidate either way: they are never further apart. */
  function honest(scorer: string, generation: number, slot: number, truth: Uint8Array): Uint8Array {
    const near = Math.floor(uniform(seed, 'near', generation, slot) * items)
    const values = truth.slice()
    if (uniform(seed, 'flip', generation, slot, scorer) < 0.3) values[near] = 1 - values[near]!
    return values
  }

  function reveal(scorer: string, generation: number, slot: number, proposer: string, truth: Uint8Array) {
    if (!liars.includes(scorer)) return honest(scorer, generation, slot, truth)
    const shared = uniform(seed, 'shared', generation, slot)
    const isOwn = liars.includes(proposer)
    const said = init.lie({ generation, slot, scorer, isOwn, truth, reputation, liars, shared })
    const apart = said?.reduce((sum, value, item) => sum + (value === truth[item] ? 0 : 1), 0) ?? 0
    // One more than what separates it from every honest reading of the candidate.
    if (apart > Math.floor(tolerance * items) + 1) lied.add(scorer)
    return said
  }

  function scoreGeneration(generation: number): ScoredGeneration {
    const truths = makeTruths(seed, generation, candidates, items)
    const active = peers.filter((peer) => !quarantinedScorers(reputation).has(peer))
    const base = { run: `run-${seed}`, generation, participants: active, reputation }
    const evidence = truths.map((_, slot) => {
      const proposer = peers[(slot + generation) % members]!
      return { slot, proposer, reveals: [] as RevealedScores[], silent: [] as string[], exhausted: false }
    })
    let drawn = evidence.map(({ slot, proposer }) =>
      drawFirstScorers({ ...base, slot, proposer, seed: hashOf(seed, generation, 0) }, { scorers, faulty }),
    )
    const already = drawn.map((own) => [...own])
    let scorings = 0
    for (let stage = 0; stage < MAX_STAGES; stage++) {
      const blockHash = hashOf(seed, generation, stage + 1)
      for (const [slot, own] of drawn.entries())
        for (const scorer of own) {
          const said = reveal(scorer, generation, slot, evidence[slot]!.proposer, truths[slot]!)
          if (said === null) evidence[slot]!.silent.push(scorer)
          else evidence[slot]!.reveals.push({ scorer, values: said })
          scorings += 1
        }
      const judgement: Judgement = judge(evidence, {
        faulty,
        tolerance,
        decisive: decisiveSlots(evidence, 3),
        scorers,
        trusted: trustedScorers(reputation),
        quarantined: quarantinedScorers(reputation),
        seed: hashOf(seed, generation, 'audit'),
      })
      if (judgement.wanted.size === 0) {
        for (const liar of judgement.liars.keys()) named.add(liar)
        reputation = afterGeneration(reputation, evidence, judgement)
        const vectors = [...judgement.accepted].flatMap(([slot, values]) =>
          values === null ? [] : [[slot, values] as const],
        )
        const best = bestOf(truths.map((truth, slot) => [slot, truth] as const))!
        const { accepted } = judgement
        return { selected: bestOf(vectors), best, accepted, truths, scorings, stages: stage + 1 }
      }
      drawn = evidence.map(({ slot, proposer }) => {
        const count = judgement.wanted.get(slot) ?? 0
        if (count === 0) return []
        const draw = {
          ...base,
          slot,
          proposer,
          seed: blockHash,
          stage: stage + 1,
          count,
          already: already[slot]!,
        }
        const own = drawScorers(draw)
        if (own.length < count) evidence[slot]!.exhausted = true
        already[slot]!.push(...own)
        return own
      })
    }
    throw new Error(`generation ${generation} of seed ${seed} does not come to an end`)
  }

  const scored = Array.from({ length: generations }, (_, generation) => scoreGeneration(generation))
  return { liars, named, lied, generations: scored, reputation }
}
