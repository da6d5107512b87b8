/**
 * Who scores which candidate: weighted rendezvous hashing (Schindelhauer and Schomaker, "Weighted Distributed Hash Tables", SPAA 2005,
 * the logarithmic method), so that every member draws the same without being asked. The seed of later stages is the hash of the
 * last block, which nobody knew when scores were committed.
 */
import { createHash } from 'node:crypto'
import { logarithm } from '../../compute/training/normal.ts'
import { isQuarantined, type Reputation, recordOf, TRUST_AFTER, trustedScorers } from './reputation.ts'

export interface ScorerDraw {
  readonly run: string
  readonly generation: number
  readonly slot: number
  /** Of the scoring of this generation, from 0. */
  readonly stage: number
  readonly participants: readonly string[]
  /** Scores its own candidate only where nobody else is there, or nobody else is left to settle a disagreement. */
  readonly proposer: string
  /** Scorers that are wanted. */
  readonly count: number
  /** Drawn for this slot in earlier stages. */
  readonly already: readonly string[]
  /** Hash of a block, hex. */
  readonly seed: string
  readonly reputation: Reputation
}

const DOMAIN = 'village/scorers/1'
/** A trusted scorer is drawn this much more often than a new one: reputation must not buy a majority. */
const TRUSTED_WEIGHT = 2

/** Share of its turns that a scorer gets: none for proven liars, fewer for the silent. */
function scorerWeight(reputation: Reputation, scorer: string): number {
  if (isQuarantined(reputation, scorer)) return 0
  const { valid, silent } = recordOf(reputation, scorer)
  const earned = 1 + ((TRUSTED_WEIGHT - 1) * Math.min(valid, TRUST_AFTER)) / TRUST_AFTER
  return earned / (1 + silent)
}

/** Uniform in (0, 1), the same everywhere. */
function uniform(draw: ScorerDraw, scorer: string): number {
  const { run, generation, slot, stage, seed } = draw
  const text = [DOMAIN, run, generation, stage, slot, seed, scorer].join('\0')
  const digest = createHash('sha256').update(text).digest()
  return (digest.readUIntBE(0, 6) + 0.5) / 2 ** 48
}

/**
 * Peers that score a slot, best first: at most `count`, fewer where nobody is left. Proven liars are never drawn. Pure: equal on all
 * members, whatever the order of `participants`.
 */
export function drawScorers(draw: ScorerDraw): string[] {
  const { participants, already, proposer, count, reputation } = draw
  const candidates = [...new Set(participants)].filter(
    (peer) => !already.includes(peer) && scorerWeight(reputation, peer) > 0,
  )
  const others = candidates.filter((peer) => peer !== proposer)
  const ranked = others
    .map((peer) => ({
      peer,
      rank: scorerWeight(reputation, peer) / -logarithm(uniform(draw, peer)),
    }))
    .sort((a, b) => b.rank - a.rank || (a.peer < b.peer ? -1 : 1))
    .map(({ peer }) => peer)
  const alone = others.length === 0 && already.length === 0
  if (ranked.length < count && candidates.includes(proposer) && (alone || draw.stage > 0))
    ranked.push(proposer)
  return ranked.slice(0, Math.max(0, count))
}

/** Of a large village, how many scorers a candidate has where one of them is new, and where all are trusted. */
export const REPLICATION = { new: 4, trusted: 2 } as const
/** Up to so many possible liars every candidate has one scorer more than can lie: then no lie is ever believed. */
export const STRICT_FAULTY = 3

/**
 * Scorers of the first stage: more than can lie where that is few enough; in larger villages `scorers`, at least two where all of
 * them have earned trust and four where not, and what is audited or decisive gets more in the stages that follow (judge.ts).
 */
export function drawFirstScorers(
  draw: Omit<ScorerDraw, 'count' | 'stage' | 'already'>,
  init: { readonly scorers: number; readonly faulty: number },
): string[] {
  const most = init.faulty <= STRICT_FAULTY ? init.faulty + 1 : REPLICATION.new
  const drawn = drawScorers({ ...draw, stage: 0, already: [], count: Math.max(init.scorers, most) })
  if (init.faulty <= STRICT_FAULTY) return drawn
  const few = drawn.slice(0, Math.max(init.scorers, REPLICATION.trusted))
  const trusted = trustedScorers(draw.reputation)
  return few.every((peer) => trusted.has(peer)) ? few : drawn
}
