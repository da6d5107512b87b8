/** Federated learning between real nodes: a server, clients with texts of their own, and what becomes of liars. */
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { counterRandom } from '../../node/compute/training/philox.ts'
import { EMPTY_CLIENT, sendUpdate } from '../../node/federated/learn/answer-server.ts'
import { askForUpdate, offerTo, type RoundTask } from '../../node/federated/learn/ask-client.ts'
import type { FederationView } from '../../node/federated/learn/federation-view.ts'
import { federationId, type SignedTerms, signTerms } from '../../node/federated/learn/terms.ts'
import { encodeUpdate } from '../../node/federated/learn/update-codec.ts'
import { receiveBytes } from '../../node/federated/learn/vector-stream.ts'
import { signerFromIdentity } from '../../node/mesh/membership/keys.ts'
import { ClientFrame, FEDERATE_PROTOCOL, ServerFrame } from '../../node/mesh/protocols/federate.ts'
import { ended, type FederateNode, startFederateNode, stopFederateNodes } from '../helpers/federate-nodes.ts'
import { writeTinySource } from '../helpers/language-models.ts'
import { joinWith, startMeshNode, stopMeshNodes, temporaryDirectory } from '../helpers/mesh.ts'
import { rejectsCode } from '../helpers/throws.ts'
import { trainingText } from '../helpers/training-data.ts'

test.after(async () => {
  await stopFederateNodes()
  await stopMeshNodes()
})

async function written(documents: number): Promise<string> {
  const file = path.join(await temporaryDirectory(), 'text.txt')
  writeFileSync(file, trainingText(documents))
  return file
}

/** Joins a village and answers every task with the bytes that `lie` makes. */
async function startLiar(admin: FederateNode, lie: (elements: number) => Uint8Array): Promise<string> {
  const node = await startMeshNode({
    name: 'liar',
    prepare(mesh) {
      mesh.handle(FEDERATE_PROTOCOL, async (stream, { signal }) => {
        const { task } = await stream.expect(ServerFrame, { signal })
        const answer = { code: '', cores: 1, wantsVectors: task !== undefined }
        await stream.send(ClientFrame, { ...EMPTY_CLIENT, answer }, { signal })
        if (task === undefined) return
        await receiveBytes(stream, ServerFrame, task.elements * 4, signal)
        const bytes = lie(task.elements)
        const hash = createHash('sha256').update(bytes).digest('hex')
        const facts = {
          round: task.round,
          vectors: '',
          elements: task.elements,
          controlBytes: 0,
          tokens: 10,
          loss: 1,
          busyMs: 1,
        }
        await sendUpdate(stream, { ...facts, updateBytes: bytes.length, hash }, bytes, signal)
      })
    },
  })
  await joinWith(admin.mesh, node)
  return node.mesh.peerId
}

const plain = (values: Float32Array) => encodeUpdate(values, { codec: 'none', share: 1 }, counterRandom(0, 0))

function withNaN(elements: number): Uint8Array {
  const bytes = plain(new Float32Array(elements))
  new DataView(bytes.buffer).setFloat32(bytes.length - 4, Number.NaN, true)
  return bytes
}

