/** What a `geometry` job is asked for. */
import path from 'node:path'
import type { ParamsReader } from '../../compute/tasks/read-params.ts'
import { invalid, readParams } from '../../compute/tasks/read-params.ts'
import type { JsonObject } from '../../json.ts'
import { MIN_POINTS } from './two-nn.ts'

const MAX_MODELS = 16
const MAX_TEXTS = 4_096
const DEFAULT_TEXTS = 512
const MAX_BOOTSTRAP = 2_500
const DEFAULT_BOOTSTRAP = 100
const MAX_BARRIER_POINTS = 51
const DEFAULT_BARRIER_POINTS = 11
const MAX_PATH = 4_096

export interface GeometryWish extends JsonObject {
  /** Absolute path of a file with a text on each line; null for the project's own sentences. */
  readonly data: string | null
  /** At most so many of them. */
  readonly texts: number
  /** Synthetic sets of each goodness of fit; 0 for none. */
  readonly bootstrap: number
  /** Models on the line between two, the ends among them; 0 for no barrier. */
  readonly barrierPoints: number
  readonly seed: number
}

export interface GeometryParams extends GeometryWish {
  /** Ids; every further one is compared with the first. */
  readonly models: readonly string[]
}

export function readWish(reader: ParamsReader): GeometryWish {
  const data = reader.optionalText('data', MAX_PATH)
  if (data !== null && !path.isAbsolute(data)) throw invalid('data', 'an absolute path')
  const texts = reader.integer('texts', MIN_POINTS, MAX_TEXTS, DEFAULT_TEXTS)
  const bootstrap = reader.integer('bootstrap', 0, MAX_BOOTSTRAP, DEFAULT_BOOTSTRAP)
  const barrierPoints = reader.integer('barrierPoints', 0, MAX_BARRIER_POINTS, DEFAULT_BARRIER_POINTS)
  if (barrierPoints === 1 || barrierPoints === 2)
    throw invalid('barrierPoints', '0, or at least 3: the ends alone are no line')
  const seed = reader.integer('seed', 0, 2 ** 32 - 1, 0)
  return { data, texts, bootstrap, barrierPoints, seed }
}

export function parseGeometryParams(input: unknown): GeometryParams {
  const reader = readParams(input)
  const models = reader.texts('models', MAX_MODELS, 128)
  const wish = readWish(reader)
  reader.end()
  if (new Set(models).size !== models.length) throw invalid('models', 'named once each')
  return { models, ...wish }
}
