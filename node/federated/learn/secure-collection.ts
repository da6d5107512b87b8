/**
 * A round with secure aggregation: the clients train, then go through the stages of a secure sum together, and the server sees the
 * sum alone. When too few stay until the end, a session with new keys begins among those that are ready again.
 */
import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { toVillageError, VillageError } from '../../errors.ts'
import type { FramedStream } from '../../mesh/framed-stream.ts'
import { publicKeyOf } from '../../mesh/membership/keys.ts'
import { ClientFrame, ServerFrame } from '../../mesh/protocols/federate.ts'
import { decodeSum } from '../privacy/fixed-point.ts'
import { secureServer } from '../privacy/secure-server.ts'
import { type ClientId, maskedBytes } from '../privacy/secure-sum.ts'
import { askToBeReady, EMPTY_SERVER, type ReceivedUpdate, type RoundTask } from './ask-client.ts'
import { factsOf, reported, sent } from './federation-record.ts'
import {
  type CollectedRound,
  learnedOf,
  missingClients,
  type RoundContext,
  roundSignalOf,
  untilAnswered,
} from './round-collection.ts'
import { BEGIN_STAGE, encodeBegin, maxStageBytes, SESSION_BYTES, secureTerms } from './secure-terms.ts'
import { writeUpdateFile } from './update-files.ts'
import { receiveBytes, sendBytes } from './vector-stream.ts'

interface ReadyClient {
  readonly peer: string
  readonly stream: FramedStream
  readonly ready: ReceivedUpdate
  /** Ends the exchange with this client: with the error that it met, or none. */
  readonly finish: (error: unknown) => void
}

const NOTHING: CollectedRound = { files: [], weights: [], summed: null }
const sumFile = (directory: string) => path.join(directory, 'update-sum.bin')
const idOf = (peer: string): ClientId => Buffer.from(publicKeyOf(peer)).toString('hex')

export async function collectSecurely(context: RoundContext, task: RoundTask): Promise<CollectedRound> {
  const { record, signal, log } = context
  const { config, current } = record()
  const { clients } = config.spec
  // Settled before a restart.
  const known = Object.keys(current!.reports).length
  if (known > 0) return { files: [sumFile(context.directory)], weights: [1], summed: known }
  const over = new AbortController()
  const roundSignal = roundSignalOf(context, over.signal)
  const ready = new Map<string, ReadyClient>()
  let waiting = Promise.withResolvers<void>()
  const asked = missingClients(context)
  const open = new Set(asked)
  const work = asked.map(async (peer) => {
    await untilAnswered(context, peer, roundSignal, () =>
      askToBeReady(context, {
        peer,
        task: { ...task, counted: factsOf(record(), peer).counted },
        signal: roundSignal,
        work: (stream, made) =>
          new Promise<void>((resolve, reject) => {
            const finish = (error: unknown) => (error === null ? resolve() : reject(error))
            ready.set(peer, { peer, stream, ready: made, finish })
            waiting.resolve()
          }),
      }),
    )
    open.delete(peer)
    waiting.resolve()
  })
  roundSignal.addEventListener('abort', () => waiting.resolve(), { once: true })
  let collected = NOTHING
  // Everybody that may still come is waited for: who is late is not in the sum.
  while (open.size > 0 && !signal.aborted) {
    const isComplete = ready.size === open.size || ready.size >= clients.target
    if (!isComplete && !roundSignal.aborted) {
      waiting = Promise.withResolvers<void>()
      await waiting.promise
      continue
    }
    const session = [...ready.values()].sort((a, b) => (a.peer < b.peer ? -1 : 1))
    ready.clear()
    if (session.length < clients.minimum) {
      for (const { finish } of session) finish(new VillageError('FEDERATION_ROUND_STALE'))
      break
    }
    try {
      collected = await runSession(context, task, session)
      break
    } catch (error) {
      const { code } = toVillageError(error)
      log.warn({ code, clients: session.length, round: task.round }, 'a secure sum failed and begins anew')
      for (const { finish } of session) finish(error)
      if (roundSignal.aborted) break
    }
  }
  over.abort(new VillageError('FEDERATION_ROUND_STALE'))
  for (const { finish } of ready.values()) finish(new VillageError('FEDERATION_ROUND_STALE'))
  await Promise.all(work)
  signal.throwIfAborted()
  return collected
}

