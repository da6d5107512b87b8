/** Every operator that a training graph may have. What a model has beyond these is rewritten into them (autodiff/lowering.ts). */
import { BINARY } from './binary.ts'
import { INDEXING } from './indexing.ts'
import { MATMUL } from './matmul.ts'
import { NORMALISING } from './normalising.ts'
import type { OperatorTable } from './operator.ts'
import { REDUCING } from './reducing.ts'
import { SHAPING } from './shaping.ts'
import { UNARY } from './unary.ts'

export const OPERATORS: OperatorTable = {
  ...UNARY,
  ...BINARY,
  ...MATMUL,
  ...SHAPING,
  ...INDEXING,
  ...REDUCING,
  ...NORMALISING,
}
