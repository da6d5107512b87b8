/** A whole simulation in a worker thread. */
import { mkdirSync } from 'node:fs'
import type { FederateSpec } from './federate-spec.ts'
import type { RoundReport } from './federation-record.ts'
import { type SimulationResult, simulate } from './simulate.ts'
import { classificationWorld, languageWorld } from './simulated-worlds.ts'

export interface SimulationInput {
  readonly spec: FederateSpec
  /** Null: the generated classification task. */
  readonly modelDir: string | null
  /** Texts that are dealt to the clients, for a model. */
  readonly files: readonly string[]
  readonly directory: string
  readonly threads: number
}

export interface SimulationOutput {
  readonly rounds: readonly RoundReport[]
  readonly testLossBefore: number
  readonly elements: number
}

/** `progress` is told the share of the rounds that are done. */
export async function runSimulation(
  input: SimulationInput,
  signal: AbortSignal,
  progress: (share: number) => void,
): Promise<SimulationOutput> {
  const { spec, modelDir, directory } = input
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const init = {
    nowMs: () => performance.now(),
    onRound: ({ round }: RoundReport) => progress((round + 1) / spec.rounds),
  }
  if (modelDir === null) return outputOf(await simulate(spec, classificationWorld(spec), init, signal))
  await using world = await languageWorld({ ...input, modelDir }, signal)
  return outputOf(await simulate(spec, world, init, signal))
}

const outputOf = ({ rounds, testLossBefore, parameters }: SimulationResult): SimulationOutput => ({
  rounds,
  testLossBefore,
  elements: parameters.length,
})
