/**
 * Federated learning between real nodes of one village: what becomes of liars, secure sums of which some drop out, privacy, and a
 * server that lies. The clients are nodes with texts of their own, and some that say what a test wants.
 */
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { counterRandom } from '../../node/compute/training/philox.ts'
import {
  askForUpdate,
  askToBeReady,
  EMPTY_SERVER,
  offerTo,
  type RoundTask,
} from '../../node/federated/learn/ask-client.ts'
import type { FederationView } from '../../node/federated/learn/federation-view.ts'
import { readGlobal } from '../../node/federated/learn/global-state.ts'
import { federationId, type SignedTerms, signTerms } from '../../node/federated/learn/terms.ts'
import { encodeUpdate } from '../../node/federated/learn/update-codec.ts'
import { bytesOf } from '../../node/federated/learn/vector-stream.ts'
import { signerFromIdentity } from '../../node/mesh/membership/keys.ts'
import { ClientFrame, FEDERATE_PROTOCOL, ServerFrame } from '../../node/mesh/protocols/federate.ts'
import { ended, type FederateNode, startFederateNode, stopFederateNodes } from '../helpers/federate-nodes.ts'
import { startScripted } from '../helpers/federate-scripted.ts'
import { writeTinySource } from '../helpers/language-models.ts'
import { joinWith, stopMeshNodes, temporaryDirectory } from '../helpers/mesh.ts'
import { rejectsCode } from '../helpers/throws.ts'
import { trainingText } from '../helpers/training-data.ts'

const plain = (values: Float32Array) => encodeUpdate(values, { codec: 'none', share: 1 }, counterRandom(0, 0))

function withNaN(elements: number): Uint8Array {
  const bytes = plain(new Float32Array(elements))
  new DataView(bytes.buffer).setFloat32(bytes.length - 4, Number.NaN, true)
  return bytes
}

let server: FederateNode
/** All offer their diaries, two of them stories too. */
let honest: FederateNode[]
let idle: FederateNode
let test20 = ''
/** By what they do in the federation `stories`. */
const liars = new Map<string, string>()
const stages: string[] = []
const STAY = [0.01, 0.02, 0.03, 0.04]
let stories: FederationView

test.before(async () => {
  const directory = await temporaryDirectory()
  const written = (documents: number) => {
    const file = path.join(directory, `${documents}.txt`)
    writeFileSync(file, trainingText(documents))
    return file
  }
  test20 = written(20)
  server = await startFederateNode({})
  await server.mesh.villages.create({ name: 'test village', open: false })
  const start = async (data: readonly string[]) => {
    const node = await startFederateNode({ data, pool: server.pool })
    await joinWith(server.mesh, node.mesh)
    return node
  }
  honest = [
    await start([`stories=${written(30)}`, `diary=${written(30)}`]),
    await start([`stories=${written(50)}`, `diary=${written(50)}`]),
  ]
  idle = await start([`diary=${written(40)}`])
  const lies: [string, (elements: number) => Uint8Array, number][] = [
    ['nan', withNaN, 10],
    ['huge', (elements) => plain(new Float32Array(elements).fill(1e20)), 10],
    ['short', (elements) => plain(new Float32Array(elements - 1)), 10],
    ['greedy', (elements) => plain(new Float32Array(elements).fill(0.01)), 2 ** 53 - 1],
  ]
  for (const [index, [name, lie, tokens]] of lies.entries()) {
    const updates = { stories: (elements: number) => ({ bytes: lie(elements), tokens }) }
    liars.set(name, await startScripted(server.mesh, { updates, constant: STAY[index]! }))
  }
  const onStage = (stage: string) => stages.push(stage)
  await startScripted(server.mesh, { constant: 0.5, leaves: 'shares' }, onStage)
  await startScripted(server.mesh, { constant: 0.6, leaves: 'inputs' }, onStage)
  await startScripted(server.mesh, { constant: 0.08, leaves: 'unmasking' }, onStage)
  const source = path.join(directory, 'tiny')
  writeTinySource(source, 'llama')
  await server.models.add({ path: source, id: 'tiny' })
})

test.after(async () => {
  await stopFederateNodes()
  await stopMeshNodes()
})

