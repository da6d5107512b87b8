/**
 * The report of a run: how its candidates became better, where the best comes from, who worked, what travelled, and whether the winner
 * is better than what there was before. A pure function of what the ledger says and of the bytes that this node has counted; run on a
 * worker thread (operations.ts), for it resamples.
 */
import { canonicalJson, type JsonObject, type JsonValue } from '../../json.ts'
import type { RunRules } from '../rounds/run-rules.ts'
import type { RunState } from '../rounds/run-state.ts'
import type { PeerTraffic } from '../rounds/traffic.ts'
import { recordOf } from '../scoring/reputation.ts'
import { finalistRows, finalReport } from './final-report.ts'
import { lineageOf } from './lineage.ts'
import type { Genome } from './strategy.ts'

export interface ReportInput {
  readonly state: RunState
  /** How scores of the two last splits are packed. */
  readonly scores: { readonly bits: 1 | 8; readonly validationItems: number; readonly finalItems: number }
  /** What the winner has to beat. */
  readonly seeds: readonly { readonly name: string; readonly genome: Genome }[]
  /** Counted by this node, by peer. */
  readonly traffic: Readonly<Record<string, PeerTraffic>>
}

/** What the worker needs, from what the service has. */
export function reportInput(
  rules: Pick<RunRules, 'spec' | 'workload' | 'space'>,
  state: RunState,
  traffic: ReportInput['traffic'],
): ReportInput {
  const { workload, spec, space } = rules
  return {
    state,
    seeds: space.seeds.map((genome, index) => ({
      name: space.seedNames?.[index] ?? `seed ${index}`,
      genome,
    })),
    scores: {
      bits: workload.scoreBits,
      validationItems: workload.items(spec.workload.options, 'validation'),
      finalItems: workload.items(spec.workload.options, 'final'),
    },
    traffic,
  }
}

/** Candidates in the table, the best ones. */
const MAX_ROWS = 100

function generations({ history }: RunState): JsonObject[] {
  let bestSoFar: number | null = null
  return history.map((row) => {
    const best = row.best?.mean ?? null
    if (best !== null && (bestSoFar === null || best > bestSoFar)) bestSoFar = best
    const means = row.candidates.flatMap(({ objectives }) => (objectives === null ? [] : [objectives[0]!]))
    return {
      generation: row.generation,
      best,
      bestId: row.best?.id ?? null,
      bestSoFar,
      mean: row.mean,
      means: means.sort((a, b) => b - a),
      candidates: row.candidates.length,
      evaluations: row.evaluations,
      stages: row.stages,
      elapsedMs: row.endedAtMs - row.startedAtMs,
      joules: row.joules,
      busyMs: row.busyMs,
    }
  })
}

/** The best candidates, each genome once. */
function bestCandidates({ history }: RunState): JsonObject[] {
  return history
    .flatMap(({ generation, candidates }) => candidates.map((row) => ({ generation, ...row })))
    .filter(({ same, objectives }) => same === null && objectives !== null)
    .sort((a, b) => b.objectives![0]! - a.objectives![0]!)
    .slice(0, MAX_ROWS)
    .map(({ id, generation, genome, origin, proposer, objectives, scorers }) => ({
      id,
      generation,
      mean: objectives![0]!,
      objectives: [...objectives!],
      genome,
      by: origin.by,
      parents: [...origin.parents],
      proposer,
      scorers: [...scorers],
    }))
}

/** Candidates that a peer has shown scores of, its silent ones not counted. */
function scoredBy({ history, final }: RunState): Map<string, number> {
  const counts = new Map<string, number>()
  const rows = [...history.flatMap(({ candidates }) => candidates), ...final]
  for (const { scorers } of rows)
    for (const scorer of scorers) counts.set(scorer, (counts.get(scorer) ?? 0) + 1)
  return counts
}

function peers({ state, traffic }: ReportInput): JsonObject[] {
  const scored = scoredBy(state)
  return Object.entries(state.participants).map(([peer, { joinedGeneration, gone, joules, busyMs }]) => {
    const { valid, doubtful, silent, lies } = recordOf(state.reputation, peer)
    const { inBytes, outBytes } = traffic[peer] ?? { inBytes: 0, outBytes: 0 }
    const bytesPerCandidate = state.evaluations === 0 ? null : (inBytes + outBytes) / state.evaluations
    return {
      peer,
      joinedGeneration,
      gone,
      scored: scored.get(peer) ?? 0,
      joules,
      busyMs,
      validInARow: valid,
      doubtful,
      silentInARow: silent,
      lies,
      inBytes,
      outBytes,
      bytesPerCandidate,
    }
  })
}

/** Which seed has won, where none of the candidates was better. */
function winnerSeed({ state, seeds }: ReportInput): string | null {
  const winner = state.finalists.find(({ id }) => id === state.winner)
  if (winner === undefined) return null
  const own = canonicalJson(winner.genome)
  return seeds.find(({ genome }) => canonicalJson(genome) === own)?.name ?? null
}

/**
 * What the keys of a genome are about (docs/scoring.md), for those who tell it in words: of the settled options only what names models, codecs
 * and layers, since items and sizes are long.
 */
function genomeKey({ kind, options }: { kind: string; options: JsonObject }): JsonObject {
  const pick = (...keys: string[]) =>
    Object.fromEntries(keys.map((key): [string, JsonValue] => [key, options[key] ?? null]))
  if (kind === 'merge') return pick('base', 'parents', 'layers', 'groups', 'split')
  if (kind === 'perturbation') return pick('model', 'largest', 'rank')
  if (kind !== 'compression') return {}
  const groups = (options.groups ?? []) as readonly { readonly weights: readonly string[] }[]
  return { ...pick('model', 'choices'), weights: groups.map(({ weights }) => [...weights]) }
}

export function evolveReport(input: ReportInput): JsonObject {
  const { state } = input
  const { spec } = state
  const endedAtMs = state.endedAtMs ?? state.timeMs
  const subject = state.result?.id ?? state.winner ?? state.best?.id ?? null
  const { workload, strategy, population, seed, limits } = spec
  return {
    run: state.run,
    name: spec.name,
    announcer: state.announcer,
    kind: workload.kind,
    genomeKey: genomeKey(workload),
    strategy: { ...strategy },
    population,
    seed,
    limits: { ...limits },
    phase: state.phase,
    endReason: state.endReason,
    /** Why no further generation was made. */
    stopped: state.stopReason,
    startedAtMs: state.startedAtMs,
    elapsedMs: state.startedAtMs === null ? null : endedAtMs - state.startedAtMs,
    height: state.height,
    tip: state.tip,
    evaluations: state.evaluations,
    joules: state.joules,
    best: state.best === null ? null : { ...state.best },
    generations: generations(state),
    candidates: bestCandidates(state),
    lineage: subject === null ? null : { id: subject, nodes: lineageOf(state.history, subject) },
    peers: peers(input),
    lies: state.lies.map((lie) => ({ ...lie, slots: [...lie.slots] })),
    finalists: finalistRows(input),
    final: finalReport(input),
    winnerSeed: winnerSeed(input),
    publish: spec.publish === null ? null : { ...spec.publish },
    result: state.result === null ? null : { ...state.result, builders: [...state.result.builders] },
  }
}
