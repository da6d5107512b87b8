/** Runs secure aggregation between many clients and a server in one process, with drop-outs and lies where a test wants them. */

import { counterRandom, streamOf } from '../../node/compute/training/philox.ts'
import { secureClient } from '../../node/federated/privacy/secure-client.ts'
import { secureServer } from '../../node/federated/privacy/secure-server.ts'
import type {
  ClientId,
  SecureClient,
  SecureServer,
  SecureStage,
  SecureSumParameters,
} from '../../node/federated/privacy/secure-sum.ts'
import type { RandomBytes } from '../../node/federated/privacy/shamir.ts'
import { signerFromSeed } from '../../node/mesh/membership/keys.ts'

/** Random bytes that are the same in every run: for tests only. */
export function seededBytes(seed: number, name: string): RandomBytes {
  const random = counterRandom(seed, streamOf(name))
  let at = 0
  return (sizeBytes) => Uint8Array.from({ length: sizeBytes }, () => random.word(at++) & 0xff)
}

export interface TestClient {
  readonly id: ClientId
  readonly machine: SecureClient
  readonly values: Uint32Array
}

export interface Session {
  readonly parameters: SecureSumParameters
  readonly clients: readonly TestClient[]
  readonly server: SecureServer
}

export function openSession(
  count: number,
  init: { threshold: number; neighbours?: number; coordinates?: number; ringBits?: number; seed?: number },
): Session {
  const { threshold, neighbours = null, coordinates = 5, ringBits = 32, seed = 1 } = init
  const parameters = {
    session: seededBytes(seed, 'session')(32),
    coordinates,
    ringBits,
    threshold,
    neighbours,
  }
  const values = counterRandom(seed, streamOf('values'))
  const signers = Array.from({ length: count }, (_, i) =>
    signerFromSeed(seededBytes(seed, `identity ${i}`)(32)),
  )
  const participants = signers.map(({ publicKey }) => Buffer.from(publicKey).toString('hex'))
  const clients = signers.map((signer, i) => ({
    id: participants[i]!,
    machine: secureClient({
      parameters,
      signer,
      isParticipant: (id) => participants.includes(id),
      random: seededBytes(seed, `client ${i}`),
    }),
    values: Uint32Array.from(
      { length: coordinates },
      (_, at) => values.word(i * coordinates + at) >>> (32 - ringBits),
    ),
  }))
  return { parameters, clients, server: secureServer({ parameters, participants }) }
}

/** What a client says in a stage to what the server sent it at the end of the last. */
export function answer(client: TestClient, stage: SecureStage, sent: Uint8Array): Uint8Array {
  const { machine } = client
  if (stage === 'keys') return machine.advertise()
  if (stage === 'shares') return machine.shareKeys(sent)
  if (stage === 'inputs') return machine.maskInput(sent, client.values)
  return stage === 'survivors' ? machine.signSurvivors(sent) : machine.unmask(sent)
}

export interface Meddling {
  /** Who says nothing in a stage, and ever after. */
  readonly dropsOut?: (client: number, stage: SecureStage) => boolean
  /** What goes to the server in the place of an honest message. */
  readonly says?: (client: number, stage: SecureStage, message: Uint8Array) => Uint8Array
  /** What goes to a client in the place of what the server said. */
  readonly hears?: (client: number, stage: SecureStage, sent: Uint8Array) => Uint8Array
  /** Called with what a client or the server threw; rethrown without it. */
  readonly refused?: (client: number, stage: SecureStage, error: unknown) => void
}

/** Runs the stages up to `until` (all by default): each of those that are left answers, then the stage ends. */
export function runSession({ clients, server }: Session, meddling: Meddling = {}, until?: SecureStage): void {
  let sent: ReadonlyMap<ClientId, Uint8Array> = new Map()
  for (let stage = server.stage; stage !== null && stage !== until; stage = server.stage) {
    const awaited = new Set(server.awaited)
    for (const [index, client] of clients.entries()) {
      if (!awaited.has(client.id) || meddling.dropsOut?.(index, stage) === true) continue
      try {
        const received = sent.get(client.id) ?? new Uint8Array(0)
        const message = answer(client, stage, meddling.hears?.(index, stage, received) ?? received)
        server.receive(client.id, meddling.says?.(index, stage, message) ?? message)
      } catch (error) {
        if (meddling.refused === undefined) throw error
        meddling.refused(index, stage, error)
      }
    }
    sent = server.endStage()
  }
}

/** The sum that the server should find. */
export function plainSum({ parameters, clients }: Session, members: readonly ClientId[]): number[] {
  const modulus = 2 ** parameters.ringBits
  return Array.from({ length: parameters.coordinates }, (_, at) =>
    clients.reduce((sum, { id, values }) => (members.includes(id) ? (sum + values[at]!) % modulus : sum), 0),
  )
}
