/** Clients of federated learning that say what a test wants: constants in secure sums, and lies. */
import { createHash } from 'node:crypto'
import { EMPTY_CLIENT, sendUpdate } from '../../node/federated/learn/answer-server.ts'
import { answerSecurely } from '../../node/federated/learn/secure-answer.ts'
import { federationId, readTerms, type Terms } from '../../node/federated/learn/terms.ts'
import { receiveBytes } from '../../node/federated/learn/vector-stream.ts'
import { signerFromIdentity } from '../../node/mesh/membership/keys.ts'
import { ClientFrame, FEDERATE_PROTOCOL, ServerFrame } from '../../node/mesh/protocols/federate.ts'
import { joinWith, type MeshNode, startMeshNode } from './mesh.ts'

export interface Script {
  /** By name of the federation, what is sent as an update; other federations are refused. */
  readonly updates?: Readonly<Record<string, (elements: number) => { bytes: Uint8Array; tokens: number }>>
  /** In secure sums: every coordinate of the update. */
  readonly constant?: number
  /** The stage of a secure sum in which it goes away: it closes the stream without a word instead of sending. */
  readonly leaves?: string
}

const KEPT = { round: 0, vectors: '', updateBytes: 0, controlBytes: 0, hash: '', loss: 1, busyMs: 1 }

/** Joins the village of `admin`. `onStage` hears of what every secure sum comes to. Returns the peer ID. */
export async function startScripted(
  admin: MeshNode,
  { updates = {}, constant = 0, leaves }: Script,
  onStage: (stage: string) => void = () => undefined,
): Promise<string> {
  const agreed = new Map<string, Terms>()
  const node = await startMeshNode({
    name: 'scripted',
    prepare(mesh, { identity }) {
      mesh.handle(FEDERATE_PROTOCOL, async (stream, { signal, peer }) => {
        const { task, offer } = await stream.expect(ServerFrame, { signal })
        let code = ''
        if (offer !== undefined) {
          const signed = { bytes: offer.terms, signature: offer.signature }
          const terms = readTerms(signed, { peer, village: mesh.village()!.id })
          agreed.set(federationId(offer.terms), terms)
          const isSecure = terms.spec.secure !== null && terms.spec.privacy === null
          if (!isSecure && updates[terms.spec.name] === undefined) code = 'FEDERATION_REFUSED'
        }
        const answer = { code, cores: 1, wantsVectors: task !== undefined }
        await stream.send(ClientFrame, { ...EMPTY_CLIENT, answer }, { signal })
        if (task === undefined) return
        const { spec } = agreed.get(Buffer.from(task.federation).toString('hex'))!
        const { elements } = task
        await receiveBytes(stream, ServerFrame, elements * 4, signal)
        const lie = updates[spec.name]
        if (lie !== undefined) {
          const { bytes, tokens } = lie(elements)
          const hash = createHash('sha256').update(bytes).digest('hex')
          const kept = { ...KEPT, elements, updateBytes: bytes.length, tokens, hash }
          await sendUpdate(stream, kept, bytes, signal)
          return
        }
        const leaving: typeof stream = {
          ...stream,
          send: async (message, frame, options) => {
            const { secure } = frame as ClientFrame
            if (secure !== undefined) onStage(secure.stage)
            if (secure !== undefined && secure.stage === leaves) throw new Error('gone')
            return stream.send(message, frame, options)
          },
        }
        await answerSecurely(leaving, {
          spec,
          signer: signerFromIdentity(identity.privateKey),
          isParticipant: () => true,
          kept: { ...KEPT, elements, tokens: 100 },
          update: new Float32Array(elements).fill(constant),
          beforeUnmasking: async () => undefined,
          signal,
        })
      })
    },
  })
  await joinWith(admin, node)
  return node.mesh.peerId
}
