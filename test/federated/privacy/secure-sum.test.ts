import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { VillageError } from '../../../node/errors.ts'
import { defaultThreshold, maskGraph } from '../../../node/federated/privacy/mask-graph.ts'
import { packRing } from '../../../node/federated/privacy/ring-codec.ts'
import { secureClient } from '../../../node/federated/privacy/secure-client.ts'
import {
  bitmapOf,
  checkParameters,
  KeysMessage,
  positionsOf,
  SharesMessage,
  UnmaskingMessage,
} from '../../../node/federated/privacy/secure-messages.ts'
import { secureServer } from '../../../node/federated/privacy/secure-server.ts'
import { maskedBytes, SECURE_STAGES } from '../../../node/federated/privacy/secure-sum.ts'
import { signerFromSeed } from '../../../node/mesh/membership/keys.ts'
import {
  type Meddling,
  openSession,
  plainSum,
  runSession,
  seededBytes,
} from '../../helpers/secure-session.ts'

const isCode = (code: string) => (error: unknown) => error instanceof VillageError && error.code === code
const isRefused = isCode('SECURE_SUM_REFUSED')
const isTooFew = isCode('SECURE_SUM_TOO_FEW')

const sums = suite('secure sums')

const checkSum = (session: ReturnType<typeof openSession>, survivors: number) => {
  const result = session.server.result!
  assert.is(result.survivors.length, survivors)
  assert.equal([...result.sum], plainSum(session, result.survivors))
  return result
}

for (const stage of SECURE_STAGES)
  sums(`30% drop out at \`${stage}\`: the sum of the others is exact`, () => {
    const session = openSession(10, { threshold: defaultThreshold(10, null), ringBits: 32 })
    runSession(session, { dropsOut: (client, now) => now === stage && client % 10 < 3 })
    // After `inputs` a vector is in the sum, whatever its client does.
    checkSum(session, ['survivors', 'unmasking'].includes(stage) ? 10 : 7)
  })

sums('some drop out at every stage', () => {
  const session = openSession(12, { threshold: 7, ringBits: 20, coordinates: 9 })
  runSession(session, { dropsOut: (client, stage) => SECURE_STAGES.indexOf(stage) === client })
  const { liars } = checkSum(session, 9)
  assert.equal(liars, [])
})

sums('with few neighbours too, and at the cost of those alone', () => {
  const session = openSession(24, { threshold: 5, neighbours: 8, ringBits: 16, seed: 3 })
  let sealed = 0
  runSession(session, {
    dropsOut: (client, stage) =>
      (stage === 'inputs' && client % 8 === 0) || (stage === 'unmasking' && client % 11 === 1),
    says: (_client, stage, message) => {
      if (stage === 'shares') sealed = Math.max(sealed, SharesMessage.decode(message).shares.length)
      return message
    },
  })
  checkSum(session, 21)
  assert.is(sealed, 8)
})

sums('a masked vector tells nothing of its own', () => {
  const same = { threshold: 4, coordinates: 400, ringBits: 16 }
  const session = openSession(4, same)
  const masked: Uint8Array[] = []
  for (const client of session.clients) client.values.fill(0)
  runSession(session, {
    says: (_client, stage, message) => {
      if (stage === 'inputs') masked.push(message)
      return message
    },
  })
  checkSum(session, 4)
  for (const bytes of masked) {
    assert.is(bytes.byteLength, maskedBytes(session.parameters))
    // 800 uniform bytes: four standard deviations about the mean, though all values were 0.
    const mean = bytes.reduce((sum, byte) => sum + byte, 0) / bytes.length
    assert.ok(Math.abs(mean - 127.5) < (4 * 73.9) / Math.sqrt(bytes.length))
  }
})

sums('too few at any stage end the round', () => {
  for (const stage of SECURE_STAGES) {
    const session = openSession(5, { threshold: 4 })
    assert.throws(
      () => runSession(session, { dropsOut: (client, now) => now === stage && client < 2 }),
      isTooFew,
    )
    assert.is(session.server.result, null)
  }
})

sums('messages that the stage does not allow leave their client out', () => {
  const lies: Partial<Record<string, (message: Uint8Array) => Uint8Array>> = {
    keys: (message) => KeysMessage.encode({ ...KeysMessage.decode(message), maskKey: new Uint8Array(32) }),
    shares: (message) => SharesMessage.encode({ shares: SharesMessage.decode(message).shares.slice(1) }),
    inputs: (message) => message.subarray(1),
    survivors: () => new Uint8Array(5),
    unmasking: (message) => {
      const { seeds } = UnmaskingMessage.decode(message)
      return UnmaskingMessage.encode({ seeds: [], keys: seeds })
    },
  }
  for (const stage of SECURE_STAGES) {
    const session = openSession(7, { threshold: 5 })
    const refused: unknown[] = []
    runSession(session, {
      says: (client, now, message) => (client === 2 && now === stage ? lies[stage]!(message) : message),
      refused: (client, now, error) => refused.push([client, now, error]),
    })
    assert.is(refused.length, 1)
    const [client, now, error] = refused[0] as [number, string, VillageError]
    assert.is(client, 2)
    assert.is(now, stage)
    assert.ok(['SECURE_SUM_REFUSED', 'PROTOCOL_MALFORMED'].includes(error.code))
    checkSum(session, ['survivors', 'unmasking'].includes(stage) ? 7 : 6)
  }
})

