/** One run of indexing: what is there is walked over, what changed is read, and what is gone is taken out. */
import { stat } from 'node:fs/promises'
import { toVillageError } from '../../../errors.ts'
import type { Log } from '../../../log.ts'
import type { IndexHost } from '../index/index-host.ts'
import type { Manifest } from '../index/manifest.ts'
import type { DuplicateFinder } from '../ingest/duplicate-finder.ts'
import type { Ingest } from '../ingest/ingest.ts'
import type { SourceFile } from '../ingest/parsed-file.ts'
import type { EmbedTexts } from '../vectors/embed-passages.ts'
import { decideFile } from './file-decision.ts'
import type { FileLedger, FileRow } from './file-ledger.ts'
import type { IndexCounts } from './index-counts.ts'
import type { IndexRun } from './index-run.ts'
import { createIndexWriting } from './index-writing.ts'
import { createReadDocuments, DUPLICATE, DUPLICATE_MESSAGE } from './read-documents.ts'
import { type IndexedRoot, isWithin, pathOf, type Scope, sourceIn } from './roots.ts'

export interface IndexedScope extends Scope {
  readonly include: readonly string[]
  readonly exclude: readonly string[]
  /** Only these paths, relative to the scope, and what is below them; null: everything. */
  readonly within: readonly string[] | null
}

export interface IndexWork {
  /** Id of the collection. */
  readonly collection: string
  readonly documentBase: string
  /** Of its index. */
  readonly directory: string
  readonly trigger: IndexRun['trigger']
  readonly scopes: readonly IndexedScope[]
  /** All of the collection. */
  readonly roots: readonly IndexedRoot[]
  /** Files that were sent, and are read from where they were put; they belong to no root. */
  readonly uploads: readonly SourceFile[]
  readonly language: string | null
  readonly signal: AbortSignal
}

interface Components {
  readonly ingest: Pick<Ingest, 'walk' | 'parse'>
  readonly index: Pick<IndexHost, 'add' | 'remove' | 'commit' | 'close'>
  readonly ledger: FileLedger
  readonly nearDuplicates: Pick<DuplicateFinder, 'find' | 'add' | 'remove'>
  readonly embed: EmbedTexts | null
  readonly counts: IndexCounts
  readonly log: Log
}

interface Init {
  /** Real path of the data directory, of which nothing is indexed. */
  readonly privateDirectory: string
  readonly batchChunks: number
  readonly commitEveryMs: number
  readonly now: () => number
  readonly onProgress: () => void
  readonly onCommit: (manifest: Manifest) => void
  readonly addLanguage: (language: string) => void
}

/** How often what was left out as a duplicate is looked at again within a run. */
const MAX_PASSES = 8

