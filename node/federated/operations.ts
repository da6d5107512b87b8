/** What the worker threads of the daemon can do: the rows of compute/ and those of this domain (compute/operations.ts has the rules). */
import { OPERATIONS, type OperationTable } from '../compute/operations.ts'

export const FEDERATED_OPERATIONS = {
  ...OPERATIONS,
} satisfies OperationTable

export type FederatedOperations = typeof FEDERATED_OPERATIONS
