/** The owner's end of `/village/jobs/1.0.0`: one worker on one stream. */
import { isErrorCode, toVillageError, VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject } from '../../json.ts'
import type { Log } from '../../log.ts'
import type { FramedStream } from '../../mesh/framed-stream.ts'
import { JOBS_LIMITS, OwnerFrame, WorkerFrame } from '../../mesh/protocols/jobs.ts'
import { createFrameSender } from './frame-sender.ts'
import type { OwnerLink, WorkerLink } from './links.ts'
import type { Owner } from './owner.ts'

/**
 * A worker that has said nothing for this long has no lease (or it would have sent heartbeats): the stream ends, and the
 * next announcement opens another.
 */
const IDLE_MS = 600_000
/** Frames that a worker may send in a second, averaged over ten. */
const FRAMES_BY_SECOND = 4_000

/** Proto3 leaves it out. */
const NO_TRACE = new Uint8Array(0)

const NO_FIELDS: OwnerFrame = { lease: undefined, revoke: undefined, settled: undefined, end: undefined }

function parseStats(bytes: Uint8Array): JsonObject {
  let stats: unknown
  try {
    stats = JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    stats = null
  }
  if (!isJsonObject(stats))
    throw new VillageError('PROTOCOL_MALFORMED', 'The statistics of a result are not JSON')
  return stats
}

function createLink(
  stream: FramedStream,
  log: Log,
  traceOf: (lease: number) => Uint8Array | null,
): WorkerLink {
  const sendFrame = createFrameSender({ log }, { stream, message: OwnerFrame })
  const send = (frame: Partial<OwnerFrame>) => void sendFrame({ ...NO_FIELDS, ...frame })
  return {
    lease(order) {
      const params = Buffer.from(JSON.stringify(order.params))
      const { lease, kind, leaseMs } = order
      send({ lease: { lease, kind, params, leaseMs, trace: traceOf(lease) ?? NO_TRACE } })
    },
    revoke: (lease, code) => send({ revoke: { lease, code } }),
    settled: (lease) => send({ settled: { lease } }),
    end(code) {
      send({ end: { code } })
      stream.close().catch((error: unknown) => log.debug({ err: error }, 'stream to worker not closed'))
    },
  }
}

function take(worker: OwnerLink, frame: WorkerFrame): void {
  if (frame.window !== undefined) worker.window(Math.min(frame.window.leases, JOBS_LIMITS.maxWindow))
  else if (frame.heartbeat !== undefined) worker.heartbeat(frame.heartbeat.leases)
  else if (frame.result !== undefined) {
    const { lease, busyMs, cid, sizeBytes, inline } = frame.result
    const output = cid === '' ? { bytes: inline } : { cid, sizeBytes }
    worker.result({ lease, busyMs, stats: parseStats(frame.result.stats), output })
  } else if (frame.failure !== undefined) {
    const { lease, code, declined } = frame.failure
    worker.failure({ lease, code: isErrorCode(code) ? code : 'INTERNAL', declined })
  } else throw new VillageError('PROTOCOL_MALFORMED', 'A frame of a worker has none of its fields')
}

/**
 * Serves a stream that a peer opened. `announced` is called when the opener is an owner that says it has work.
 * Resolves when the stream has ended.
 */
export async function serveWorker(
  components: { owner: Owner; log: Log; now: () => number },
  stream: FramedStream,
  init: {
    signal: AbortSignal
    leaseMs: number
    /** Throws for a peer that may not work. */
    admit: () => void
    announced: (openTasks: number) => void
    /** What goes along with a lease; null: nothing. */
    traceOf: (lease: number) => Uint8Array | null
  },
): Promise<void> {
  const { owner, log, now } = components
  const first = await stream.expect(WorkerFrame, { signal: init.signal })
  if (first.announce !== undefined) {
    init.announced(first.announce.openTasks)
    await stream.close()
    return
  }
  if (first.hello === undefined)
    throw new VillageError('PROTOCOL_MALFORMED', 'A stream for jobs began with neither hello nor announce')
  const link = createLink(stream, log, init.traceOf)
  let worker: (OwnerLink & { close(): void }) | undefined
  try {
    init.admit()
    worker = owner.attach({ peer: stream.peer, kinds: first.hello.kinds }, link)
    let credit = FRAMES_BY_SECOND * 10
    let lastMs = now()
    for (;;) {
      const frame = await stream.receive(WorkerFrame, {
        signal: init.signal,
        timeoutMs: Math.max(IDLE_MS, init.leaseMs),
      })
      if (frame === null) break
      credit = Math.min(FRAMES_BY_SECOND * 10, credit + ((now() - lastMs) / 1000) * FRAMES_BY_SECOND)
      lastMs = now()
      // Each lease of a heartbeat may have to be answered.
      credit -= 1 + (frame.heartbeat?.leases.length ?? 0)
      if (credit < 0) throw new VillageError('PEER_BUSY', 'A worker sends too many frames')
      take(worker, frame)
    }
    await stream.close()
  } catch (error) {
    const failure = toVillageError(error)
    if (worker === undefined) link.end(failure.code)
    else throw failure
  } finally {
    worker?.close()
  }
}
