/** Secure aggregation with clients dropping out, what its fixed-point numbers cost, and the accountant against published values. */

import { normalOfWord } from '../../node/compute/training/normal.ts'
import { counterRandom, streamOf } from '../../node/compute/training/philox.ts'
import { epsilonOf } from '../../node/federated/privacy/accountant.ts'
import {
  decodeSum,
  encodeInput,
  type FixedPoint,
  widestValueBits,
} from '../../node/federated/privacy/fixed-point.ts'
import { defaultThreshold } from '../../node/federated/privacy/mask-graph.ts'
import { secureClient } from '../../node/federated/privacy/secure-client.ts'
import { secureServer } from '../../node/federated/privacy/secure-server.ts'
import type { ClientId, SecureStage } from '../../node/federated/privacy/secure-sum.ts'
import { generateSeed, signerFromSeed } from '../../node/mesh/membership/keys.ts'
import type { BenchContext } from './bench.ts'

export interface SumSetting {
  readonly clients: number
  readonly neighbours: number | null
  readonly coordinates: number
  readonly ringBits: number
  /** Where so many (of ten) clients are lost. */
  readonly dropStage: SecureStage
  readonly dropsOfTen: number
}

export interface SumFigures {
  /** Whether the sum is that of the survivors, element by element. */
  readonly isExact: boolean
  readonly survivors: number
  /** Milliseconds of computing by client, and of the server. */
  readonly clientMs: number
  readonly serverMs: number
  /** Bytes that a client sends and hears besides its masked vector. */
  readonly overheadBytes: number
}

/** Runs one session with random inputs in this process. */
export function runSecureSum(setting: SumSetting): SumFigures {
  const { clients: count, neighbours, coordinates, ringBits, dropStage, dropsOfTen } = setting
  const parameters = {
    session: generateSeed(),
    coordinates,
    ringBits,
    threshold: defaultThreshold(count, neighbours),
    neighbours,
  }
  const signers = Array.from({ length: count }, () => signerFromSeed(generateSeed()))
  const ids = signers.map(({ publicKey }) => Buffer.from(publicKey).toString('hex'))
  const known = new Set(ids)
  const random = counterRandom(1, streamOf('secure sum'))
  const clients = signers.map((signer, i) => ({
    machine: secureClient({ parameters, signer, isParticipant: (id) => known.has(id) }),
    values: Uint32Array.from(
      { length: coordinates },
      (_, at) => random.word(i * coordinates + at) >>> (32 - ringBits),
    ),
  }))
  const server = secureServer({ parameters, participants: ids })
  let sent: ReadonlyMap<ClientId, Uint8Array> = new Map()
  let clientMs = 0
  let serverMs = 0
  let overheadBytes = 0
  for (let stage = server.stage; stage !== null; stage = server.stage) {
    const awaited = new Set(server.awaited)
    for (const [index, { machine, values }] of clients.entries()) {
      const id = ids[index]!
      if (!awaited.has(id) || (stage === dropStage && index % 10 < dropsOfTen)) continue
      const heard = sent.get(id) ?? new Uint8Array(0)
      const began = performance.now()
      const says = {
        keys: () => machine.advertise(),
        shares: () => machine.shareKeys(heard),
        inputs: () => machine.maskInput(heard, values),
        survivors: () => machine.signSurvivors(heard),
        unmasking: () => machine.unmask(heard),
      }[stage]()
      clientMs += performance.now() - began
      overheadBytes += heard.byteLength + (stage === 'inputs' ? 0 : says.byteLength)
      const received = performance.now()
      server.receive(id, says)
      serverMs += performance.now() - received
    }
    const ended = performance.now()
    sent = server.endStage()
    serverMs += performance.now() - ended
  }
  const { sum, survivors } = server.result!
  const members = clients.filter((_, index) => survivors.includes(ids[index]!))
  const isExact = sum.every(
    (value, at) => value === members.reduce((total, { values }) => (total + values[at]!) % 2 ** ringBits, 0),
  )
  return {
    isExact,
    survivors: survivors.length,
    clientMs: clientMs / count,
    serverMs,
    overheadBytes: overheadBytes / count,
  }
}