test('two honest clients, one that offers nothing, and four liars: the loss falls, liars are named, texts stay', async () => {
  const { id } = await server.federations.begin(
    {
      name: 'stories',
      model: 'tiny',
      data: 'stories',
      strategy: 'fedavg',
      rounds: 2,
      clients: { minimum: 2, target: 6, deadlineSeconds: 60 },
      local: { steps: 6, batch: 2, length: 16, learningRate: 0.1 },
      aggregation: { rule: 'mean', maxNorm: 100 },
      test: [test20],
    },
    { simulate: false },
  )
  stories = await ended(server, id)
  assert.is(stories.state, 'done', JSON.stringify(stories.error))
  for (const round of stories.rounds) {
    assert.equal(round.refused, {
      [liars.get('nan')!]: 'UPDATE_MALFORMED',
      [liars.get('huge')!]: 'UPDATE_TOO_LARGE',
      [liars.get('short')!]: 'UPDATE_MALFORMED',
      // As many tokens as this would make it the mean.
      [liars.get('greedy')!]: 'UPDATE_MALFORMED',
    })
    assert.is(round.used, 2)
  }
  assert.is(stories.clients[liars.get('nan')!]!.lastRefusal, 'UPDATE_MALFORMED')
  assert.is(stories.clients[idle.peer], undefined)
  assert.ok(stories.rounds.at(-1)!.testLoss! < stories.testLossBefore! - 0.05, JSON.stringify(stories.rounds))
  const model = await server.models.need(stories.model!)
  assert.is(model.report!.clients, 2)
  assert.is((await server.artifacts.info(model.cid))!.private, true)
  for (const node of honest) {
    assert.is((await node.client.list()).length, 1)
    // What went over the wire are updates: no artifact holds the texts.
    assert.equal(
      (await node.artifacts.list()).map(({ cid }) => cid),
      [stories.modelCid],
    )
  }
  assert.equal(await idle.client.list(), [])
})

test('seven clients of which three leave in three different stages: the mean is that of whose vectors came', async () => {
  // Of those that leave, the one after `inputs` is in the sum.
  const config = {
    name: 'masked',
    model: 'tiny',
    data: 'constants',
    strategy: 'fedavg',
    rounds: 1,
    clients: { minimum: 5, target: 7, deadlineSeconds: 60, attempts: 1, overSelection: 1 },
    local: { steps: 2, batch: 4, length: 16 },
    secure: { threshold: 0.5, range: 1 },
  }
  const { id } = await server.federations.begin(config, { simulate: false })
  const directory = path.join(server.mesh.directory, 'federations', id)
  const start = readGlobal(path.join(directory, 'global-0.bin')).parameters
  let after: Float32Array | null = null
  server.mesh.events.subscribe((event) => {
    if (event.type !== 'federation:changed' || event.data.round !== 1 || after !== null) return
    if (event.data.federation === id) after = readGlobal(path.join(directory, 'global-1.bin')).parameters
  })
  const done = await ended(server, id)
  const [first] = done.rounds
  assert.is(first?.used, 5, JSON.stringify({ ...done, config: null }))
  const expected = [...STAY, 0.08].reduce((sum, value) => sum + value, 0) / 5
  const moved = (after as Float32Array | null)!.map((value, i) => value - start[i]!)
  assert.ok(
    moved.every((value) => Math.abs(value - expected) < 1e-4),
    `${moved[0]} ${expected}`,
  )
  // What single clients say of themselves is nowhere.
  assert.equal([first!.loss, first!.tokens], [null, null])
  assert.ok(['keys', 'shares', 'inputs', 'survivors', 'unmasking'].every((stage) => stages.includes(stage)))
})

const hashOf = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest())

test('real clients train, mask, and the model learns; the noise has its ε, and no second sum is given', async () => {
  const { id } = await server.federations.begin(
    {
      name: 'private',
      model: 'tiny',
      data: 'diary',
      strategy: 'fedavg',
      rounds: 2,
      clients: { minimum: 3, target: 3, deadlineSeconds: 60 },
      local: { steps: 4, batch: 2, length: 16, learningRate: 0.1 },
      secure: { threshold: 1, range: 0.5 },
      privacy: { clip: 1, noiseMultiplier: 0.01, delta: 1e-5, samplingRate: 1 },
      test: [test20],
    },
    { simulate: false },
  )
  const { parameters } = readGlobal(path.join(server.mesh.directory, 'federations', id, 'global-0.bin'))
  const done = await ended(server, id)
  assert.is(done.state, 'done', JSON.stringify(done.error))
  assert.equal(
    done.rounds.map(({ used, loss, tokens }) => [used, loss, tokens]),
    [
      [3, null, null],
      [3, null, null],
    ],
  )
  assert.ok(done.rounds[1]!.testLoss! < done.testLossBefore!)
  assert.ok(done.rounds[1]!.epsilon! > done.rounds[0]!.epsilon!)
  const { report } = await server.models.need(done.model!)
  // Exact numbers of who took part are none of what ε speaks of.
  assert.equal(Object.keys((report!.rounds as object[])[0]!), ['round', 'testLoss'])
  assert.is(report!.clients, undefined)
  // Once the masks were off, no update of that round goes into another sum, from whatever parameters: not even one that could be no other.
  const moved = parameters.slice()
  moved[0]! += 1e-3
  for (const [round, from] of [
    [0, parameters],
    [1, moved],
    [0, moved],
    [2, moved],
  ] as const) {
    const vectors = bytesOf(from)
    const task = { federation: id, round, counted: null, elements: from.length, layoutHash: '00'.repeat(32) }
    await rejectsCode(
      askToBeReady(server.mesh, {
        peer: honest[0]!.peer,
        task: { ...task, hasControl: false, vectors, vectorsHash: hashOf(vectors) },
        signal: AbortSignal.timeout(20_000),
        work: async () => assert.unreachable('the client is ready again'),
      }),
      'FEDERATION_ROUND_STALE',
    )
  }
})

