/** A simulation of federated learning in a process of its own (federate-clients.ts): argv has the configuration, the outcome is its one message. */
import { readFederateConfig } from '../../node/federated/learn/read-federate-spec.ts'
import { type SimulationResult, simulate } from '../../node/federated/learn/simulate.ts'
import { classificationWorld } from '../../node/federated/learn/simulated-worlds.ts'

export interface ClientsOutcome {
  readonly rounds: SimulationResult['rounds']
  readonly elements: number
  /** Of the whole process, Node included. */
  readonly peakBytes: number
}

const KIB = 1_024

const { spec } = readFederateConfig(JSON.parse(process.argv[2]!), true)
const init = { nowMs: () => performance.now(), onRound: () => undefined }
const signal = new AbortController().signal
const { rounds, parameters } = await simulate(spec, classificationWorld(spec), init, signal)
const outcome: ClientsOutcome = {
  rounds,
  elements: parameters.length,
  peakBytes: process.resourceUsage().maxRSS * KIB,
}
process.send!(outcome, () => process.disconnect())
