/**
 * Both ends of the protocol of runs: answers what members ask and passes on what they say, and fetches what is missing here. Bounded by peer
 * in frames and bytes; every byte is checked by whom it is handed to.
 */
import { toVillageError, VillageError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import type { FramedStream } from '../../mesh/framed-stream.ts'
import type { Mesh, StreamContext } from '../../mesh/mesh.ts'
import { ROUNDS_LIMITS, ROUNDS_PROTOCOL, RoundsPage, RoundsRequest } from '../../mesh/protocols/rounds.ts'
import { createRateLimit } from '../../mesh/rate-limit.ts'
import { type CertifiedBlock, checkBlock } from '../ledger/block.ts'
import { decodeCertificate } from '../ledger/vote.ts'
import { FRAME_OVERHEAD_BYTES } from './round-links.ts'
import type { Traffic } from './traffic.ts'

/** What members may ask for and say. */
export interface RunDesk {
  announcement(run: string): Uint8Array | null
  /** What the run is traced as, or empty. */
  trace(run: string): Uint8Array
  /** Blocks as they lie on the disk, from a height on, at most so many. */
  blocks(run: string, from: number, limit: number): Promise<readonly StoredBlock[]>
  statement(peer: string, run: string, bytes: Uint8Array): void
  message(peer: string, run: string, bytes: Uint8Array): void
  tips(peer: string, tips: readonly { run: string; height: number; hash: string }[]): void
}

export interface StoredBlock {
  readonly block: Uint8Array
  readonly certificate: Uint8Array
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** Hex of a run's id from a peer. Throws PROTOCOL_MALFORMED. */
export function runOf(bytes: Uint8Array): string {
  if (bytes.byteLength !== ROUNDS_LIMITS.runBytes)
    throw new VillageError('PROTOCOL_MALFORMED', 'A run has no such id')
  return hex(bytes)
}

/** Answers one stream to its end. */
export function createRunServer(components: {
  desk: RunDesk
  traffic: Traffic
  log: Log
  now: () => number
}) {
  const { desk, traffic, now } = components
  const frames = createRateLimit({ byMinute: ROUNDS_LIMITS.framesByMinute })
  const volume = createRateLimit({ byMinute: ROUNDS_LIMITS.bytesByMinute })

  function admit(peer: string, sizeBytes: number): void {
    if (!frames.take(peer, now()) || !volume.take(peer, now())) throw new VillageError('PEER_RATE_LIMITED')
    volume.charge(peer, sizeBytes, now())
  }

  async function sendPages(stream: FramedStream, run: string, from: number, context: StreamContext) {
    const announcement = desk.announcement(run)
    for (let height = Math.max(1, from), isFirst = true; ; isFirst = false) {
      const found = announcement === null ? [] : await desk.blocks(run, height, ROUNDS_LIMITS.maxBlocksByPage)
      const blocks: StoredBlock[] = []
      let sizeBytes = 0
      for (const entry of found) {
        if (sizeBytes >= ROUNDS_LIMITS.pageBytes) break
        blocks.push(entry)
        sizeBytes += entry.block.byteLength + entry.certificate.byteLength
      }
      height += blocks.length
      const more = blocks.length < found.length || found.length === ROUNDS_LIMITS.maxBlocksByPage
      const page = {
        known: announcement === null ? 0 : 1,
        announcement: isFirst && from === 0 ? (announcement ?? new Uint8Array()) : new Uint8Array(),
        blocks,
        more,
        trace: isFirst && from === 0 ? desk.trace(run) : new Uint8Array(),
      }
      // What is served costs as much as what is sent.
      admit(context.peer, sizeBytes)
      await stream.send(RoundsPage, page, { signal: context.signal })
      if (announcement !== null)
        traffic.count(run, context.peer, 'out', RoundsPage.encode(page).byteLength + FRAME_OVERHEAD_BYTES)
      if (!more) return
    }
  }

  return async function serve(stream: FramedStream, context: StreamContext): Promise<void> {
    const { peer, signal } = context
    for (;;) {
      // Streams that say something stay open while a run is quiet, which may be for as long as a candidate takes to score.
      const request = await stream.receive(RoundsRequest, { signal, timeoutMs: IDLE_MS })
      if (request === null) return
      const sizeBytes = RoundsRequest.encode(request).byteLength + FRAME_OVERHEAD_BYTES
      admit(peer, sizeBytes)
      const { statement, message, tips, want } = request
      const named = statement?.run ?? message?.run ?? want?.run
      if (named !== undefined && desk.announcement(runOf(named)) !== null)
        traffic.count(runOf(named), peer, 'in', sizeBytes)
      if (statement !== undefined) desk.statement(peer, runOf(statement.run), statement.statement)
      if (message !== undefined) desk.message(peer, runOf(message.run), message.message)
      if (tips !== undefined)
        desk.tips(
          peer,
          tips.tips.map(({ run, height, hash }) => ({ run: runOf(run), height, hash: hex(hash) })),
        )
      if (want !== undefined) await sendPages(stream, runOf(want.run), want.from, context)
    }
  }
}

const IDLE_MS = 24 * 3_600_000

export interface FetchedPage {
  /** Empty unless the announcement was asked for. */
  readonly announcement: Uint8Array
  readonly trace: Uint8Array
  readonly blocks: readonly CertifiedBlock[]
  /** Whether another page follows. */
  readonly more: boolean
}

/** The asking side: pages of a run from a height on (0: with its announcement), each handed on before the next is asked for. */
export async function fetchPages(
  components: { mesh: Pick<Mesh, 'open'>; traffic: Traffic },
  init: { peer: string; run: string; from: number; signal: AbortSignal },
  take: (page: FetchedPage) => Promise<void>,
): Promise<void> {
  const { peer, run, from, signal } = init
  const count = (direction: 'in' | 'out', sizeBytes: number) =>
    components.traffic.count(run, peer, direction, sizeBytes + FRAME_OVERHEAD_BYTES)
  const stream = await components.mesh.open(peer, ROUNDS_PROTOCOL, { signal })
  try {
    const request = {
      statement: undefined,
      message: undefined,
      tips: undefined,
      want: { run: Buffer.from(run, 'hex'), from },
    }
    count('out', RoundsRequest.encode(request).byteLength)
    await stream.send(RoundsRequest, request, { signal })
    for (;;) {
      const page = await stream.expect(RoundsPage, { signal })
      count('in', RoundsPage.encode(page).byteLength)
      if (page.known === 0) throw new VillageError('RUN_UNKNOWN', 'The peer does not have the run')
      if (page.more && page.blocks.length === 0)
        throw new VillageError('PROTOCOL_MALFORMED', 'A peer promises blocks and sends none')
      await take({
        announcement: page.announcement,
        trace: page.trace,
        blocks: page.blocks.map(({ block, certificate }) => ({
          block: checkBlock(block),
          certificate: decodeCertificate(certificate),
        })),
        more: page.more,
      })
      if (!page.more) break
    }
    await stream.close()
  } catch (error) {
    stream.abort(toVillageError(error))
    throw error
  }
}
