/**
 * The sketches of all segments that are published in the village: fetched as small artifacts when a record names them, kept in memory
 * for routing, checked against the record, and dropped with it.
 */
import { toVillageError, VillageError } from '../../../errors.ts'
import type { Log } from '../../../log.ts'
import type { Artifacts } from '../../../mesh/artifacts/artifacts.ts'
import { readSketch, type Sketch } from '../routing/read-sketch.ts'
import type { Catalogue, LiveRecord } from './catalogue.ts'
import type { RecordSegment } from './collection-record.ts'
import type { Holdings } from './holdings.ts'
import type { Offers } from './offers.ts'
import { segmentKey } from './segment-key.ts'

export interface SketchBoard {
  /** By key; null until it has come. */
  of(segment: string): Sketch | null
  /** Fetches what is lacking and drops what is not published any more. False: some could not be had. */
  sync(signal: AbortSignal): Promise<boolean>
  count(): number
  clear(): void
}

interface Components {
  readonly artifacts: Pick<Artifacts, 'fetch' | 'read'>
  readonly catalogue: Pick<Catalogue, 'live'>
  readonly holdings: Pick<Holdings, 'holdersOf'>
  readonly offers: Offers
  readonly log: Log
}

const AT_ONCE = 4
const FETCH_TIMEOUT_MS = 30_000

interface Held {
  readonly sketch: Sketch
  readonly cid: string
  readonly collection: string
}

export function createSketchBoard(components: Components, init: { maxBytes: number }): SketchBoard {
  const { artifacts, catalogue, holdings, offers, log } = components
  const board = new Map<string, Held>()
  let sizeBytes = 0

  /** Throws what a fetch throws, SKETCH_MALFORMED. */
  async function load(record: LiveRecord, segment: RecordSegment, signal: AbortSignal): Promise<void> {
    const { sketchCid, sketchBytes } = segment
    const stop = new AbortController()
    await artifacts.fetch(sketchCid, {
      providers: [record.owner, ...holdings.holdersOf(segmentKey(record.id, segment.id))],
      ...(await offers.keeping(sketchCid, record.id)),
      signal: AbortSignal.any([signal, stop.signal, AbortSignal.timeout(FETCH_TIMEOUT_MS)]),
      onProgress(_doneBytes, totalBytes) {
        if (totalBytes > sketchBytes)
          stop.abort(new VillageError('SKETCH_MALFORMED', 'A sketch is larger than its record says'))
      },
    })
    const bytes = await artifacts.read(sketchCid, { offset: 0, length: sketchBytes })
    const sketch = readSketch(bytes)
    if (sketch.chunks !== segment.chunks || sketch.totalLength !== segment.totalLength)
      throw new VillageError('SKETCH_MALFORMED', 'A sketch is of another segment than its record says')
    board.set(segmentKey(record.id, segment.id), { sketch, cid: sketchCid, collection: record.id })
    sizeBytes += sketch.sizeBytes
    offers.add(sketchCid, record.id)
  }

  async function dropOld(published: ReadonlyMap<string, unknown>): Promise<void> {
    for (const [id, held] of board) {
      if (published.has(id)) continue
      board.delete(id)
      sizeBytes -= held.sketch.sizeBytes
      await offers.withdraw(held.cid, held.collection)
    }
  }

  return {
    of: (segment) => board.get(segment)?.sketch ?? null,
    async sync(signal) {
      const published = new Map<string, { record: LiveRecord; segment: RecordSegment }>()
      for (const record of catalogue.live())
        for (const segment of record.facts.segments)
          published.set(segmentKey(record.id, segment.id), { record, segment })
      await dropOld(published)
      const lacking = [...published].flatMap(([key, one]) => (board.has(key) ? [] : [one]))
      const next = lacking[Symbol.iterator]()
      let isDone = true
      const worker = async () => {
        for (const { record, segment } of next) {
          signal.throwIfAborted()
          // Segments without one are asked blindly: memory is bounded whatever members publish.
          if (sizeBytes + segment.sketchBytes > init.maxBytes) continue
          await load(record, segment, signal).catch((error: unknown) => {
            isDone = false
            log.debug({ err: toVillageError(error), segment: segment.id }, 'a sketch could not be had')
          })
        }
      }
      await Promise.all(Array.from({ length: AT_ONCE }, worker))
      return isDone
    },
    count: () => board.size,
    clear() {
      board.clear()
      sizeBytes = 0
    },
  }
}
