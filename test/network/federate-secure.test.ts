/** Secure sums between real nodes: three in ten drop out in the middle of the stages, and the sum is that of the others. */

import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { EMPTY_CLIENT } from '../../node/federated/learn/answer-server.ts'
import { askToBeReady } from '../../node/federated/learn/ask-client.ts'
import { readGlobal } from '../../node/federated/learn/global-state.ts'
import { answerSecurely } from '../../node/federated/learn/secure-answer.ts'
import { readTerms, type Terms } from '../../node/federated/learn/terms.ts'
import { bytesOf, receiveBytes } from '../../node/federated/learn/vector-stream.ts'
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

const stages: string[] = []

/**
 * A client whose update is a constant, so that the sum is known. `leaves` is the stage in which it goes away without a word: it closes the
 * stream instead of sending.
 */
async function startConstant(admin: FederateNode, value: number, leaves: string | null): Promise<string> {
  let terms: Terms
  const node = await startMeshNode({
    name: `constant ${value}`,
    prepare(mesh, { identity }) {
      mesh.handle(FEDERATE_PROTOCOL, async (stream, { signal, peer }) => {
        const { task, offer } = await stream.expect(ServerFrame, { signal })
        if (offer !== undefined)
          terms = readTerms(
            { bytes: offer.terms, signature: offer.signature },
            { peer, village: mesh.village()!.id },
          )
        const code = offer !== undefined && terms.spec.name !== 'masked' ? 'FEDERATION_REFUSED' : ''
        const answer = { code, cores: 1, wantsVectors: task !== undefined }
        await stream.send(ClientFrame, { ...EMPTY_CLIENT, answer }, { signal })
        if (task === undefined) return
        await receiveBytes(stream, ServerFrame, task.elements * 4, signal)
        const update = new Float32Array(task.elements).fill(value)
        const kept = {
          round: 0,
          vectors: '',
          elements: update.length,
          updateBytes: 0,
          controlBytes: 0,
          hash: '',
        }
        const leaving: typeof stream = {
          ...stream,
          send: async (message, frame, options) => {
            const { secure } = frame as ClientFrame
            if (secure !== undefined) stages.push(secure.stage)
            if (secure !== undefined && secure.stage === leaves) throw new Error('gone')
            return stream.send(message, frame, options)
          },
        }
        await answerSecurely(leaving, {
          spec: terms.spec,
          signer: signerFromIdentity(identity.privateKey),
          isParticipant: () => true,
          kept: { ...kept, tokens: 100, loss: 1, busyMs: 1 },
          update,
          beforeUnmasking: async () => undefined,
          signal,
        })
      })
    },
  })
  await joinWith(admin.mesh, node)
  return node.mesh.peerId
}

let server: FederateNode

test.before(async () => {
  server = await startFederateNode({})
  await server.mesh.villages.create({ name: 'test village', open: false })
  const source = path.join(await temporaryDirectory(), 'tiny')
  writeTinySource(source, 'llama')
  await server.models.add({ path: source, id: 'tiny' })
})

test('ten clients of which three leave in three different stages: the mean is that of whose vectors came', async () => {
  // Seven stay: 1 to 7 hundredths. Of those that leave, the one after `inputs` is in the sum.
  const stay = [0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07]
  for (const value of stay) await startConstant(server, value, null)
  await startConstant(server, 0.5, 'shares')
  await startConstant(server, 0.6, 'inputs')
  await startConstant(server, 0.08, 'unmasking')
  const config = {
    name: 'masked',
    model: 'tiny',
    data: 'stories',
    strategy: 'fedavg',
    rounds: 1,
    clients: { minimum: 8, target: 10, deadlineSeconds: 20, attempts: 1, overSelection: 1 },
    local: { steps: 2, batch: 4, length: 16 },
    secure: { threshold: 0.6, range: 1 },
  }
  const { id } = await server.federations.begin(config, { simulate: false })
  const directory = path.join(server.mesh.directory, 'federations', id)
  const start = readGlobal(path.join(directory, 'global-0.bin')).parameters
  let after: Float32Array | null = null
  server.mesh.events.subscribe((event) => {
    if (event.type !== 'federation:changed' || event.data.round !== 1 || after !== null) return
    after = readGlobal(path.join(directory, 'global-1.bin')).parameters
  })
  const done = await ended(server, id)
  const [first] = done.rounds
  assert.is(first?.used, 8, JSON.stringify({ ...done, config: null }))
  const expected = [...stay, 0.08].reduce((sum, value) => sum + value, 0) / 8
  const moved = (after as Float32Array | null)!.map((value, i) => value - start[i]!)
  assert.ok(
    moved.every((value) => Math.abs(value - expected) < 1e-4),
    `${moved[0]} ${expected}`,
  )
  assert.ok(['keys', 'shares', 'inputs', 'survivors', 'unmasking'].every((stage) => stages.includes(stage)))
})

test('real clients train, mask, and the model learns; with privacy the noise and its ε are in the report', async () => {
  const directory = await temporaryDirectory()
  const texts = [20, 30, 40].map((documents) => {
    const file = path.join(directory, `${documents}.txt`)
    writeFileSync(file, trainingText(documents))
    return file
  })
  for (const file of texts.slice(1)) {
    const client = await startFederateNode({ data: [`stories=${file}`] })
    await joinWith(server.mesh, client.mesh)
  }
  const { id } = await server.federations.begin(
    {
      name: 'private',
      model: 'tiny',
      data: 'stories',
      strategy: 'fedavg',
      rounds: 2,
      clients: { minimum: 2, target: 2, deadlineSeconds: 30 },
      local: { steps: 4, batch: 2, length: 16, learningRate: 0.1 },
      secure: { threshold: 1, range: 0.5 },
      privacy: { clip: 1, noiseMultiplier: 0.01, delta: 1e-5, samplingRate: 1 },
      test: [texts[0]],
    },
    { simulate: false },
  )
  const { parameters } = readGlobal(path.join(server.mesh.directory, 'federations', id, 'global-0.bin'))
  const done = await ended(server, id)
  assert.is(done.state, 'done', JSON.stringify(done.error))
  // Once the masks were off, the update of the first round goes into no other sum.
  const [client] = Object.keys(done.clients)
  const vectors = bytesOf(parameters)
  await rejectsCode(
    askToBeReady(server.mesh, {
      peer: client!,
      task: {
        federation: id,
        round: 0,
        counted: null,
        elements: parameters.length,
        layoutHash: '00'.repeat(32),
        hasControl: false,
        vectors,
        vectorsHash: createHash('sha256').update(vectors).digest(),
      },
      signal: AbortSignal.timeout(20_000),
      work: async () => assert.unreachable('the client is ready again'),
    }),
    'FEDERATION_ROUND_STALE',
  )
  assert.equal(
    done.rounds.map(({ used }) => used),
    [2, 2],
  )
  assert.ok(done.rounds[1]!.testLoss! < done.testLossBefore!)
  assert.ok(done.rounds[1]!.epsilon! > done.rounds[0]!.epsilon!)
})

test.run()
