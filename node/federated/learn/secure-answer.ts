/** A client's part of a secure sum, after it has trained: five stages on the stream of the task. */
import { randomInt } from 'node:crypto'
import { VillageError } from '../../errors.ts'
import type { FramedStream } from '../../mesh/framed-stream.ts'
import type { Signer } from '../../mesh/membership/keys.ts'
import { ClientFrame, ServerFrame } from '../../mesh/protocols/federate.ts'
import { encodeInput } from '../privacy/fixed-point.ts'
import { secureClient } from '../privacy/secure-client.ts'
import { type ClientId, SECURE_STAGES } from '../privacy/secure-sum.ts'
import { EMPTY_CLIENT, type StoredUpdate, shownOf } from './answer-server.ts'
import type { FederateSpec } from './federate-spec.ts'
import { BEGIN_BYTES, BEGIN_STAGE, decodeBegin, maxStageBytes, secureTerms } from './secure-terms.ts'
import { receiveBytes, sendBytes } from './vector-stream.ts'

export interface SecureAnswer {
  readonly spec: FederateSpec
  readonly signer: Signer
  readonly isParticipant: (id: ClientId) => boolean
  readonly kept: StoredUpdate
  readonly update: Float32Array
  /**
   * Called once, before the masks can come off: no other update of this round may go into a sum from then on, for the difference of
   * two sums would show it. Durable when it resolves; throws FEDERATION_ROUND_STALE where one was in a sum already.
   */
  readonly beforeUnmasking: () => Promise<void>
  readonly signal: AbortSignal
}

const UNIFORM_STEPS = 2 ** 47

/** Returns the code with which the server settled it. Throws SECURE_SUM_REFUSED for a server that breaks the rules. */
export async function answerSecurely(stream: FramedStream, answer: SecureAnswer): Promise<string> {
  const { spec, signer, isParticipant, kept, update, signal } = answer
  const { tokens } = kept
  const shown = shownOf(spec, kept)
  const facts = { tokens: shown.tokens, loss: shown.loss, busyMs: shown.busyMs }
  const ready = { updateBytes: 0, controlBytes: 0, hash: EMPTY_HASH, ...facts }
  await stream.send(ClientFrame, { ...EMPTY_CLIENT, update: ready }, { signal })
  // The others may need as long as the round lasts.
  const timeoutMs = spec.clients.deadlineSeconds * 1_000
  const begin = decodeBegin(await receiveStage(stream, BEGIN_STAGE, BEGIN_BYTES, { signal, timeoutMs }))
  const { parameters, fixedPoint, weightOf } = secureTerms(spec, update.length, begin)
  const client = secureClient({ parameters, signer, isParticipant })
  const uniform = () => randomInt(UNIFORM_STEPS) / UNIFORM_STEPS
  const say = {
    keys: () => client.advertise(),
    shares: (before: Uint8Array) => client.shareKeys(before),
    inputs: (before: Uint8Array) =>
      client.maskInput(before, encodeInput(fixedPoint, update, weightOf(tokens), uniform).values),
    survivors: (before: Uint8Array) => client.signSurvivors(before),
    unmasking: (before: Uint8Array) => client.unmask(before),
  } as const
  let before: Uint8Array = new Uint8Array(0)
  for (const stage of SECURE_STAGES) {
    if (stage === 'unmasking') await answer.beforeUnmasking()
    const bytes = say[stage](before)
    await stream.send(
      ClientFrame,
      { ...EMPTY_CLIENT, secure: { stage, sizeBytes: bytes.length } },
      { signal },
    )
    await sendBytes(stream, ClientFrame, (data) => ({ ...EMPTY_CLIENT, chunk: { data } }), bytes, signal)
    if (stage === 'unmasking') break
    before = await receiveStage(stream, stage, maxStageBytes(begin.clients), { signal, timeoutMs })
  }
  const { settled } = await stream.expect(ServerFrame, { signal, timeoutMs })
  return settled?.code ?? 'PROTOCOL_MALFORMED'
}

const EMPTY_HASH = new Uint8Array(
  Buffer.from('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 'hex'),
)

async function receiveStage(
  stream: FramedStream,
  stage: string,
  maxBytes: number,
  options: { signal: AbortSignal; timeoutMs: number },
): Promise<Uint8Array> {
  const { secure } = await stream.expect(ServerFrame, options)
  if (secure === undefined || secure.stage !== stage || secure.sizeBytes > maxBytes)
    throw new VillageError('PROTOCOL_MALFORMED', 'A message is malformed: another stage is awaited')
  return receiveBytes(stream, ServerFrame, secure.sizeBytes, options.signal)
}
