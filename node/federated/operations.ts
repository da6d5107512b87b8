/** What the worker threads of the daemon can do: the rows of compute/ and those of this domain (compute/operations.ts has the rules). */
import { OPERATIONS, type OperationTable } from '../compute/operations.ts'
import { EVOLVE_OPERATIONS } from './evolve/operations.ts'
import { GEOMETRY_OPERATIONS } from './geometry/operations.ts'
import { LEARN_OPERATIONS } from './learn/operations.ts'
import { MERGE_OPERATIONS } from './merge/operations.ts'
import { SELF_EVOLUTION_OPERATIONS } from './self-evolution/operations.ts'
import { WORKLOAD_OPERATIONS } from './workloads/operations.ts'

export const FEDERATED_OPERATIONS = {
  ...OPERATIONS,
  ...LEARN_OPERATIONS,
  ...GEOMETRY_OPERATIONS,
  ...EVOLVE_OPERATIONS,
  ...MERGE_OPERATIONS,
  ...SELF_EVOLUTION_OPERATIONS,
  ...WORKLOAD_OPERATIONS,
} satisfies OperationTable

export type FederatedOperations = typeof FEDERATED_OPERATIONS
