/** What can be evolved, a row each. */
import { VillageError } from '../../errors.ts'
import { agentWorkload } from './agent-workload.ts'
import { compressWorkload } from './compress-workload.ts'
import { mergeWorkload } from './merge-workload.ts'
import { perturbWorkload } from './perturb-workload.ts'
import type { Workload } from './workload.ts'

const ROWS: readonly Workload[] = [mergeWorkload, compressWorkload, perturbWorkload, agentWorkload]

export const WORKLOADS: Readonly<Record<string, Workload>> = Object.fromEntries(
  ROWS.map((row) => [row.kind, row]),
)

/** Throws INVALID_ARGUMENT with the kinds that there are. */
export function workloadNamed(kind: string): Workload {
  if (Object.hasOwn(WORKLOADS, kind)) return WORKLOADS[kind]!
  throw new VillageError(
    'INVALID_ARGUMENT',
    `There is no workload "${kind.slice(0, 40)}"; there is: ${Object.keys(WORKLOADS).join(', ')}`,
    {
      fields: { argument: 'workload.kind' },
    },
  )
}
