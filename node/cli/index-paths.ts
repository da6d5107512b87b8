/** `village index`. The daemon reads the files itself; the command makes the collection, begins, and shows how far it is. */
import { stat } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '../client.ts'
import { isErrorCode, VillageError } from '../errors.ts'
import { collectionPath, findCollection, noteUnseen } from './collection-lookup.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { optionText } from './command.ts'
import { EXIT_CODES } from './exit-codes.ts'
import { bytes, counted, duration } from './format.ts'
import { indexReport, runTable } from './index-report.ts'
import { numberOption } from './knowledge-scope.ts'
import type { CollectionView, IndexRunView } from './knowledge-views.ts'

const RETRY_MS = 1_000
const NOTE_EVERY_MS = 10_000
const SCHEME = /^[a-z][a-z0-9+.-]+:\/\//i

const listOf = (value: CommandContext['options'][string]): readonly string[] =>
  Array.isArray(value) ? (value as readonly string[]) : []

/** Absolute paths: the daemon does not know where the command was typed. Throws USAGE, FILE_UNREADABLE. */
async function pathsOf(context: CommandContext): Promise<string[]> {
  const paths: string[] = []
  for (const given of context.args) {
    if (SCHEME.test(given)) {
      paths.push(given)
      continue
    }
    const absolute = path.resolve(given)
    await stat(absolute).catch((error: unknown) => {
      throw new VillageError('FILE_UNREADABLE', `${absolute} cannot be read`, { cause: error })
    })
    paths.push(absolute)
  }
  return paths
}

/** What a new collection is made with. Throws USAGE. */
function wishesOf(context: CommandContext) {
  const { embed } = context.options
  const encoder = optionText(context, 'encoder')
  const segmentChunks = numberOption(context, 'segmentChunks')
  if (embed === false && encoder !== null)
    throw new VillageError('USAGE', 'Give one of --encoder and --no-embed')
  return {
    ...(embed === false ? { encoder: null } : encoder === null ? {} : { encoder }),
    ...(segmentChunks === null ? {} : { segmentChunks }),
  }
}

/** Makes the collection where it is not there; what is there keeps its vectors. Throws USAGE. */
async function ensureCollection(
  context: CommandContext,
  client: Client,
  name: string,
): Promise<CollectionView> {
  const access = optionText(context, 'access')
  const wishes = wishesOf(context)
  const known = await findCollection(client, name)
  if (known === null)
    return client.send('POST', '/api/v1/collections', {
      name,
      ...wishes,
      ...(access === null ? {} : { access }),
    })
  if (Object.keys(wishes).length > 0)
    throw new VillageError(
      'USAGE',
      `"${known.name}" exists: --encoder, --no-embed and --segment-chunks are for a new collection`,
    )
  if (access === null || access === known.access) return known
  return client.send('PUT', collectionPath(known.id), { access })
}

export async function index(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const cancelled = optionText(context, 'cancel')
  if (cancelled !== null) {
    const run = await client.send<IndexRunView>(
      'DELETE',
      `/api/v1/index-runs/${encodeURIComponent(cancelled)}`,
    )
    return { document: run, text: indexReport(run) }
  }
  if (context.options.list === true) {
    const { runs } = await client.get<{ runs: IndexRunView[] }>('/api/v1/index-runs')
    return { document: { runs }, text: runs.length === 0 ? 'No runs.' : runTable(runs, context.columns) }
  }
  const name = optionText(context, 'collection')
  if (name === null) throw new VillageError('USAGE', 'Name the collection: --collection NAME')
  if (context.args.length === 0) throw new VillageError('USAGE', 'Name a file or a folder')
  const paths = await pathsOf(context)
  const collection = await ensureCollection(context, client, name)
  if (optionText(context, 'access') !== null) await noteUnseen(context, client, collection.access)
  const include = listOf(context.options.include)
  const exclude = listOf(context.options.exclude)
  const language = optionText(context, 'language')
  const started = await client.send<IndexRunView>('POST', `${collectionPath(collection.id)}/index`, {
    paths,
    ...(context.options.watch === true ? { watch: true } : {}),
    ...(include.length > 0 ? { include } : {}),
    ...(exclude.length > 0 ? { exclude } : {}),
    ...(language === null ? {} : { language }),
  })
  if (context.options.background === true)
    return { document: started, text: `It goes on in the daemon: village index --list; run ${started.id}` }
  try {
    return result(context, await follow(context, client, started))
  } catch (error) {
    if (!context.signal.aborted) throw error
    throw new VillageError(
      'ABORTED',
      `Only the waiting has ended: the run goes on in the daemon; to end it: village index --cancel ${started.id}`,
    )
  }
}

