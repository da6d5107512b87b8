import { readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { VillageError } from '../../../node/errors.ts'
import {
  KeyListMessage,
  KeysMessage,
  SharesMessage,
  SignaturesMessage,
  SurvivorSignature,
  SurvivorsMessage,
  UnmaskingMessage,
} from '../../../node/federated/privacy/secure-messages.ts'
import { secureServer } from '../../../node/federated/privacy/secure-server.ts'
import type { SecureStage } from '../../../node/federated/privacy/secure-sum.ts'
import { openSession, runSession } from '../../helpers/secure-session.ts'

interface Vectors {
  readonly parameters: {
    session: string
    coordinates: number
    ringBits: number
    threshold: number
    neighbours: null
  }
  readonly clients: readonly { id: string; values: number[] }[]
  readonly said: readonly { client: number; stage: SecureStage; hex: string }[]
  readonly heard: readonly { stage: SecureStage; hex: string }[]
  readonly sum: number[]
  readonly survivors: string[]
}

const vectors: Vectors = JSON.parse(
  readFileSync(new URL('../../vectors/federated/secure-sum.json', import.meta.url), 'utf8'),
)
const bytes = (hex: string): Uint8Array => Buffer.from(hex, 'hex')

const test = suite('golden messages of secure sums')

test('clients with these keys say exactly this', () => {
  const { threshold, coordinates, ringBits } = vectors.parameters
  const session = openSession(4, { threshold, coordinates, ringBits, seed: 42 })
  const said: unknown[] = []
  const heard: unknown[] = []
  runSession(session, {
    dropsOut: (client, stage) => stage === 'inputs' && client === 3,
    hears: (client, stage, sent) => {
      if (client === 0 && sent.length > 0) heard.push({ stage, hex: Buffer.from(sent).toString('hex') })
      return sent
    },
    says: (client, stage, message) => {
      said.push({ client, stage, hex: Buffer.from(message).toString('hex') })
      return message
    },
  })
  assert.equal(said, vectors.said)
  assert.equal(heard, vectors.heard)
})

test('a server makes this sum of these messages', () => {
  const parameters = { ...vectors.parameters, session: bytes(vectors.parameters.session) }
  const server = secureServer({ parameters, participants: vectors.clients.map(({ id }) => id) })
  while (server.stage !== null) {
    for (const { client, stage, hex } of vectors.said)
      if (stage === server.stage) server.receive(vectors.clients[client]!.id, bytes(hex))
    server.endStage()
  }
  assert.equal([...server.result!.sum], vectors.sum)
  assert.equal(server.result!.survivors, vectors.survivors)
  const living = vectors.clients.filter(({ id }) => vectors.survivors.includes(id))
  const expected = vectors.sum.map(
    (_, at) => living.reduce((sum, { values }) => sum + values[at]!, 0) % 2 ** 20,
  )
  assert.equal(vectors.sum, expected)
})

test('messages cut off or grown are malformed or refused, never anything else', () => {
  const parameters = { ...vectors.parameters, session: bytes(vectors.parameters.session) }
  const first = vectors.said[0]!
  const whole = bytes(first.hex)
  for (let length = 0; length < whole.byteLength; length++) {
    const server = secureServer({ parameters, participants: vectors.clients.map(({ id }) => id) })
    assert.throws(
      () => server.receive(vectors.clients[first.client]!.id, whole.subarray(0, length)),
      (e: unknown) =>
        e instanceof VillageError && ['PROTOCOL_MALFORMED', 'SECURE_SUM_REFUSED'].includes(e.code),
    )
  }
  const messages = [
    KeysMessage,
    KeyListMessage,
    SharesMessage,
    SurvivorsMessage,
    SurvivorSignature,
    SignaturesMessage,
    UnmaskingMessage,
  ]
  for (const message of messages) {
    const huge = Buffer.concat([Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]), Buffer.alloc(8)])
    assert.throws(
      () => message.decode(huge),
      (e: unknown) => e instanceof VillageError && e.code === 'PROTOCOL_MALFORMED',
    )
  }
})

test.run()
