/** Folders in, chunked documents out. Files are parsed in processes of their own, with limits on memory and time. */
import { availableParallelism } from 'node:os'
import { VillageError } from '../../../errors.ts'
import type { Service } from '../../../lifecycle.ts'
import type { Log } from '../../../log.ts'
import { type ChunkOptions, DEFAULT_CHUNKING } from './chunk.ts'
import { DEFAULT_PARSE_LIMITS, type ParseLimits } from './formats/format.ts'
import type { ParseEvent, SourceFile, WalkEvent } from './parsed-file.ts'
import { createBatches } from './parser/batches.ts'
import { createBoundedQueue } from './parser/bounded-queue.ts'
import type { ParserSettings } from './parser/messages.ts'
import { parseBatch } from './parser/parse-lane.ts'
import { createParserPool } from './parser/parser-pool.ts'
import { type WalkOptions, walkFiles } from './walk.ts'

export interface IngestInit {
  /** A larger file is reported as FILE_TOO_LARGE; 64 MiB if absent. */
  readonly maxFileBytes?: number
  /** The same for formats that are read in pieces (.txt, .jsonl, .csv and the like); 4 GiB if absent. */
  readonly maxStreamedBytes?: number
  /** Of one parser process, with its buffers; 768 MiB if absent. */
  readonly parserMemoryBytes?: number
  /** A file that makes no progress for so long is given up; 60 s if absent. */
  readonly parserTimeoutMs?: number
  /** Processes at once; if absent one for every two cores, at most four. */
  readonly parsers?: number
  /** A process with nothing to do for this long ends; 30 s if absent. */
  readonly idleMs?: number
  /** 220 words of which 40 repeat if absent. */
  readonly chunking?: ChunkOptions
  readonly limits?: ParseLimits
  /** The module that a parser process runs, for tests. */
  readonly parserUrl?: URL
}

export interface Ingest extends Service {
  /**
   * The files under a folder (or the one file that `root` names) that can be parsed, in a steady order. Throws NOT_FOUND where
   * there is no such path; whatever else is wrong is a problem in the stream.
   */
  walk(root: string, options: WalkOptions): AsyncIterable<WalkEvent>
  /**
   * Reads files and cuts them into chunks; each ends with `done`. Takes as much as the caller takes: a file of any size
   * passes in bounded memory. With several parsers files come out of order and interleaved.
   */
  parse(
    files: AsyncIterable<SourceFile> | Iterable<SourceFile>,
    options: { signal: AbortSignal },
  ): AsyncIterable<ParseEvent>
}

const MIB = 2 ** 20
const DEFAULT_MAX_FILE_BYTES = 64 * MIB
const DEFAULT_MAX_STREAMED_BYTES = 4096 * MIB
const DEFAULT_PARSER_MEMORY_BYTES = 768 * MIB
const DEFAULT_PARSER_TIMEOUT_MS = 60_000
const DEFAULT_IDLE_MS = 30_000
const MAX_PARSERS = 4
/** Chunks that wait for the caller: a few MiB of text. Every event counts as one at least. */
const QUEUE_CHUNKS = 2_000

function chunksOf(event: ParseEvent): number {
  return event.kind === 'document' ? event.document.chunks.length : 1
}

export function createIngest(components: { log: Log }, init: IngestInit = {}): Ingest {
  const parsers = init.parsers ?? Math.max(1, Math.min(MAX_PARSERS, availableParallelism() >> 1))
  const settings: ParserSettings = {
    maxFileBytes: init.maxFileBytes ?? DEFAULT_MAX_FILE_BYTES,
    maxStreamedBytes: init.maxStreamedBytes ?? DEFAULT_MAX_STREAMED_BYTES,
    chunking: init.chunking ?? DEFAULT_CHUNKING,
    limits: init.limits ?? DEFAULT_PARSE_LIMITS,
    memoryBytes: init.parserMemoryBytes ?? DEFAULT_PARSER_MEMORY_BYTES,
  }
  const pool = createParserPool(components, {
    settings,
    parsers,
    timeoutMs: init.parserTimeoutMs ?? DEFAULT_PARSER_TIMEOUT_MS,
    idleMs: init.idleMs ?? DEFAULT_IDLE_MS,
    ...(init.parserUrl === undefined ? {} : { entryUrl: init.parserUrl }),
  })
  const stopping = new AbortController()

  async function* parse(
    files: AsyncIterable<SourceFile> | Iterable<SourceFile>,
    options: { signal: AbortSignal },
  ): AsyncGenerator<ParseEvent> {
    const leave = new AbortController()
    const signal = AbortSignal.any([options.signal, stopping.signal, leave.signal])
    const batches = createBatches(files)
    const queue = createBoundedQueue<ParseEvent>(QUEUE_CHUNKS, chunksOf)

    async function lane(): Promise<void> {
      for (;;) {
        signal.throwIfAborted()
        const batch = await batches.next()
        if (batch.length === 0) return
        await parseBatch(batch, pool.use, queue.push, signal)
      }
    }

    const fail = (error: unknown) => {
      leave.abort(error)
      queue.end(error)
    }
    // All of them end before the queue does: nothing goes on behind the caller's back.
    const lanes = Promise.all(Array.from({ length: parsers }, () => lane().catch(fail))).then(() =>
      queue.end(),
    )
    try {
      for (let event = await queue.shift(); event !== undefined; event = await queue.shift()) yield event
    } finally {
      // The caller may have left early.
      leave.abort(new VillageError('ABORTED'))
      queue.end()
      await lanes
      await batches.close()
    }
  }

  return {
    name: 'ingest',
    async start() {},
    async stop() {
      stopping.abort(new VillageError('SHUTTING_DOWN'))
      await pool.stop()
    },
    walk: walkFiles,
    parse,
  }
}
