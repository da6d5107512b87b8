/** What a run comes to in time, told before anybody is asked: one candidate is scored here, and counted as often as the run may score one. */
import type { JsonObject } from '../../json.ts'
import { mostCandidates } from '../evolve/describe-run.ts'
import type { Workload, WorkloadContext } from '../workloads/workload.ts'
import { MAX_FINALISTS } from './finale.ts'
import type { RunRules } from './run-rules.ts'
import type { WorkGate } from './work-gate.ts'

/** Whoever waits for a plan waits no longer than this for its cost. */
const MEASURE_MS = 30_000

export interface RunCost extends JsonObject {
  /** Which seed was scored, by name, and on how many items. */
  readonly candidate: string
  readonly items: number
  readonly candidateMs: number
  /** It was not done in the time that there was: the run takes longer than this says. */
  readonly isAtLeast: boolean
  /** Scorings of the whole run, each member's counted, in candidates on the items of selection. */
  readonly scorings: number
  /** All of them, one after another on a machine such as this one. */
  readonly workMs: number
}

/** Pure. The most that the limits of the run allow: it may end earlier, and disputes cost more. */
export function runCost(
  rules: RunRules,
  measured: Pick<RunCost, 'candidate' | 'candidateMs' | 'isAtLeast'>,
): RunCost {
  const { spec, workload, space } = rules
  const itemsOf = (split: 'selection' | 'validation' | 'final') =>
    workload.items(spec.workload.options, split)
  const items = itemsOf('selection')
  const inCandidates = (split: 'validation' | 'final', amount: number) =>
    (amount * itemsOf(split)) / Math.max(1, items)
  const finale = inCandidates('validation', MAX_FINALISTS) + inCandidates('final', 1 + space.seeds.length)
  const scorings = Math.ceil(spec.scorers * (mostCandidates(spec) + finale))
  return { ...measured, items, scorings, workMs: Math.round(scorings * measured.candidateMs) }
}

/** Scores the first seed on the items of selection, when nothing else is scored. Throws what the workload throws, and the signal's reason. */
export async function measureCost(
  components: { readonly gate: WorkGate; readonly context: WorkloadContext },
  { rules, workload }: { readonly rules: RunRules; readonly workload: Workload },
  init: { readonly signal: AbortSignal; readonly now?: () => number; readonly measureMs?: number },
): Promise<RunCost> {
  const { gate, context } = components
  const { signal, now = () => performance.now(), measureMs = MEASURE_MS } = init
  const { spec, space } = rules
  const candidate = space.seedNames?.[0] ?? 'the first seed'
  const ending = new AbortController()
  const both = AbortSignal.any([signal, ending.signal])
  const timer = setTimeout(() => ending.abort(), measureMs)
  const waitedSinceMs = now()
  let begunAtMs: number | null = null
  try {
    await gate.within({ own: true, memoryBytes: gate.lentBytes(), signal: both }, async () => {
      begunAtMs = now()
      await workload.score(spec.workload.options, space.seeds[0]!, 'selection', context, both)
    })
    return runCost(rules, { candidate, candidateMs: now() - begunAtMs!, isAtLeast: false })
  } catch (error) {
    if (signal.aborted || !ending.signal.aborted) throw error
    return runCost(rules, { candidate, candidateMs: now() - (begunAtMs ?? waitedSinceMs), isAtLeast: true })
  } finally {
    clearTimeout(timer)
  }
}
