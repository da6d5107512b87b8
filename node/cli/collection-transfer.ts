/** `village collection export|import`. */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { VillageError } from '../errors.ts'
import { refuseExisting, writeOutput } from './artifact-transfer.ts'
import { collectionPath, needCollection } from './collection-lookup.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { optionText } from './command.ts'
import { bytes, counted } from './format.ts'
import type { CollectionView } from './knowledge-views.ts'
import { withUploadProgress } from './upload-progress.ts'

export async function exportArchive(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const info = await needCollection(client, context.args[0] ?? '')
  const output = optionText(context, 'output') ?? `${info.name}.collection.tar`
  if (output !== '-') await refuseExisting(path.resolve(output), context.options.force === true)
  const response = await client.download(`${collectionPath(info.id)}/export`)
  const sizeBytes = Number(response.headers['content-length'] ?? 0)
  await writeOutput(withUploadProgress(response, sizeBytes, context.progress('export')), output)
  if (output === '-') return { document: undefined, text: '' }
  const written = path.resolve(output)
  return { document: { path: written, sizeBytes }, text: `${written} (${bytes(sizeBytes)})` }
}

export async function importArchive(context: CommandContext): Promise<CommandResult> {
  const given = context.args[0] ?? ''
  const client = await context.client()
  const name = optionText(context, 'as')
  let source: Readable = process.stdin
  if (given !== '-') {
    const { size } = await stat(given).catch((error: unknown) => {
      throw new VillageError('FILE_UNREADABLE', `${given} cannot be read`, { cause: error })
    })
    source = withUploadProgress(createReadStream(given), size, context.progress('import'))
  }
  const query = name === null ? '' : `?${new URLSearchParams({ name })}`
  const info = await client.upload<CollectionView>(
    `/api/v1/collections/import${query}`,
    'application/octet-stream',
    source,
  )
  return {
    document: info,
    text: `${info.name}: ${counted(info.documents, 'document')}, ${counted(info.chunks, 'passage')}; private.`,
  }
}
