/** The server's side of one exchange with a client: an offer, or the task of a round and the update that it gives. */
import { createHash } from 'node:crypto'
import { isErrorCode, VillageError } from '../../errors.ts'
import type { FramedStream } from '../../mesh/framed-stream.ts'
import type { Mesh } from '../../mesh/mesh.ts'
import {
  ClientFrame,
  FEDERATE_BEAT_MS,
  FEDERATE_PROTOCOL,
  ServerFrame,
} from '../../mesh/protocols/federate.ts'
import type { SignedTerms } from './terms.ts'
import { maxUpdateBytes } from './update-codec.ts'
import { receiveBytes, sendBytes } from './vector-stream.ts'

interface Components {
  readonly mesh: Pick<Mesh, 'open'>
}

export const EMPTY_SERVER: ServerFrame = {
  offer: undefined,
  task: undefined,
  chunk: undefined,
  settled: undefined,
  secure: undefined,
}

/** Beats that may be missed before a client counts as gone. */
const MISSED_BEATS = 4

export interface RoundTask {
  readonly federation: string
  readonly round: number
  readonly counted: number | null
  readonly elements: number
  readonly layoutHash: string
  readonly hasControl: boolean
  /** Parameters, then the control variate where there is one. */
  readonly vectors: Uint8Array
  /** SHA-256 of `vectors`. */
  readonly vectorsHash: Uint8Array
}

export interface ReceivedUpdate {
  readonly update: Uint8Array
  readonly control: Uint8Array | null
  readonly tokens: number
  readonly loss: number
  readonly busyMs: number
  readonly sentBytes: number
}

/**
 * Has a client train for a secure sum: `work` is called when it is ready, with the stream on which the stages follow
 * (secure-session.ts). Throws the client's refusal, what `work` throws, and what the stream throws.
 */
export function askToBeReady<T>(
  components: Components,
  init: {
    peer: string
    task: RoundTask
    signal: AbortSignal
    work: (stream: FramedStream, ready: ReceivedUpdate) => Promise<T>
  },
): Promise<T> {
  const { peer, task, signal, work } = init
  return withStream(components, peer, signal, async (stream) => {
    const sentBytes = await sendTask(stream, task, signal)
    const ready = await receiveUpdate(stream, init)
    if (ready.update.length > 0) throw malformed('an update came that was to be masked')
    return work(stream, { ...ready, sentBytes })
  })
}

/** The refusal that a peer answered with: its code where this version knows it, never its words. */
function refusal(code: string): VillageError {
  return isErrorCode(code)
    ? new VillageError(code)
    : new VillageError('FEDERATION_REFUSED', 'The client refused for a reason that is not known here')
}

function malformed(reason: string): VillageError {
  return new VillageError('PROTOCOL_MALFORMED', `A message is malformed: ${reason}`)
}

async function withStream<T>(
  { mesh }: Components,
  peer: string,
  signal: AbortSignal,
  work: (stream: FramedStream) => Promise<T>,
): Promise<T> {
  const stream = await mesh.open(peer, FEDERATE_PROTOCOL, { signal })
  try {
    const result = await work(stream)
    await stream.close()
    return result
  } catch (error) {
    stream.abort(error as Error)
    throw error
  }
}

/** Returns what the client lends. Throws its refusal (FEDERATION_REFUSED and others), and what the stream throws. */
export function offerTo(
  components: Components,
  peer: string,
  terms: SignedTerms,
  signal: AbortSignal,
): Promise<{ cores: number }> {
  return withStream(components, peer, signal, async (stream) => {
    const offer = { terms: terms.bytes, signature: terms.signature }
    await stream.send(ServerFrame, { ...EMPTY_SERVER, offer }, { signal })
    const { answer } = await stream.expect(ClientFrame, { signal })
    if (answer === undefined) throw malformed('an offer is not answered')
    if (answer.code !== '') throw refusal(answer.code)
    return { cores: Math.max(1, Math.min(1_024, answer.cores)) }
  })
}

/**
 * Has a client train. `take` looks at the update and says whether it can be used: with what it throws the client is told a
 * code. Throws the client's refusal, what `take` throws, and what the stream throws.
 */
export function askForUpdate<T>(
  components: Components,
  init: {
    peer: string
    task: RoundTask
    signal: AbortSignal
    take: (received: ReceivedUpdate) => Promise<T>
  },
): Promise<T> {
  const { peer, task, signal, take } = init
  return withStream(components, peer, signal, async (stream) => {
    const sentBytes = await sendTask(stream, task, signal)
    const received = await receiveUpdate(stream, init)
    let code = ''
    try {
      return await take({ ...received, sentBytes })
    } catch (error) {
      code = error instanceof VillageError ? error.code : 'INTERNAL'
      throw error
    } finally {
      await stream.send(ServerFrame, { ...EMPTY_SERVER, settled: { code } }, { signal })
    }
  })
}

/** Returns how many bytes of vectors were sent. */
async function sendTask(stream: FramedStream, task: RoundTask, signal: AbortSignal): Promise<number> {
  const { federation, round, counted, elements, layoutHash, hasControl, vectors, vectorsHash } = task
  const frame = {
    federation: Buffer.from(federation, 'hex'),
    round,
    counted: counted ?? undefined,
    elements,
    layout: Buffer.from(layoutHash, 'hex'),
    vectors: vectorsHash,
    hasControl,
  }
  await stream.send(ServerFrame, { ...EMPTY_SERVER, task: frame }, { signal })
  const { answer } = await stream.expect(ClientFrame, { signal })
  if (answer === undefined) throw malformed('a task is not answered')
  if (answer.code !== '') throw refusal(answer.code)
  if (!answer.wantsVectors) return 0
  await sendBytes(stream, ServerFrame, (data) => ({ ...EMPTY_SERVER, chunk: { data } }), vectors, signal)
  return vectors.length
}

async function receiveUpdate(
  stream: FramedStream,
  init: { task: RoundTask; signal: AbortSignal },
): Promise<Omit<ReceivedUpdate, 'sentBytes'>> {
  const { task, signal } = init
  for (;;) {
    const frame = await stream.expect(ClientFrame, { signal, timeoutMs: MISSED_BEATS * FEDERATE_BEAT_MS })
    if (frame.failure !== undefined) throw refusal(frame.failure.code)
    if (frame.progress !== undefined) continue
    const { update } = frame
    if (update === undefined) throw malformed('an update is awaited')
    const { updateBytes, controlBytes, tokens, loss, busyMs, hash } = update
    const limit = maxUpdateBytes(task.elements)
    if (updateBytes > limit || controlBytes > (task.hasControl ? limit : 0))
      throw new VillageError('UPDATE_MALFORMED', 'An update is malformed: it is longer than any can be')
    const bytes = await receiveBytes(stream, ClientFrame, updateBytes + controlBytes, signal)
    if (!createHash('sha256').update(bytes).digest().equals(hash))
      throw new VillageError('UPDATE_MALFORMED', 'An update is malformed: its hash is another')
    return {
      update: bytes.subarray(0, updateBytes),
      control: task.hasControl ? bytes.subarray(updateBytes) : null,
      tokens,
      loss,
      busyMs,
    }
  }
}
