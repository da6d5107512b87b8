/** 1,000 virtual clients of which a tenth is in each round, one process of its own: seconds and bytes by round, memory, what is learned. */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { JsonObject } from '../../node/json.ts'
import { NODE_ENVIRONMENT, NODE_FLAGS, nodeBinary } from '../run.js'
import type { BenchContext } from './bench.ts'
import type { BenchCase } from './bench-cases.ts'
import type { ClientsOutcome } from './federate-clients-process.ts'

const PROCESS = fileURLToPath(new URL('./federate-clients-process.ts', import.meta.url))
const CLIENTS = 1_000
const ROUND_CLIENTS = 100
const ROUNDS = 20

const SHARED = {
  rounds: ROUNDS,
  clients: { minimum: 2, target: ROUND_CLIENTS, overSelection: 1 },
  local: { steps: 10, batch: 16, learningRate: 0.1 },
  simulation: { clients: CLIENTS, alpha: 0.3 },
}

const SETTINGS: Readonly<Record<string, JsonObject>> = {
  fedavg: { strategy: 'fedavg' },
  'fedavg, int8': { strategy: 'fedavg', compression: { codec: 'int8' } },
  scaffold: { strategy: 'scaffold' },
  'fedavg, wide': {
    strategy: 'fedavg',
    rounds: 5,
    simulation: { ...SHARED.simulation, features: 64, hidden: 256 },
  },
  // Some do not answer; more are asked, so that as many count.
  'fedavg, a tenth drops out': {
    strategy: 'fedavg',
    clients: { ...SHARED.clients, overSelection: 1.3 },
    simulation: { ...SHARED.simulation, dropOut: 0.1 },
  },
}

/** A process of its own: its peak memory is that of the simulation. */
function simulated(config: JsonObject, signal: AbortSignal): Promise<ClientsOutcome> {
  const child = fork(PROCESS, [JSON.stringify(config)], {
    execPath: nodeBinary(),
    execArgv: [...NODE_FLAGS],
    env: { ...process.env, ...NODE_ENVIRONMENT },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    signal,
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('message', (outcome) => resolve(outcome as ClientsOutcome))
    child.once('exit', (code) => reject(new Error(`the simulation ended with ${code}`)))
  })
}

async function measure({ report, signal, log }: BenchContext): Promise<void> {
  for (const [name, setting] of Object.entries(SETTINGS)) {
    const outcome = await simulated({ name: 'bench', ...SHARED, ...setting }, signal)
    const { rounds, elements, peakBytes } = outcome
    const row = (what: string) => `clients, ${name}: ${what}`
    const last = rounds.at(-1)!
    const middle = rounds.map(({ tookMs }) => tookMs).sort((a, b) => a - b)[Math.floor(rounds.length / 2)]!
    log(
      `${name}: ${elements} parameters; accuracy ${rounds.map(({ accuracy }) => (100 * accuracy!).toFixed(0)).join(' ')}`,
    )
    const watched = { better: 'lower', bar: null } as const
    report({ case: row('parameters'), value: elements, unit: '', better: 'higher', bar: null })
    report({
      case: row('rounds'),
      value: rounds.length,
      unit: 'rounds',
      better: 'higher',
      bar: Number(setting.rounds ?? ROUNDS),
    })
    report({ case: row('seconds by round'), value: middle / 1_000, unit: 's', ...watched })
    report({ case: row('bytes in by round'), value: last.receivedBytes, unit: 'bytes', ...watched })
    report({ case: row('bytes out by round'), value: last.sentBytes, unit: 'bytes', ...watched })
    report({ case: row('peak memory'), value: peakBytes / 1e6, unit: 'MB', ...watched })
    const learned = { unit: '%', better: 'higher', bar: null } as const
    report({ case: row('accuracy'), value: 100 * last.accuracy!, ...learned })
  }
}

export const clients: BenchCase = {
  name: 'clients',
  title: `${CLIENTS} virtual clients, ${ROUND_CLIENTS} a round`,
  run: measure,
}
