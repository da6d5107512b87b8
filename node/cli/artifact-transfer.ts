/** `village artifact get|fetch|export|import`. */
import { createReadStream, createWriteStream } from 'node:fs'
import { lstat, mkdir, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { dropAbandonedParts, partBeside } from '../abandoned-parts.ts'
import type { Client } from '../client.ts'
import { VillageError } from '../errors.ts'
import { type ArtifactView, artifactFacts } from './artifact.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { optionText } from './command.ts'
import { bytes } from './format.ts'
import { withUploadProgress } from './upload-progress.ts'

const CAR_MEDIA_TYPE = 'application/vnd.ipld.car'

/** Writes under another name and renames, so that a broken download leaves nothing that looks whole. */
export async function writeOutput(source: Readable, output: string): Promise<void> {
  if (output === '-') {
    await pipeline(source, process.stdout, { end: false })
    return
  }
  const file = path.resolve(output)
  const temporary = partBeside(file)
  await dropAbandonedParts(path.dirname(file))
  try {
    await pipeline(source, createWriteStream(temporary, { flags: 'wx' }))
    await rename(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true })
    const code = (error as NodeJS.ErrnoException).code ?? ''
    if (['ENOENT', 'EACCES', 'EROFS', 'EISDIR', 'ENOTDIR', 'EEXIST', 'EPERM'].includes(code))
      throw new VillageError('FILE_UNWRITABLE', `${file} cannot be written`, { cause: error })
    throw error
  }
}

/** Throws FILE_UNWRITABLE for what is there already; with force a file may be replaced, a directory never. */
export async function refuseExisting(file: string, force: boolean): Promise<void> {
  // What cannot be looked at is told by the write itself, with its own reason.
  const stats = await lstat(file).catch(() => null)
  if (stats === null || (force && !stats.isDirectory())) return
  const hint = stats.isDirectory() ? 'choose another name with -o' : '--force replaces it'
  throw new VillageError('FILE_UNWRITABLE', `${file} exists already; ${hint}`, { fields: { path: file } })
}

/** The daemon writes below a directory under the artifact's name; what it wrote is then given the name asked for. */
async function materializeAs(client: Client, cid: string, target: string): Promise<void> {
  const parent = path.dirname(target)
  const refuse = (error: unknown): never => {
    throw new VillageError('FILE_UNWRITABLE', `${target} cannot be written`, { cause: error })
  }
  await mkdir(parent, { recursive: true }).catch(refuse)
  await dropAbandonedParts(parent)
  const temporary = partBeside(target)
  await mkdir(temporary, { mode: 0o700 }).catch(refuse)
  try {
    const written = await client.send<{ path: string }>('POST', `/api/v1/artifacts/${cid}/materialize`, {
      directory: temporary,
    })
    await rm(target, { force: true })
    await rename(written.path, target).catch(refuse)
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}

/** A name that came from another member may not choose a folder. */
const safeName = (name: string | null, fallback: string) => {
  const base = path.basename((name ?? '').replaceAll('\\', '/'))
  return base === '' || base.startsWith('.') ? fallback : base
}

export async function get(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const cid = encodeURIComponent(context.args[0] ?? '')
  const artifact = await client.get<ArtifactView>(`/api/v1/artifacts/${cid}`)
  const output = optionText(context, 'output') ?? safeName(artifact.name, artifact.cid)
  if (output !== '-') await refuseExisting(path.resolve(output), context.options.force === true)
  if (artifact.kind === 'directory') {
    if (output === '-')
      throw new VillageError('USAGE', 'A directory cannot be written to standard output; export it')
    const target = path.resolve(output)
    await materializeAs(client, cid, target)
    return { document: { path: target, sizeBytes: artifact.sizeBytes }, text: target }
  }
  const progress = context.progress('get')
  const source = await client.download(`/api/v1/artifacts/${cid}/content`)
  await writeOutput(withUploadProgress(source, artifact.sizeBytes, progress), output)
  if (output === '-') return { document: undefined, text: '' }
  const written = path.resolve(output)
  return {
    document: { path: written, sizeBytes: artifact.sizeBytes },
    text: `${written} (${bytes(artifact.sizeBytes)})`,
  }
}

export async function fetch(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const cid = context.args[0] ?? ''
  const providers = Array.isArray(context.options.from) ? context.options.from : null
  const progress = context.progress('fetch')
  const ended = new AbortController()
  // Progress comes by events beside the request; losing it must not fail the fetch.
  const follow = async () => {
    for await (const { type, data } of client.events(['artifact:progress'], {
      lastEventId: null,
      signal: ended.signal,
    })) {
      if (type === 'artifact:progress' && data.cid === cid) {
        const doneBytes = Number(data.doneBytes)
        progress.update(doneBytes / Number(data.totalBytes), bytes(doneBytes), doneBytes)
      }
    }
  }
  const following = follow().catch(() => progress.stop())
  try {
    const artifact = await client.send<ArtifactView>(
      'POST',
      `/api/v1/artifacts/${encodeURIComponent(cid)}/fetch`,
      {
        pin: optionText(context, 'pin') ?? 'user',
        ...(providers === null ? {} : { providers }),
      },
    )
    return { document: artifact, text: artifactFacts(artifact) }
  } finally {
    ended.abort()
    await following
    progress.stop()
  }
}

export async function exportCar(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const output = optionText(context, 'output') ?? 'artifacts.car'
  const source = await client.download(
    `/api/v1/artifacts/export?cids=${context.args.map(encodeURIComponent).join(',')}`,
  )
  await writeOutput(source, output)
  if (output === '-') return { document: undefined, text: '' }
  const { size } = await stat(output)
  return {
    document: { path: path.resolve(output), sizeBytes: size, cids: context.args },
    text: `${path.resolve(output)} (${bytes(size)})`,
  }
}

export async function importCar(context: CommandContext): Promise<CommandResult> {
  const given = context.args[0] ?? ''
  const client = await context.client()
  const target = `/api/v1/artifacts/import?${new URLSearchParams({ pin: optionText(context, 'pin') ?? 'user' })}`
  let source: Readable = process.stdin
  if (given !== '-') {
    const { size } = await stat(given).catch((error: unknown) => {
      throw new VillageError('FILE_UNREADABLE', `${given} cannot be read`, { cause: error })
    })
    source = withUploadProgress(createReadStream(given), size, context.progress('import'))
  }
  const imported = await client.upload<{ artifacts: ArtifactView[] }>(target, CAR_MEDIA_TYPE, source)
  return { document: imported, text: imported.artifacts.map(artifactFacts).join('\n\n') }
}