sums('a client that shows wrong shares is named, and the sum is right all the same', () => {
  const session = openSession(7, { threshold: 4 })
  const ids = session.clients.map(({ id }) => id)
  // The first by position: its shares are among those that are tried first.
  const liar = ids.indexOf([...ids].sort()[0]!)
  runSession(session, {
    says: (client, stage, message) => {
      if (client !== liar || stage !== 'unmasking') return message
      const { seeds, keys } = UnmaskingMessage.decode(message)
      const wrong = seeds.map(({ position, share }) => {
        const changed = Buffer.from(share)
        changed[0]! ^= 1
        return { position, share: changed }
      })
      return UnmaskingMessage.encode({ seeds: wrong, keys })
    },
  })
  const { liars } = checkSum(session, 7)
  assert.equal(liars, [ids[liar]])
})

sums('a client that deals out worthless shares ends the round and gives nothing away', () => {
  const session = openSession(5, { threshold: 4 })
  const meddling: Meddling = {
    says: (client, stage, message) => {
      if (client !== 0 || stage !== 'shares') return message
      const { shares } = SharesMessage.decode(message)
      return SharesMessage.encode({
        shares: shares.map(({ position }) => ({ position, sealed: new Uint8Array(84) })),
      })
    },
  }
  assert.throws(() => runSession(session, meddling), isTooFew)
})

sums('nobody speaks twice, out of turn, or uninvited', () => {
  const { clients, server } = openSession(4, { threshold: 3 })
  const first = clients[0]!
  const keys = first.machine.advertise()
  server.receive(first.id, keys)
  assert.throws(() => server.receive(first.id, keys), isRefused)
  assert.throws(() => server.receive('00'.repeat(32), keys), isRefused)
  assert.throws(() => first.machine.advertise(), isRefused)
  // The session of that client is over then.
  assert.throws(() => first.machine.shareKeys(new Uint8Array(0)), isRefused)
  assert.throws(() => clients[1]!.machine.unmask(new Uint8Array(0)), isRefused)
})

sums.run()

const parts = suite('parts of secure sums')

parts('parameters that no client takes', () => {
  const good = { session: new Uint8Array(32), coordinates: 5, ringBits: 16, threshold: 3, neighbours: null }
  checkParameters(good)
  for (const wrong of [
    { session: new Uint8Array(31) },
    { coordinates: 0 },
    { coordinates: 2 ** 29 },
    { ringBits: 33 },
    { threshold: 1 },
    { neighbours: 3 },
    { neighbours: 2, threshold: 4 },
  ]) {
    assert.throws(() => checkParameters({ ...good, ...wrong }), isCode('INVALID_ARGUMENT'))
    const signer = signerFromSeed(seededBytes(1, 's')(32))
    assert.throws(() =>
      secureClient({ parameters: { ...good, ...wrong }, signer, isParticipant: () => true }),
    )
  }
})

parts('a graph of neighbours is mutual and regular, and depends on all keys', () => {
  const roster = seededBytes(1, 'roster')(32)
  const all = (clients: number, by: (position: number) => number[]) =>
    Array.from({ length: clients }, (_, i) => by(i))
  const graph = all(30, maskGraph(30, 6, roster))
  for (const [position, neighbours] of graph.entries()) {
    assert.is(new Set(neighbours).size, 6)
    assert.not.ok(neighbours.includes(position))
    for (const other of neighbours) assert.ok(graph[other]!.includes(position))
  }
  assert.not.equal(graph, all(30, maskGraph(30, 6, seededBytes(2, 'roster')(32))))
  assert.equal(all(4, maskGraph(4, 6, roster)), [
    [1, 2, 3],
    [0, 2, 3],
    [0, 1, 3],
    [0, 1, 2],
  ])
  assert.is(defaultThreshold(10, null), 7)
  assert.is(defaultThreshold(1_000, 20), 15)
})

parts('more clients than a session can have', () => {
  const complete = {
    session: new Uint8Array(32),
    coordinates: 5,
    ringBits: 16,
    threshold: 700,
    neighbours: null,
  }
  const participants = Array.from({ length: 1_001 }, (_, i) => i.toString(16).padStart(64, '0'))
  assert.throws(() => secureServer({ parameters: complete, participants }), isCode('INVALID_ARGUMENT'))
  assert.is(secureServer({ parameters: complete, participants: participants.slice(1) }).stage, 'keys')
  const sparse = { ...complete, threshold: 15, neighbours: 20 }
  assert.is(secureServer({ parameters: sparse, participants }).awaited.length, 1_001)
})

parts('bitmaps of survivors', () => {
  assert.equal([...bitmapOf([0, 3, 9], 10)], [0b1001, 0b10])
  assert.equal(positionsOf(bitmapOf([0, 3, 9], 10), 10), [0, 3, 9])
  assert.is(positionsOf(Uint8Array.of(0, 0b100), 10), null)
  assert.is(positionsOf(Uint8Array.of(1), 10), null)
})

parts('the masked vector is packed to the bits of the ring', () => {
  const session = openSession(4, { threshold: 3, coordinates: 7, ringBits: 12 })
  assert.is(maskedBytes(session.parameters), 11)
  assert.is(packRing(new Uint32Array(7), 12).byteLength, 11)
})

parts.run()