/** The error of a mean of normal updates through the ring, as a share of the norm of the exact mean. */
export function fixedPointError(ringBits: number, clients: number, coordinates: number): number {
  // Updates of deviation 1 and a range of six: nothing is clipped that matters.
  const valueBits = widestValueBits(ringBits, clients)
  const spec: FixedPoint = { range: 6, valueBits, ringBits, maxWeight: 1, clients }
  const random = counterRandom(2, streamOf('fixed point'))
  let at = 0
  const uniform = (): number => random.word(at++) / 2 ** 32
  const sum = new Uint32Array(coordinates + 1)
  const exact = new Float64Array(coordinates)
  for (let client = 0; client < clients; client++) {
    const update = Float32Array.from({ length: coordinates }, () => normalOfWord(random.word(at++)))
    for (const [i, value] of update.entries()) exact[i]! += value / clients
    for (const [i, value] of encodeInput(spec, update, 1, uniform).values.entries()) sum[i]! += value
  }
  const { mean } = decodeSum(spec, sum)
  const square = (values: Iterable<number>) => [...values].reduce((total, value) => total + value * value, 0)
  return Math.sqrt(square(exact.map((value, i) => value - mean[i]!)) / square(exact))
}

/** Published ε with the settings that they are of. */
export const PUBLISHED_EPSILONS = [
  {
    name: 'tensorflow/privacy, compute_dp_sgd_privacy_test.py, Test0',
    spent: { samplingRate: 150 / 60_000, noiseMultiplier: 1.3, rounds: 6_000, delta: 1e-5 },
    epsilon: 0.7242234026109595,
  },
  {
    name: 'tensorflow/privacy, compute_dp_sgd_privacy_test.py, Test1',
    spent: { samplingRate: 0.001, noiseMultiplier: 1, rounds: 30_000, delta: 1e-7 },
    epsilon: 1.4154988495444845,
  },
  {
    name: 'Opacus, accountants_test.py',
    spent: { samplingRate: 0.04, noiseMultiplier: 1.5, rounds: 2_250, delta: 1e-5 },
    epsilon: 7.32915,
  },
] as const

const SESSIONS: readonly SumSetting[] = (['keys', 'shares', 'inputs', 'survivors', 'unmasking'] as const).map(
  (dropStage) => ({
    clients: 20,
    neighbours: null,
    coordinates: 10_000,
    ringBits: 24,
    dropStage,
    dropsOfTen: 3,
  }),
)

export function measurePrivacy({
  report,
  log,
  signal,
}: Pick<BenchContext, 'report' | 'log' | 'signal'>): void {
  for (const setting of SESSIONS) {
    signal.throwIfAborted()
    const { isExact, survivors } = runSecureSum(setting)
    const name = `secure sum: exact with 30% lost at ${setting.dropStage}`
    report({ case: name, value: isExact ? 1 : 0, unit: 'yes', better: 'higher', bar: 1 })
    log(`${survivors} of ${setting.clients} vectors are in the sum`)
  }
  for (const neighbours of [null, 20]) {
    signal.throwIfAborted()
    const figures = runSecureSum({ ...SESSIONS[2]!, clients: 100, neighbours, dropsOfTen: 1 })
    const name = `secure sum: 100 clients, ${neighbours ?? 'all'} neighbours`
    const watched = { better: 'lower', bar: null } as const
    report({ case: `${name}, client`, value: figures.clientMs, unit: 'ms', ...watched })
    report({ case: `${name}, server`, value: figures.serverMs, unit: 'ms', ...watched })
    report({
      case: `${name}, besides the vector`,
      value: figures.overheadBytes / 1_024,
      unit: 'KiB a client',
      ...watched,
    })
    if (!figures.isExact) throw new Error(`${name}: the sum is wrong`)
  }
  for (const ringBits of [12, 16, 20, 24])
    report({
      case: `fixed point: error of the mean of 30 clients in ${ringBits} bits`,
      value: 100 * fixedPointError(ringBits, 30, 2_000),
      unit: '% of its norm',
      better: 'lower',
      bar: null,
    })
  for (const { name, spent, epsilon } of PUBLISHED_EPSILONS)
    report({
      case: `accountant: off from ${name}`,
      value: 100 * Math.abs(epsilonOf(spent) / epsilon - 1),
      unit: '%',
      better: 'lower',
      bar: 1,
    })
}