/** Throws SECURE_SUM_TOO_FEW when too many drop out. */
async function runSession(
  context: RoundContext,
  task: RoundTask,
  session: readonly ReadyClient[],
): Promise<CollectedRound> {
  const { record, directory, signal, log, change } = context
  const { spec } = record().config
  const byId = new Map(session.map((client) => [idOf(client.peer), client]))
  const begin = { session: new Uint8Array(randomBytes(SESSION_BYTES)), clients: session.length }
  const { parameters, fixedPoint } = secureTerms(spec, task.elements, begin)
  const server = secureServer({ parameters, participants: [...byId.keys()] })
  let receivedBytes = 0
  const say = (client: ReadyClient, stage: string, bytes: Uint8Array) =>
    sendStage(client.stream, stage, bytes, signal).catch((error: unknown) => {
      // It has dropped out: nothing of it will come in the next stage.
      log.debug({ err: error, peer: client.peer }, 'a client dropped out of a secure sum')
    })
  await Promise.all(session.map((client) => say(client, BEGIN_STAGE, encodeBegin(begin))))
  for (let stage = server.stage; stage !== null; stage = server.stage) {
    const expected = stage
    const limit = expected === 'inputs' ? maskedBytes(parameters) : maxStageBytes(session.length)
    await Promise.all(
      server.awaited.map(async (id) => {
        const client = byId.get(id)!
        try {
          const bytes = await receiveStage(client.stream, expected, limit, signal)
          receivedBytes += bytes.length
          server.receive(id, bytes)
        } catch (error) {
          log.debug({ err: error, peer: client.peer, stage }, 'a client dropped out of a secure sum')
        }
      }),
    )
    const answers = server.endStage()
    await Promise.all([...answers].map(([id, bytes]) => say(byId.get(id)!, expected, bytes)))
  }
  const { sum, survivors, liars } = server.result!
  const { mean } = decodeSum(fixedPoint, sum)
  const file = sumFile(directory)
  writeUpdateFile(file, mean)
  for (const id of liars)
    log.warn({ peer: byId.get(id)?.peer, round: task.round }, 'a client lied in a secure sum')
  const counted = new Set(survivors)
  const byteShare = Math.round(receivedBytes / survivors.length)
  // All at once: a restart finds the sum with all that are in it, or nothing.
  await change((start) => {
    let after = start
    for (const id of survivors) {
      const { peer, ready } = byId.get(id)!
      const { busyMs, sentBytes } = ready
      const report = { ...learnedOf(spec, ready), busyMs, receivedBytes: byteShare, norm: 0 }
      after = reported(sent(after, sentBytes), peer, report)
    }
    return after
  })
  await Promise.all(
    session.map(async ({ peer, stream, finish }) => {
      const code = counted.has(idOf(peer)) ? '' : 'FEDERATION_ROUND_STALE'
      // Whether it hears that or not: the sum is known.
      await stream
        .send(ServerFrame, { ...EMPTY_SERVER, settled: { code } }, { signal })
        .catch(() => undefined)
      finish(null)
    }),
  )
  return { files: [file], weights: [1], summed: survivors.length }
}

async function sendStage(
  stream: FramedStream,
  stage: string,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  await stream.send(ServerFrame, { ...EMPTY_SERVER, secure: { stage, sizeBytes: bytes.length } }, { signal })
  await sendBytes(stream, ServerFrame, (data) => ({ ...EMPTY_SERVER, chunk: { data } }), bytes, signal)
}

async function receiveStage(
  stream: FramedStream,
  stage: string,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { secure } = await stream.expect(ClientFrame, { signal })
  if (secure === undefined || secure.stage !== stage || secure.sizeBytes > maxBytes)
    throw new VillageError('PROTOCOL_MALFORMED', 'A message is malformed: another stage is awaited')
  return receiveBytes(stream, ClientFrame, secure.sizeBytes, signal)
}
