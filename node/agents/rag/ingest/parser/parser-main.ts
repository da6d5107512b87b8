/** The entry of a parser process (parser-process.ts starts it). It may read files, and has no other rights. */
import { Worker } from 'node:worker_threads'
import type { ChunkDraft } from '../parsed-file.ts'
import type { FromParser, ParserItem, ParserSettings, ToParser } from './messages.ts'
import { createFileParser } from './parse-file.ts'
import type { WatchdogData } from './watchdog.ts'

/** A message is sent when it has so much text, so many items, or at last after so long. */
const MESSAGE_CHARACTERS = 512 * 1024
const MESSAGE_ITEMS = 256
const MESSAGE_MS = 200
/** Messages that the other side has not taken yet: one on its way while another is worked on. */
const MAX_UNTAKEN = 2

let untaken = 0
let onTaken: (() => void) | null = null
let items: ParserItem[] = []
let characters = 0
let sentAtMs = performance.now()

/** Resolves when the operating system has it: what was found before a file that hangs must not be lost with it. */
function send(message: FromParser): Promise<void> {
  return new Promise((resolve) => process.send!(message, () => resolve()))
}

async function flush(): Promise<void> {
  if (items.length === 0) return
  const message: FromParser = { type: 'results', items }
  items = []
  characters = 0
  sentAtMs = performance.now()
  while (untaken >= MAX_UNTAKEN)
    await new Promise<void>((resolve) => {
      onTaken = resolve
    })
  untaken++
  await send(message)
}

async function add(item: ParserItem, length: number): Promise<void> {
  items.push(item)
  characters += length
  if (characters >= MESSAGE_CHARACTERS || items.length >= MESSAGE_ITEMS) await flush()
}

/** Chunks of a document in pieces of about a message. */
async function addChunks(file: number, chunks: readonly ChunkDraft[]): Promise<void> {
  let held: ChunkDraft[] = []
  let length = 0
  for (const chunk of chunks) {
    held.push(chunk)
    length += chunk.text.length + 200
    if (length < MESSAGE_CHARACTERS && held.length < MESSAGE_ITEMS) continue
    await add({ kind: 'chunks', file, chunks: held }, length)
    held = []
    length = 0
  }
  if (held.length > 0) await add({ kind: 'chunks', file, chunks: held }, length)
}

let settings: ParserSettings | null = null

async function parseFiles(message: Extract<ToParser, { type: 'files' }>): Promise<void> {
  for (const [index, file] of message.files.entries()) {
    const parse = createFileParser(settings!, {
      async document(head, chunks) {
        await add({ kind: 'document', file: index, head, chunkCount: chunks.length }, 1000)
        await addChunks(index, chunks)
      },
      problem: (source, code, text) =>
        add({ kind: 'problem', file: index, source, code, message: text }, 500),
    })
    const isComplete = await parse(file)
    await add({ kind: 'done', file: index, isComplete }, 100)
    if (performance.now() - sentAtMs > MESSAGE_MS) await flush()
  }
  await flush()
}

let work: Promise<void> = Promise.resolve()
process.on('message', (message: ToParser) => {
  if (message.type === 'start') {
    settings = message.settings
    const workerData: WatchdogData = { parent: process.ppid, memoryBytes: message.settings.memoryBytes }
    new Worker(new URL('./watchdog.ts', import.meta.url), { workerData }).unref()
    void send({ type: 'ready' })
  } else if (message.type === 'taken') {
    untaken--
    onTaken?.()
    onTaken = null
  } else work = work.then(() => parseFiles(message))
})
// The daemon is gone.
process.on('disconnect', () => process.exit(0))
