/** What a run would be, before anybody is asked: for `village evolve --dry-run`. Pure. */
import type { JsonObject } from '../../json.ts'
import type { RunRules } from '../rounds/run-rules.ts'
import { searchContext } from '../rounds/run-rules.ts'
import type { RunSpec } from '../rounds/run-spec.ts'
import type { Workload } from '../workloads/workload.ts'

/** Candidates that the limits allow at most. */
export const mostCandidates = ({ limits, population }: RunSpec): number =>
  Math.min(limits.generations * population, limits.evaluations ?? Number.POSITIVE_INFINITY)

/**
 * The search that a settled spec describes, and its first generation. Throws INVALID_ARGUMENT where workload and strategy do not
 * go together.
 */
export function describeRun({
  rules,
  workload,
}: {
  readonly rules: RunRules
  readonly workload: Workload
}): JsonObject {
  const { spec, space, strategy } = rules
  const { options } = spec.strategy
  const context = searchContext(rules)
  const first = strategy.ask(context, options, strategy.start(context, options))
  return {
    name: spec.name,
    kind: workload.kind,
    strategy: { name: strategy.name, options },
    genes: space.dimensions,
    groups: space.groups.length,
    seeds: [...space.seeds],
    seedNames: space.seeds.map((_, index) => space.seedNames?.[index] ?? `seed ${index}`),
    selectionItems: workload.items(spec.workload.options, 'selection'),
    validationItems: workload.items(spec.workload.options, 'validation'),
    finalItems: workload.items(spec.workload.options, 'final'),
    mostCandidates: mostCandidates(spec),
    inputs: workload.inputs(spec.workload.options),
    first: first.map(({ genome, origin }) => ({ genome, by: origin.by })),
    limits: { ...spec.limits },
  }
}
