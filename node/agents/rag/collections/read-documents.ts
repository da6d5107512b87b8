/**
 * The first half of a run of indexing, after the walk: what parsing gives is compared with what the ledger knows, and only what is
 * new goes on to be embedded and written.
 */
import type { DocumentFields } from '../document.ts'
import type { DuplicateFinder } from '../ingest/duplicate-finder.ts'
import type { ParsedFile, ParseEvent, SourceFile } from '../ingest/parsed-file.ts'
import { documentId } from './collection.ts'
import { isFreshAt } from './file-decision.ts'
import type { DocumentRow, FileLedger, FileRow, HashRow } from './file-ledger.ts'
import type { IndexCounts } from './index-counts.ts'
import type { IndexRun } from './index-run.ts'
import type { WriteStep } from './index-writing.ts'

export interface ReadDocuments {
  /** Takes what parsing says, in its order by file. */
  take(event: ParseEvent): Promise<void>
  /** The file is not on the disk any more. */
  forget(source: string): Promise<void>
  /** Hashes of documents that went, which others were left out for. */
  released(): Set<string>
  /** After a commit: what the ledger knows need not be remembered. */
  settled(hashes: ReadonlyMap<string, HashRow | null>): void
}

interface Components {
  readonly ledger: Pick<FileLedger, 'file' | 'documents' | 'holder'>
  readonly push: (step: WriteStep) => Promise<void>
  readonly counts: IndexCounts
  readonly nearDuplicates: Pick<DuplicateFinder, 'find' | 'add' | 'remove'>
  readonly addLanguage: (language: string) => void
}

interface Init {
  readonly documentBase: string
  readonly trigger: IndexRun['trigger']
  readonly language: string | null
  /** Of the file: an indexed root, or null. */
  readonly rootOf: (source: string) => string | null
  /** Whether a file of this source is being read. */
  readonly isFile: (source: string) => boolean
  readonly now: () => number
}

/** A file that is being read. */
interface OpenFile {
  readonly before: FileRow | undefined
  readonly documentsBefore: Map<string, DocumentRow>
  readonly seen: Set<string>
  readonly startedAtMs: number
  indexed: number
  duplicates: number
  excluded: number
  problem: FileRow['problem']
  isAnnounced: boolean
}

export const DUPLICATE = 'DUPLICATE'
export const DUPLICATE_MESSAGE = 'Another document of the collection has the same content'
const RESTORED = 'It had been removed by hand; it is indexed again because its folder was asked for'
/** Id of the document that it nearly repeats. */
const NEAR_DUPLICATE = 'nearDuplicateOf'

const mayBeIndexed = (row: DocumentRow | undefined) => row?.state === 'indexed' || row?.state === 'pending'