function result(context: CommandContext, run: IndexRunView): CommandResult {
  if (run.state === 'failed' && run.error !== null) {
    context.note(indexReport(run))
    const { code, message } = run.error
    throw isErrorCode(code)
      ? new VillageError(code, `Indexing failed: ${message}`, { fields: { run: run.id } })
      : new VillageError('INTERNAL', `Indexing failed: ${message} (${code})`)
  }
  // Files that could not be read are told, and are no failure of the rest.
  const exitCode = run.state === 'done' ? EXIT_CODES.ok.code : EXIT_CODES.failure.code
  return { document: run, text: indexReport(run), exitCode }
}

/** How far it is: 0 to 1, and in words. */
function progressOf(run: IndexRunView, startedAtMs: number): { share: number; words: string } {
  const { files, isCounted, doneFiles, totalBytes, doneBytes, report } = run
  if (run.state === 'waiting') return { share: 0, words: 'waits for other runs' }
  if (!isCounted) return { share: 0, words: `${counted(files, 'file')} found` }
  const share = totalBytes === 0 ? 1 : doneBytes / totalBytes
  const seconds = (performance.now() - startedAtMs) / 1_000
  const passages = Math.max(report.chunks, run.embedded)
  const rate = seconds < 1 ? '' : `, ${Math.round(passages / seconds)}/s`
  const left = share < 0.02 || share >= 1 ? '' : `, ${duration((seconds * 1_000 * (1 - share)) / share)} left`
  const words = `${doneFiles} of ${counted(files, 'file')} (${bytes(totalBytes)}), ${counted(passages, 'passage')}${rate}${left}`
  return { share, words }
}

/** By the events, and by asking where some may have been missed. */
async function follow(context: CommandContext, client: Client, started: IndexRunView): Promise<IndexRunView> {
  const progress = context.progress(started.name)
  let notedAtMs = performance.now()
  const show = () => {
    const { share, words } = progressOf(run, startedAtMs)
    progress.update(share, words)
    // Where there is no bar, whoever waits for minutes reads a line now and then.
    if (process.stderr.isTTY || performance.now() - notedAtMs < NOTE_EVERY_MS) return
    notedAtMs = performance.now()
    context.note(`${run.name}: ${words}`)
  }
  const startedAtMs = performance.now()
  const read = () => client.get<IndexRunView>(`/api/v1/index-runs/${started.id}`)
  const isOpen = ({ state }: IndexRunView) => state === 'waiting' || state === 'running'
  let run = started
  let lastEventId: string | null = null
  try {
    while (isOpen(run)) {
      for await (const event of client.events(['index:changed'], { lastEventId })) {
        lastEventId = event.id
        const { type, data } = event
        if (type === 'hello' || type === 'gap') run = await read()
        else if (data.run !== started.id) continue
        else if (data.state === 'running') {
          const { files, isCounted, doneFiles, totalBytes, doneBytes, embedded, chunks } =
            data as unknown as IndexRunView['report'] & IndexRunView // the event's fields are those of the run, with the passages of its report
          run = {
            ...run,
            state: 'running',
            files,
            isCounted,
            doneFiles,
            totalBytes,
            doneBytes,
            embedded,
            report: { ...run.report, chunks },
          }
        } else run = await read()
        if (!isOpen(run)) break
        show()
      }
      // The daemon may end the stream of a slow reader; a daemon that is gone makes the next request throw.
      if (isOpen(run)) await sleep(RETRY_MS, undefined, { signal: context.signal })
    }
    show()
    return run
  } finally {
    progress.stop()
  }
}
