/** A matrix that is read in stretches of rows, so that it need not be in memory. */
import { VillageError } from '../../errors.ts'

export interface MatrixReader {
  readonly rows: number
  readonly cols: number
  /** Row-major float32. */
  read(startRow: number, rows: number): Float32Array
}

/** What a hostile file brings, or a training that went wrong. */
export const notFinite = (): VillageError =>
  new VillageError('GEOMETRY_MODEL_UNSUITABLE', 'A matrix holds numbers that are not finite')
