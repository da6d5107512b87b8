/** The client's side of one exchange: what comes with a task, signs of life while it trains, and the update. */
import { createHash } from 'node:crypto'
import { toVillageError, VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import type { FramedStream } from '../../mesh/framed-stream.ts'
import { ClientFrame, FEDERATE_BEAT_MS, ServerFrame } from '../../mesh/protocols/federate.ts'
import { type FederateSpec, hidesClients } from './federate-spec.ts'
import { receiveBytes, sendBytes } from './vector-stream.ts'

export const EMPTY_CLIENT: ClientFrame = {
  answer: undefined,
  progress: undefined,
  update: undefined,
  chunk: undefined,
  failure: undefined,
  secure: undefined,
}

/** A task as it is worked with; hashes in hex. */
export interface TaskFrame {
  readonly federation: string
  readonly round: number
  readonly counted: number | null
  readonly elements: number
  readonly layoutHash: string
  readonly vectorsHash: string
  readonly hasControl: boolean
}

/** An update that lies on the disk until the server has it. */
export interface StoredUpdate extends JsonObject {
  readonly round: number
  /** Hash of the vectors that it began with. */
  readonly vectors: string
  readonly elements: number
  readonly updateBytes: number
  readonly controlBytes: number
  readonly hash: string
  readonly tokens: number
  readonly loss: number
  readonly busyMs: number
}

/**
 * What is said of an update. Where single clients are to be hidden nothing that was computed from their texts goes along: the
 * tokens are in the masked sum where they count, and the loss is needed by nobody.
 */
export function shownOf(spec: FederateSpec, kept: StoredUpdate): StoredUpdate {
  return hidesClients(spec) ? { ...kept, tokens: 0, loss: 0 } : kept
}

/** Throws PROTOCOL_MALFORMED for vectors that are not those of the task. */
export async function receiveVectors(
  stream: FramedStream,
  task: TaskFrame,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const sizeBytes = task.elements * 4 * (task.hasControl ? 2 : 1)
  const vectors = await receiveBytes(stream, ServerFrame, sizeBytes, signal)
  if (createHash('sha256').update(vectors).digest('hex') !== task.vectorsHash)
    throw new VillageError('PROTOCOL_MALFORMED', 'A message is malformed: the vectors have another hash')
  return vectors
}

/**
 * Works while the server is told that this node lives; it is told the code of a failure, which is then thrown. A server that
 * ends the stream wants the work no more, and it is aborted; when the connection is lost, the work goes on: the server will ask
 * for it again, and it is on the disk then.
 */
export async function withBeats<T>(
  stream: FramedStream,
  signals: { connection: AbortSignal; stopping: AbortSignal },
  work: (init: { signal: AbortSignal; progress: (share: number) => void }) => Promise<T>,
): Promise<T> {
  const { connection, stopping } = signals
  const ended = new AbortController()
  let share = 0
  const beat = setInterval(() => {
    if (connection.aborted) return
    stream.send(ClientFrame, { ...EMPTY_CLIENT, progress: { share } }, { signal: connection }).catch(() => {
      if (!connection.aborted) ended.abort(new VillageError('FEDERATION_ROUND_STALE'))
    })
  }, FEDERATE_BEAT_MS)
  try {
    return await work({
      signal: AbortSignal.any([stopping, ended.signal]),
      progress(done) {
        share = done
      },
    })
  } catch (error) {
    const { code } = toVillageError(error)
    if (!connection.aborted && !ended.signal.aborted)
      await stream.send(ClientFrame, { ...EMPTY_CLIENT, failure: { code } }, { signal: connection })
    throw error
  } finally {
    clearInterval(beat)
  }
}

/** Returns the code with which the server settled it: empty when it took the update. */
export async function sendUpdate(
  stream: FramedStream,
  kept: StoredUpdate,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<string> {
  const { updateBytes, controlBytes, hash, tokens, loss, busyMs } = kept
  const update = { updateBytes, controlBytes, hash: Buffer.from(hash, 'hex'), tokens, loss, busyMs }
  await stream.send(ClientFrame, { ...EMPTY_CLIENT, update }, { signal })
  await sendBytes(stream, ClientFrame, (data) => ({ ...EMPTY_CLIENT, chunk: { data } }), bytes, signal)
  const { settled } = await stream.expect(ServerFrame, { signal })
  return settled?.code ?? 'PROTOCOL_MALFORMED'
}
