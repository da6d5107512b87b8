/** The worker's end of `/village/jobs/1.0.0`: asks one owner for work until the owner has none or the way is lost. */
import { type ErrorCode, isErrorCode, VillageError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import type { FramedStream } from '../../mesh/framed-stream.ts'
import { JOBS_LIMITS, OwnerFrame, WorkerFrame } from '../../mesh/protocols/jobs.ts'
import { createFrameSender } from './frame-sender.ts'
import type { OwnerConnection } from './links.ts'
import type { Worker } from './worker.ts'

const NO_FIELDS: WorkerFrame = {
  announce: undefined,
  hello: undefined,
  window: undefined,
  heartbeat: undefined,
  result: undefined,
  failure: undefined,
}

export const workerFrame = (frame: Partial<WorkerFrame>): WorkerFrame => ({ ...NO_FIELDS, ...frame })

/** The owner pushes: it may have nothing to say for hours, and ends the stream when it wants to. */
const NO_TIMEOUT_MS = 2 ** 31 - 1

interface Components {
  readonly worker: Worker
  readonly artifacts: Pick<Artifacts, 'addBytes' | 'unpin'>
  readonly log: Log
}

function createConnection(components: Components, stream: FramedStream): OwnerConnection {
  const { artifacts, log } = components
  const owner = stream.peer
  /** Outputs kept for the owner, by lease. */
  const kept = new Map<number, string>()
  const sendFrame = createFrameSender({ log }, { stream, message: WorkerFrame })
  const send = (frame: Partial<WorkerFrame>) => sendFrame(workerFrame(frame))
  const pinOf = (lease: number) => `work:${owner}:${lease}`
  return {
    owner,
    own: false,
    window: (leases) => void send({ window: { leases: Math.min(leases, JOBS_LIMITS.maxWindow) } }),
    heartbeat: (leases) =>
      void send({
        heartbeat: { leases: leases.slice(0, JOBS_LIMITS.maxWindow).map((lease) => ({ ...lease })) },
      }),
    failure: ({ lease, code, declined }) => void send({ failure: { lease, code, declined } }),
    async deliver({ lease, busyMs, output }) {
      const stats = Buffer.from(JSON.stringify(output.stats))
      const sizeBytes = output.bytes.byteLength
      if (sizeBytes <= JOBS_LIMITS.maxInlineBytes) {
        await send({ result: { lease, stats, inline: output.bytes, cid: '', sizeBytes, busyMs } })
        return
      }
      const { cid } = await artifacts.addBytes(output.bytes, { pin: pinOf(lease) })
      kept.set(lease, cid)
      await send({ result: { lease, stats, inline: new Uint8Array(0), cid, sizeBytes, busyMs } })
    },
    release(lease) {
      const cid = kept.get(lease)
      kept.delete(lease)
      if (cid !== undefined)
        artifacts
          .unpin(cid, pinOf(lease))
          .catch((error: unknown) => log.debug({ err: error, cid }, 'output not unpinned'))
    },
  }
}

/** Works for the owner at the other end; resolves with the code that it ended the stream with ('' when it is done). */
export async function workFor(
  components: Components,
  stream: FramedStream,
  init: { version: string; signal: AbortSignal },
): Promise<ErrorCode | ''> {
  const { worker } = components
  const { signal } = init
  await stream.send(
    WorkerFrame,
    workerFrame({ hello: { version: init.version, kinds: [...worker.kinds] } }),
    { signal },
  )
  const link = worker.attach(createConnection(components, stream))
  try {
    for (;;) {
      const frame = await stream.receive(OwnerFrame, { signal, timeoutMs: NO_TIMEOUT_MS })
      if (frame === null) return ''
      if (frame.end !== undefined) {
        await stream.close()
        return isErrorCode(frame.end.code) ? frame.end.code : ''
      }
      if (frame.lease !== undefined) {
        const { lease, kind, params, leaseMs, trace } = frame.lease
        link.lease({ lease, kind, params: parseParams(params), leaseMs: clampLease(leaseMs), trace })
      } else if (frame.revoke !== undefined) link.revoke(frame.revoke.lease, 'LEASE_REVOKED')
      else if (frame.settled !== undefined) link.settled(frame.settled.lease)
      else throw new VillageError('PROTOCOL_MALFORMED', 'A frame of an owner has none of its fields')
    }
  } finally {
    link.end('')
  }
}

/** An owner that asks for a heartbeat every millisecond would get a flood. */
const clampLease = (leaseMs: number) => Math.min(3_600_000, Math.max(500, leaseMs))

/** The task kind says what is wrong with parameters that are not even JSON. */
function parseParams(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    return null
  }
}