test('another member that plays server: what it may not do, the client refuses before any training', async () => {
  const [client] = honest
  const { spec: real } = stories.config
  const signal = AbortSignal.timeout(20_000)
  // A client that serves too: it has an identity of the village, and is no server that anybody agreed with.
  const liar = idle.mesh
  const signer = signerFromIdentity(liar.identity.privateKey)
  let createdAtMs = 0
  const offer = (over: object, by = signer) => {
    const village = liar.mesh.village()!.id
    createdAtMs += 1
    const terms = {
      version: 1,
      server: liar.mesh.peerId,
      village,
      createdAtMs,
      spec: { ...real, ...over },
    } as const
    const signed = signTerms(terms, by)
    return { id: federationId(signed.bytes), signed }
  }
  const refused = (signed: SignedTerms) =>
    rejectsCode(offerTo(liar, client!.peer, signed, signal), 'FEDERATION_REFUSED')
  await refused(offer({}, signerFromIdentity(server.mesh.identity.privateKey)).signed)
  await refused(offer({ data: 'mail' }).signed)
  // However many it offers, the client keeps sixteen.
  let last = offer({})
  for (let count = 0; count < 17; count++) {
    last = offer({})
    await offerTo(liar, client!.peer, last.signed, signal)
  }
  const kept = (await client!.client.list()).filter((one) => one.server === liar.mesh.peerId)
  assert.is(kept.length, 16)
  const vectors = new Uint8Array(16)
  const task: RoundTask = {
    federation: last.id,
    round: 0,
    counted: null,
    elements: 4,
    layoutHash: '00'.repeat(32),
    hasControl: false,
    vectors,
    vectorsHash: hashOf(vectors),
  }
  const ask = (over: Partial<RoundTask>) =>
    askForUpdate(liar, {
      peer: client!.peer,
      task: { ...task, ...over },
      signal,
      take: async () => undefined,
    })
  // That of another server, one that was never offered, and a round that the terms do not have.
  await rejectsCode(ask({ federation: stories.id }), 'FEDERATION_ROUND_STALE')
  await rejectsCode(ask({ federation: '00'.repeat(16) }), 'FEDERATION_ROUND_STALE')
  await rejectsCode(ask({ round: real.rounds }), 'FEDERATION_ROUND_STALE')
  await rejectsCode(ask({ elements: 2 ** 40 }), 'RESOURCES_INSUFFICIENT')
  await rejectsCode(ask({ hasControl: true }), 'PROTOCOL_MALFORMED')
  await rejectsCode(ask({ vectorsHash: new Uint8Array(32) }), 'PEER_DISCONNECTED')
  // Everything right but the model: the client says so instead of training.
  await rejectsCode(ask({}), 'FEDERATION_REFUSED')
  // Two at the same moment: one of them is worked on.
  const hex = (text: string) => new Uint8Array(Buffer.from(text, 'hex'))
  const { federation, layoutHash, vectors: _vectors, vectorsHash, counted: _counted, ...rest } = task
  const frame = {
    ...EMPTY_SERVER,
    task: {
      ...rest,
      federation: hex(federation),
      layout: hex(layoutHash),
      vectors: vectorsHash,
      counted: undefined,
    },
  }
  const streams = await Promise.all(
    [1, 2].map(() => liar.mesh.open(client!.peer, FEDERATE_PROTOCOL, { signal })),
  )
  await Promise.all(streams.map((stream) => stream.send(ServerFrame, frame, { signal })))
  const codes = await Promise.all(
    streams.map(async (stream) => (await stream.expect(ClientFrame, { signal })).answer!.code),
  )
  assert.equal(codes.sort(), ['', 'WORK_PAUSED'])
  for (const stream of streams) stream.abort(new Error('enough'))
})

test('a federation that nobody takes part in says that it waits, and can be stopped and forgotten', async () => {
  const config = { name: 'lonely', model: 'tiny', data: 'nobodys', strategy: 'fedavg', rounds: 1 }
  const waits = new Promise<void>((resolve) => {
    const end = server.mesh.events.subscribe((event) => {
      if (event.type !== 'federation:changed' || event.data.waiting !== 0) return
      end()
      resolve()
    })
  })
  const { id } = await server.federations.begin(config, { simulate: false })
  await waits
  assert.is((await server.federations.get(id)).waiting, 0)
  const { state, waiting, error } = await server.federations.end(id, { publish: true })
  assert.equal([state, waiting, error], ['stopped', null, null])
  await server.federations.remove(id)
  await rejectsCode(server.federations.get(id), 'FEDERATION_UNKNOWN')
})

test('what has ended is ended no more, and can be forgotten', async () => {
  await rejectsCode(server.federations.end(stories.id, { publish: false }), 'FEDERATION_ENDED')
  await server.federations.remove(stories.id)
  await rejectsCode(server.federations.get(stories.id), 'FEDERATION_UNKNOWN')
})

test.run()
