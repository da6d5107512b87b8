/** Aids come from a calibration that was made elsewhere: of another tensor they must not reach a kernel. */
import { VillageError } from '../../errors.ts'
import type { EncodeAids, WeightMatrix } from './codec.ts'

/** Throws INVALID_ARGUMENT for aids that are not of a matrix with so many columns. */
export function checkAids({ cols }: WeightMatrix, { columnWeights, feedback }: EncodeAids): void {
  checkLength('columnWeights', columnWeights, cols)
  checkLength('feedback', feedback, cols * cols)
}

function checkLength(name: string, values: Float32Array | undefined, wanted: number): void {
  if (values === undefined || values.length === wanted) return
  throw new VillageError(
    'INVALID_ARGUMENT',
    `The calibration has ${values.length} ${name} instead of ${wanted}: it is of another weight.`,
    { fields: { argument: `aids.${name}` } },
  )
}