/** Another member that plays server: what it may not do, the client refuses before any training. */
async function standsLyingServer(admin: FederateNode, client: FederateNode, real: FederationView) {
  const liar = await startMeshNode({ name: 'lying server' })
  await joinWith(admin.mesh, liar)
  const signal = AbortSignal.timeout(20_000)
  const signer = signerFromIdentity(liar.identity.privateKey)
  const offer = (over: object, by = signer) => {
    const spec = { ...real.config.spec, ...over }
    const village = liar.mesh.village()!.id
    const terms = { version: 1, server: liar.mesh.peerId, village, createdAtMs: 1, spec } as const
    return { id: federationId(signTerms(terms, by).bytes), signed: signTerms(terms, by) }
  }
  const refused = (signed: SignedTerms) =>
    rejectsCode(offerTo(liar, client.peer, signed, signal), 'FEDERATION_REFUSED')
  await refused(offer({}, signerFromIdentity(admin.mesh.identity.privateKey)).signed)
  await refused(offer({ data: 'mail' }).signed)
  const { id, signed } = offer({})
  await offerTo(liar, client.peer, signed, signal)
  const vectors = new Uint8Array(16)
  const task: RoundTask = {
    federation: id,
    round: 0,
    counted: null,
    elements: 4,
    layoutHash: '00'.repeat(32),
    hasControl: false,
    vectors,
    vectorsHash: createHash('sha256').update(vectors).digest(),
  }
  const ask = (over: Partial<RoundTask>) =>
    askForUpdate(liar, { peer: client.peer, task: { ...task, ...over }, signal, take: async () => undefined })
  // That of another server, and one that was never offered.
  await rejectsCode(ask({ federation: real.id }), 'FEDERATION_ROUND_STALE')
  await rejectsCode(ask({ federation: '00'.repeat(16) }), 'FEDERATION_ROUND_STALE')
  await rejectsCode(ask({ elements: 2 ** 40 }), 'RESOURCES_INSUFFICIENT')
  await rejectsCode(ask({ hasControl: true }), 'PROTOCOL_MALFORMED')
  await rejectsCode(ask({ vectorsHash: new Uint8Array(32) }), 'PEER_DISCONNECTED')
  // Everything right but the model: the client says so instead of training.
  await rejectsCode(ask({}), 'FEDERATION_REFUSED')
}

test('two honest clients, one that offers nothing, and three liars: the loss falls, liars are named, texts stay', async () => {
  const server = await startFederateNode({})
  await server.mesh.villages.create({ name: 'test village', open: false })
  const honest = [
    await startFederateNode({ data: [`stories=${await written(30)}`] }),
    await startFederateNode({ data: [`stories=${await written(50)}`] }),
  ]
  const idle = await startFederateNode({ data: [`other=${await written(20)}`] })
  for (const node of [...honest, idle]) await joinWith(server.mesh, node.mesh)
  const nan = await startLiar(server, withNaN)
  const huge = await startLiar(server, (elements) => plain(new Float32Array(elements).fill(1e20)))
  const short = await startLiar(server, (elements) => plain(new Float32Array(elements - 1)))
  const source = path.join(await temporaryDirectory(), 'tiny')
  writeTinySource(source, 'llama')
  await server.models.add({ path: source, id: 'tiny' })
  const { id } = await server.federations.begin(
    {
      name: 'stories',
      model: 'tiny',
      data: 'stories',
      strategy: 'fedavg',
      rounds: 2,
      clients: { minimum: 2, target: 5, deadlineSeconds: 60 },
      local: { steps: 6, batch: 2, length: 16, learningRate: 0.1 },
      aggregation: { rule: 'mean', maxNorm: 100 },
      test: [await written(20)],
    },
    { simulate: false },
  )
  const done = await ended(server, id)
  assert.is(done.state, 'done', JSON.stringify(done.error))
  for (const round of done.rounds) {
    assert.equal(round.refused, {
      [nan]: 'UPDATE_MALFORMED',
      [huge]: 'UPDATE_TOO_LARGE',
      [short]: 'UPDATE_MALFORMED',
    })
    assert.is(round.used, 2)
  }
  assert.is(done.clients[nan]!.lastRefusal, 'UPDATE_MALFORMED')
  assert.is(done.clients[idle.peer], undefined)
  assert.ok(done.rounds.at(-1)!.testLoss! < done.testLossBefore! - 0.05, JSON.stringify(done.rounds))
  const model = await server.models.need(done.model!)
  assert.is(model.report!.clients, 2)
  assert.is((await server.artifacts.info(model.cid))!.private, true)
  for (const node of honest) {
    assert.is((await node.client.list()).length, 1)
    // What went over the wire are updates: no artifact holds the texts.
    assert.equal(
      (await node.artifacts.list()).map(({ cid }) => cid),
      [done.modelCid],
    )
  }
  assert.equal(await idle.client.list(), [])
  await standsLyingServer(server, honest[0]!, done)
  await rejectsCode(server.federations.end(id, { publish: false }), 'FEDERATION_ENDED')
  await server.federations.remove(id)
  await rejectsCode(server.federations.get(id), 'FEDERATION_UNKNOWN')
})

test.run()
