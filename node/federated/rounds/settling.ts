/** From what a person asks for to what is announced: ids become CIDs, defaults are filled in, and nothing is left that would fail on members. */

import type { WorkloadContext } from '../workloads/workload.ts'
import { proposals } from './proposing.ts'
import { type RunTables, rowsOf, rulesOf } from './run-opening.ts'
import { searchContext } from './run-rules.ts'
import type { RunSpec } from './run-spec.ts'
import { parseRunSpec } from './spec-check.ts'

/** Throws INVALID_ARGUMENT naming the field, EVOLVE_CONFIG_INVALID for a kind or strategy that there is not, and what the workload throws for models and items that it cannot use. */
export async function settleRun(
  components: { readonly tables: RunTables; readonly context: WorkloadContext },
  spec: unknown,
  signal: AbortSignal,
): Promise<RunSpec> {
  const { tables, context } = components
  const given = parseRunSpec(spec)
  const { workload, strategy } = rowsOf(tables, given, 'EVOLVE_CONFIG_INVALID')
  // Before the models are read, which takes a while.
  const strategyOptions = strategy.parseOptions(given.strategy.options)
  const settled = parseRunSpec({
    ...given,
    strategy: { name: given.strategy.name, options: strategyOptions },
    workload: {
      kind: given.workload.kind,
      options: await workload.settle(workload.parseOptions(given.workload.options), context, signal),
    },
  })
  const { rules } = rulesOf(tables, '', settled)
  for (const { genome } of proposals(rules, strategy.start(searchContext(rules), strategyOptions)))
    workload.checkGenome(rules.spec.workload.options, genome)
  return rules.spec
}
