/** What a server keeps between rounds: the parameters, the moments of its optimiser, SCAFFOLD's control variate, the last step. */
import { VillageError } from '../../errors.ts'
import type { FederateSpec } from './federate-spec.ts'
import { serverMoments } from './server-optimisers.ts'
import { STRATEGY_TABLE } from './strategies.ts'
import { readVectors, writeVectors } from './vector-file.ts'

export interface GlobalState {
  /** Rounds that are in it. */
  readonly round: number
  readonly parameters: Float32Array
  readonly moments: readonly Float32Array[]
  readonly control: Float32Array | null
  /** The aggregated update of the last round; some rules begin with it. */
  readonly previous: Float32Array | null
}

export function startState(spec: FederateSpec, parameters: Float32Array): GlobalState {
  const { length } = parameters
  const hasControl = STRATEGY_TABLE[spec.strategy].rule === 'control'
  return {
    round: 0,
    parameters,
    moments: serverMoments(spec.server, length),
    control: hasControl ? new Float32Array(length) : null,
    previous: null,
  }
}

const momentName = (index: number) => `moment${index}`

export function writeGlobal(file: string, state: GlobalState): void {
  const { round, parameters, moments, control, previous } = state
  const vectors = new Map([['parameters', parameters]])
  for (const [index, moment] of moments.entries()) vectors.set(momentName(index), moment)
  if (control !== null) vectors.set('control', control)
  if (previous !== null) vectors.set('previous', previous)
  writeVectors(file, { vectors, facts: { round, moments: moments.length } })
}

/** Throws DATA_CORRUPT where the file is not there, TRAIN_CHECKPOINT_INVALID. */
export function readGlobal(file: string): GlobalState {
  const found = readVectors(file)
  const parameters = found?.vectors.get('parameters')
  if (found === null || parameters === undefined)
    throw new VillageError('DATA_CORRUPT', 'The parameters of a federation are not where they should be')
  const { vectors, facts } = found
  return {
    round: Number(facts.round),
    parameters,
    moments: Array.from({ length: Number(facts.moments) }, (_, index) => vectors.get(momentName(index))!),
    control: vectors.get('control') ?? null,
    previous: vectors.get('previous') ?? null,
  }
}