/** Throws what embedding, the index or the store throws, and the signal's reason; what was committed by then stays. */
export async function runIndex(components: Components, init: Init, work: IndexWork): Promise<void> {
  const { ingest, index, ledger, counts, log } = components
  const { signal, trigger, language } = work
  const reading = new Map<string, SourceFile>()

  const writing = createIndexWriting(
    { index, ledger, embed: components.embed },
    {
      ...init,
      directory: work.directory,
      onEmbedded(chunks) {
        counts.embedded += chunks
        init.onProgress()
      },
      onChunks(chunks) {
        counts.chunks += chunks
        init.onProgress()
      },
      onCommit(manifest, hashes, effects) {
        documents.settled(hashes)
        counts.added += effects.added
        counts.changed += effects.changed
        counts.removed += effects.removed
        if (manifest !== null) init.onCommit(manifest)
      },
    },
  )
  const rootBySource = new Map<string, string>()
  const documents = createReadDocuments(
    {
      ledger,
      push: writing.push,
      counts,
      nearDuplicates: components.nearDuplicates,
      addLanguage: init.addLanguage,
    },
    {
      ...work,
      rootOf: (source) => rootBySource.get(source) ?? null,
      isFile: (source) => reading.has(source),
      now: init.now,
    },
  )

  function walked(scope: IndexedScope, file: SourceFile, row: FileRow | undefined): void {
    const { source, sizeBytes } = file
    counts.files += 1
    counts.totalBytes += sizeBytes
    const decision = row?.root === scope.root.path ? decideFile(row, file, { trigger, language }) : 'read'
    if (decision === 'read') {
      reading.set(source, file)
      rootBySource.set(source, scope.root.path)
      return
    }
    counts.doneFiles += 1
    counts.doneBytes += sizeBytes
    if (decision === 'unchanged') {
      counts.unchanged += row?.documents ?? 0
      for (let index = 0; index < (row?.duplicates ?? 0); index++)
        counts.skip({ source, code: DUPLICATE, message: DUPLICATE_MESSAGE })
    } else if (row?.problem != null) counts.skip({ source, ...row.problem })
  }

  async function walk(scope: IndexedScope): Promise<void> {
    const seen = new Set<string>()
    let isComplete = false
    try {
      const { include, exclude, within } = scope
      const options = { include, exclude, signal, ...(within === null ? {} : { within }) }
      for await (const event of ingest.walk(scope.path, options)) {
        if (event.kind === 'summary') {
          counts.leave(event.summary)
          isComplete = event.isComplete
        } else if (event.kind === 'problem') {
          const source = sourceIn(scope, event.problem.source)
          seen.add(source)
          counts.skip({ ...event.problem, source })
        } else if (isWithin(init.privateDirectory, event.file.path)) {
          const source = sourceIn(scope, event.file.source)
          counts.skip({
            source,
            code: 'INDEX_PATH_REFUSED',
            message: 'It belongs to the data directory of the daemon',
          })
        } else {
          const file = { ...event.file, source: sourceIn(scope, event.file.source) }
          seen.add(file.source)
          walked(scope, file, await ledger.file(file.source))
          init.onProgress()
        }
      }
    } catch (error) {
      const { code, message } = toVillageError(error)
      if (signal.aborted || trigger === 'request' || code !== 'NOT_FOUND') throw error
      // A disk that is not mounted, a folder that was moved: what was indexed stays until somebody says otherwise.
      counts.warn(scope.prefix, message)
      log.warn({ path: scope.path, collection: work.collection }, 'watched folder is not there')
      return
    }
    if (isComplete) await forgetMissing(scope, seen)
  }

  async function forgetMissing(scope: IndexedScope, seen: ReadonlySet<string>): Promise<void> {
    const { prefix, isFile, within } = scope
    const missing: string[] = []
    for (const part of within ?? ['']) {
      const start = prefix + part
      const isInside = (source: string) =>
        source === start || (!isFile && (part === '' || source.startsWith(`${start}/`)))
      for await (const [source, row] of ledger.files(start))
        if (isInside(source) && row.root === scope.root.path && !seen.has(source)) missing.push(source)
    }
    if (missing.length > 0 && within === null && seen.size === 0 && trigger !== 'request') {
      counts.warn(prefix, 'The folder is empty: what was indexed of it stays until it is indexed by hand')
      return
    }
    for (const source of missing) await documents.forget(source)
    if (trigger !== 'request' || scope.include.length + scope.exclude.length === 0) return
    let leftOut = 0
    for (const source of missing) if (await stat(pathOf(scope.root, source)).catch(() => null)) leftOut += 1
    if (leftOut > 0)
      counts.warn(
        prefix,
        `Removed because include and exclude leave them out now: ${leftOut} (the files stay on the disk)`,
      )
  }

  async function read(files: readonly SourceFile[]): Promise<void> {
    for await (const event of ingest.parse(files, { signal })) {
      await documents.take(event)
      init.onProgress()
    }
  }

  /** Files whose content was left out because of a document that is gone now. */
  async function freedFiles(): Promise<SourceFile[]> {
    const hashes = new Set(documents.released())
    documents.released().clear()
    if (hashes.size === 0) return []
    const files: SourceFile[] = []
    for (const source of await ledger.filesWithDuplicates(hashes)) {
      const row = await ledger.file(source)
      const root = work.roots.find((one) => one.path === row?.root)
      if (root === undefined) continue
      const path = pathOf(root, source)
      const stats = await stat(path).catch(() => null)
      // One that is gone as well is missed by the next walk.
      if (stats === null || !stats.isFile()) continue
      rootBySource.set(source, root.path)
      files.push({ path, source, sizeBytes: stats.size, modifiedAtMs: Math.floor(stats.mtimeMs) })
    }
    return files
  }

  try {
    for (const scope of work.scopes) await walk(scope)
    for (const file of work.uploads) {
      counts.files += 1
      counts.totalBytes += file.sizeBytes
      reading.set(file.source, file)
    }
    counts.isCounted = true
    init.onProgress()
    await read([...reading.values()])
    await writing.finish()
    for (let pass = 1; pass < MAX_PASSES; pass++) {
      const freed = await freedFiles()
      if (freed.length === 0) break
      reading.clear()
      for (const file of freed) reading.set(file.source, file)
      counts.files += freed.length
      await read(freed)
      await writing.finish()
    }
  } catch (error) {
    await writing.abandon()
    throw error
  }
}
