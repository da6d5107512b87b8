/**
 * A round with a secure sum between real nodes on loopback of which three in ten go away in the middle, each in another stage. The
 * updates are whole multiples of a step of the fixed-point numbers, so that the model after the round has one right value to the last bit.
 */
import path from 'node:path'
import { counterRandom, streamOf } from '../../node/compute/training/philox.ts'
import { EMPTY_CLIENT } from '../../node/federated/learn/answer-server.ts'
import { readGlobal } from '../../node/federated/learn/global-state.ts'
import { answerSecurely } from '../../node/federated/learn/secure-answer.ts'
import { readTerms, type Terms } from '../../node/federated/learn/terms.ts'
import { receiveBytes } from '../../node/federated/learn/vector-stream.ts'
import type { SecureStage } from '../../node/federated/privacy/secure-sum.ts'
import { signerFromIdentity } from '../../node/mesh/membership/keys.ts'
import { ClientFrame, FEDERATE_PROTOCOL, ServerFrame } from '../../node/mesh/protocols/federate.ts'
import {
  ended,
  type FederateNode,
  startFederateNode,
  stopFederateNodes,
} from '../../test/helpers/federate-nodes.ts'
import { writeTinySource } from '../../test/helpers/language-models.ts'
import { joinWith, startMeshNode, stopMeshNodes, temporaryDirectory } from '../../test/helpers/mesh.ts'
import type { BenchContext } from './bench.ts'
import type { BenchCase } from './bench-cases.ts'

const CLIENTS = 10
/** When three of the ten go away; the vector of the last is in the sum already. */
const LEAVES: readonly (SecureStage | null)[] = [
  'shares',
  'inputs',
  'unmasking',
  ...new Array<null>(CLIENTS - 3).fill(null),
]
const IN_SUM = LEAVES.map((stage) => stage === null || stage === 'unmasking')
const RANGE = 2 ** -7
const LOCAL = { steps: 2, batch: 4, length: 16 } as const
/** As many as can count: the weight of each is the largest. */
const TOKENS = LOCAL.steps * LOCAL.batch * LOCAL.length

/** −1, 0 or 1 times the range: each of them is a whole number of steps. */
function updateOf(client: number, elements: number): Float32Array {
  const random = counterRandom(client, streamOf('secure bench'))
  return Float32Array.from({ length: elements }, (_, at) => ((random.word(at) % 3) - 1) * RANGE)
}

/** A member that sends that update, or closes the stream in a stage instead of sending. */
async function startClient(server: FederateNode, client: number): Promise<void> {
  const leaves = LEAVES[client]
  let terms: Terms
  const node = await startMeshNode({
    name: `client ${client}`,
    prepare(mesh, { identity }) {
      mesh.handle(FEDERATE_PROTOCOL, async (stream, { signal, peer }) => {
        const { task, offer } = await stream.expect(ServerFrame, { signal })
        if (offer !== undefined)
          terms = readTerms(
            { bytes: offer.terms, signature: offer.signature },
            { peer, village: mesh.village()!.id },
          )
        const answer = { code: '', cores: 1, wantsVectors: task !== undefined }
        await stream.send(ClientFrame, { ...EMPTY_CLIENT, answer }, { signal })
        if (task === undefined) return
        const { elements } = task
        await receiveBytes(stream, ServerFrame, elements * 4, signal)
        const leaving: typeof stream = {
          ...stream,
          async send(message, frame, options) {
            const { secure } = frame as ClientFrame
            if (secure !== undefined && secure.stage === leaves) throw new Error('gone')
            return stream.send(message, frame, options)
          },
        }
        await answerSecurely(leaving, {
          spec: terms.spec,
          signer: signerFromIdentity(identity.privateKey),
          isParticipant: () => true,
          kept: {
            round: 0,
            vectors: '',
            elements,
            updateBytes: 0,
            controlBytes: 0,
            hash: '',
            tokens: TOKENS,
            loss: 1,
            busyMs: 1,
          },
          update: updateOf(client, elements),
          beforeUnmasking: async () => undefined,
          signal,
        })
      })
    },
  })
  await joinWith(server.mesh, node)
}

async function measure({ report, log }: BenchContext): Promise<void> {
  const server = await startFederateNode({})
  await server.mesh.villages.create({ name: 'bench', open: false })
  const source = path.join(await temporaryDirectory(), 'tiny')
  writeTinySource(source, 'llama')
  await server.models.add({ path: source, id: 'tiny' })
  for (const client of LEAVES.keys()) await startClient(server, client)
  const started = performance.now()
  const { id } = await server.federations.begin(
    {
      name: 'masked',
      model: 'tiny',
      data: 'stories',
      strategy: 'fedavg',
      rounds: 1,
      clients: { minimum: 7, target: CLIENTS, deadlineSeconds: 20, attempts: 1, overSelection: 1 },
      local: LOCAL,
      secure: { threshold: 0.6, range: RANGE },
    },
    { simulate: false },
  )
  const directory = path.join(server.mesh.directory, 'federations', id)
  const before = readGlobal(path.join(directory, 'global-0.bin')).parameters
  let after: Float32Array | null = null
  const end = server.mesh.events.subscribe((event) => {
    // Read while it is there: the files go when the federation has ended.
    if (event.type === 'federation:changed' && event.data.round === 1)
      after ??= readGlobal(path.join(directory, 'global-1.bin')).parameters
  })
  const { rounds, error } = await ended(server, id)
  end()
  const round = rounds[0]
  if (round === undefined || after === null)
    throw new Error(`no round came to its end: ${JSON.stringify(error)}`)
  const found: Float32Array = after
  const survivors = [...LEAVES.keys()].filter((client) => IN_SUM[client])
  const updates = survivors.map((client) => updateOf(client, before.length))
  const wrong = before.filter((value, at) => {
    const mean = updates.reduce((sum, update) => sum + update[at]!, 0) / survivors.length
    return found[at] !== Math.fround(value + Math.fround(mean))
  }).length
  log(`${before.length} parameters, ${round.used} of ${CLIENTS} vectors are in the sum`)
  const row = { unit: 'clients', better: 'higher' } as const
  report({ case: 'secure: vectors in the sum', value: round.used, ...row, bar: survivors.length })
  report({ case: 'secure: parameters off by a bit', value: wrong, unit: '', better: 'lower', bar: 0 })
  const seconds = (performance.now() - started) / 1_000
  report({ case: 'secure: the round', value: seconds, unit: 's', better: 'lower', bar: null })
}

export const secure: BenchCase = {
  name: 'secure',
  title: `a secure sum of ${CLIENTS} nodes of which three go away in different stages`,
  async run(context) {
    try {
      await measure(context)
    } finally {
      await stopFederateNodes()
      await stopMeshNodes()
    }
  },
}