export function createReadDocuments(components: Components, init: Init): ReadDocuments {
  const { ledger, push, counts, nearDuplicates } = components
  const { documentBase, now } = init
  const open = new Map<string, OpenFile>()
  /** Holders that the ledger does not know yet; null: it holds no more. */
  const holders = new Map<string, HashRow | null>()
  const released = new Set<string>()

  async function openFile(source: string): Promise<OpenFile> {
    const known = open.get(source)
    if (known !== undefined) return known
    const file: OpenFile = {
      before: await ledger.file(source),
      documentsBefore: await ledger.documents(source),
      seen: new Set(),
      startedAtMs: now(),
      indexed: 0,
      duplicates: 0,
      excluded: 0,
      problem: null,
      isAnnounced: false,
    }
    open.set(source, file)
    return file
  }

  async function holderOf(hash: string): Promise<HashRow | null> {
    const known = holders.get(hash)
    return known === undefined ? ((await ledger.holder(hash)) ?? null) : known
  }

  async function setHolder(hash: string, row: HashRow | null): Promise<void> {
    holders.set(hash, row)
    if (row !== null) released.delete(hash)
    await push({ kind: 'hash', hash, row })
  }

  /** The document with this hash is no longer in the index. */
  async function release(hash: string, id: string): Promise<void> {
    const holder = await holderOf(hash)
    if (holder?.document !== id) return
    if (holder.hasDuplicates) released.add(hash)
    await setHolder(hash, null)
  }

  async function leave(
    file: string,
    id: string,
    row: DocumentRow | null,
    effect: 'removed' | null,
  ): Promise<void> {
    nearDuplicates.remove(id)
    await push({ kind: 'leave', file, id, row, effect })
  }

  function rowOf(
    source: string,
    file: OpenFile,
    at: Pick<SourceFile, 'sizeBytes' | 'modifiedAtMs'>,
  ): FileRow {
    return {
      root: init.rootOf(source),
      sizeBytes: at.sizeBytes,
      modifiedAtMs: at.modifiedAtMs,
      isSettled: false,
      isFresh: isFreshAt(at.modifiedAtMs, file.startedAtMs),
      language: init.language,
      problem: file.problem,
      documents: file.indexed,
      duplicates: file.duplicates,
      excluded: file.excluded,
    }
  }

  /** The fields of a document, with the one that it nearly repeats where there is such. Only this program says so. */
  function markedFields(id: string, { fields, signature }: ParsedFile): DocumentFields {
    const { [NEAR_DUPLICATE]: _, ...own } = fields
    nearDuplicates.remove(id)
    if (signature === null) return own
    const near = nearDuplicates.find(signature)
    nearDuplicates.add(id, signature)
    if (near === null) return own
    counts.nearDuplicates += 1
    return { ...own, [NEAR_DUPLICATE]: near.id }
  }

  async function add(
    id: string,
    parsed: ParsedFile,
    file: OpenFile,
    effect: 'added' | 'changed',
  ): Promise<void> {
    if (!file.isAnnounced) {
      file.isAnnounced = true
      await push({ kind: 'file', source: parsed.file, row: rowOf(parsed.file, file, parsed) })
    }
    const { contentHash, source, title, mediaType, sizeBytes, modifiedAtMs } = parsed
    const fields = markedFields(id, parsed)
    const language = init.language ?? parsed.language
    if (language !== null) components.addLanguage(language)
    // Those that another document was preferred to are now left out for this one.
    await setHolder(contentHash, { document: id, hasDuplicates: released.has(contentHash) })
    await push({
      kind: 'add',
      file: parsed.file,
      record: { id, source, title, language, mediaType, contentHash, sizeBytes, modifiedAtMs, fields },
      chunks: parsed.chunks.map((chunk) => ({ document: id, ...chunk })),
      effect,
    })
    file.indexed += 1
  }

  async function takeDocument(parsed: ParsedFile): Promise<void> {
    const file = await openFile(parsed.file)
    const id = documentId(documentBase, parsed.source)
    const hash = parsed.contentHash
    const before = file.documentsBefore.get(id)
    file.seen.add(id)
    for (const message of parsed.warnings) counts.warn(parsed.source, message)
    if (before?.state === 'excluded' && init.trigger !== 'request') {
      file.excluded += 1
      return
    }
    const sameWords = file.before?.language === init.language
    if (before?.state === 'indexed' && before.hash === hash && sameWords) {
      file.indexed += 1
      counts.unchanged += 1
      return
    }
    const holder = await holderOf(hash)
    if (holder !== null && holder.document !== id) {
      await takeDuplicate(id, parsed, holder, before, file)
      return
    }
    if (before !== undefined && before.hash !== hash) await release(before.hash, id)
    if (before?.state === 'excluded') counts.warn(parsed.source, RESTORED)
    await add(id, parsed, file, mayBeIndexed(before) ? 'changed' : 'added')
  }

  async function takeDuplicate(
    id: string,
    parsed: ParsedFile,
    holder: HashRow,
    before: DocumentRow | undefined,
    file: OpenFile,
  ): Promise<void> {
    const hash = parsed.contentHash
    counts.skip({
      source: parsed.source,
      code: DUPLICATE,
      message: DUPLICATE_MESSAGE,
    })
    // An uploaded one is not there to be read again when the other one goes: it leaves no trace.
    if (init.rootOf(parsed.file) === null) return
    if (!holder.hasDuplicates) await setHolder(hash, { ...holder, hasDuplicates: true })
    if (before !== undefined) await release(before.hash, id)
    await leave(parsed.file, id, { hash, state: 'duplicate' }, null)
    file.duplicates += 1
  }

  async function takeDone({ file: at, isComplete }: Extract<ParseEvent, { kind: 'done' }>): Promise<void> {
    const file = await openFile(at.source)
    open.delete(at.source)
    counts.doneFiles += 1
    counts.doneBytes += at.sizeBytes
    for (const [id, row] of file.documentsBefore) {
      if (file.seen.has(id)) continue
      // What a file that cannot be read to its end held before may still be in it: it is kept.
      if (!isComplete) {
        if (row.state === 'indexed') file.indexed += 1
        continue
      }
      await release(row.hash, id)
      await leave(at.source, id, null, mayBeIndexed(row) ? 'removed' : null)
    }
    if (isComplete && file.indexed > 0) file.problem = null
    await push({ kind: 'file', source: at.source, row: { ...rowOf(at.source, file, at), isSettled: true } })
  }

  return {
    async take(event) {
      if (event.kind === 'document') return takeDocument(event.document)
      if (event.kind === 'done') return takeDone(event)
      const { source, code, message } = event.problem
      counts.skip({ source, code, message })
      // Of the file, or of a line of it.
      const line = source.lastIndexOf('#')
      const of = init.isFile(source) || line < 0 ? source : source.slice(0, line)
      if (init.isFile(of)) (await openFile(of)).problem = { code, message }
    },
    async forget(source) {
      for (const [id, row] of await ledger.documents(source)) {
        await release(row.hash, id)
        await leave(source, id, null, mayBeIndexed(row) ? 'removed' : null)
      }
      await push({ kind: 'file', source, row: null })
    },
    released: () => released,
    settled(hashes) {
      for (const [hash, row] of hashes) if (holders.get(hash) === row) holders.delete(hash)
    },
  }
}
