/** Parses batches on one process after the other and turns what comes into events; a file that ends a process is reported. */
import { VillageError } from '../../../../errors.ts'
import type { ChunkDraft, ParsedFile, ParseEvent, SourceFile } from '../parsed-file.ts'
import { type DocumentHead, decodeSignature, type ParserItem } from './messages.ts'
import type { ParserProcess } from './parser-process.ts'

/** Lends a process for one batch. */
export type WithParser = <T>(signal: AbortSignal, use: (parser: ParserProcess) => Promise<T>) => Promise<T>

/** Puts the items of a batch together to events. */
function createAssembler(batch: readonly SourceFile[], push: (event: ParseEvent) => Promise<void>) {
  let open: { head: DocumentHead; chunks: ChunkDraft[]; chunkCount: number } | null = null
  let documents = 0

  async function closeDocument(file: SourceFile): Promise<void> {
    if (open === null || open.chunks.length < open.chunkCount) return
    const { head, chunks } = open
    open = null
    const isOfFile = head.source === file.source || head.source.startsWith(`${file.source}#`)
    const isInOrder = chunks.every((chunk, i) => chunk.ordinal === i)
    if (!isOfFile || !isInOrder || chunks.length === 0)
      throw new VillageError('INTERNAL', 'A parser process mixed up its documents.')
    documents++
    const signature = decodeSignature(head.signature)
    const document: ParsedFile = { ...head, file: file.source, chunks, signature }
    await push({ kind: 'document', document })
  }

  async function take(item: ParserItem): Promise<void> {
    const file = batch[item.file]!
    if (item.kind === 'document') open = { head: item.head, chunks: [], chunkCount: item.chunkCount }
    else if (item.kind === 'chunks') {
      open?.chunks.push(...item.chunks)
      await closeDocument(file)
    } else if (item.kind === 'problem') {
      const { source, code, message } = item
      await push({ kind: 'problem', problem: { source, code, message } })
    } else {
      open = null
      await push({ kind: 'done', file, documents, isComplete: item.isComplete })
      documents = 0
    }
  }

  /** `documents`: how many there were of the file that has not ended. */
  return { take, documents: () => documents }
}

/**
 * Every file of the batch ends with its `done`. When the process dies in a file of which nothing was taken, the files that are left
 * go each by itself, so that the one that is to blame is named and the others are not lost.
 */
export async function parseBatch(
  batch: readonly SourceFile[],
  withParser: WithParser,
  push: (event: ParseEvent) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const pending: (readonly SourceFile[])[] = [batch]
  for (let files = pending.shift(); files !== undefined; files = pending.shift()) {
    const current = files
    const assembler = createAssembler(current, push)
    const toParse = current.map(({ path, source }) => ({ path, source }))
    const end = await withParser(signal, (parser) => parser.run(toParse, assembler.take, signal))
    if (end.kind === 'done') continue
    const rest = current.slice(end.file)
    const [first, ...others] = rest
    if (first === undefined) continue
    const isRetried = current.length > 1 && !end.isStarted
    if (!isRetried) {
      await push({ kind: 'problem', problem: { source: first.source, code: end.code, message: end.message } })
      await push({ kind: 'done', file: first, documents: assembler.documents(), isComplete: false })
    }
    for (const file of isRetried ? rest : others) pending.push([file])
  }
}
