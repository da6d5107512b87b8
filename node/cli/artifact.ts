/** `village artifact list|add|pin|unpin|rm|gc`; moving bytes out and between nodes is in artifact-transfer.ts. */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import path from 'node:path'
import { VillageError } from '../errors.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { optionText } from './command.ts'
import { bytes, facts, table, time } from './format.ts'
import { allPages } from './pages.ts'
import { withUploadProgress } from './upload-progress.ts'

export interface ArtifactView {
  cid: string
  sizeBytes: number
  name: string | null
  kind: 'file' | 'directory'
  pins: string[]
  addedAtMs: number
  complete: boolean
}

const DEFAULT_PIN = 'user'

export function artifactFacts(artifact: ArtifactView): string {
  return facts([
    ['cid', artifact.cid],
    ['name', artifact.name ?? ''],
    ['kind', artifact.kind],
    ['size', bytes(artifact.sizeBytes)],
    ['pins', artifact.pins.join(', ') || 'none: it will be collected'],
  ])
}

interface ArtifactPage {
  readonly artifacts: readonly ArtifactView[]
  readonly usage: { readonly sizeBytes: number; readonly maxBytes: number }
  readonly next: string | null
}

export async function list(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const { items, last } = await allPages(client, '/api/v1/artifacts', (page: ArtifactPage) => page.artifacts)
  const { usage } = last
  const given = { artifacts: items, usage }
  const named = given.artifacts.filter(({ name }) => name !== null && name !== '')
  const nameless = given.artifacts.filter((artifact) => !named.includes(artifact))
  const hidden =
    context.options.all === true ? [] : nameless.filter(({ pins }) => !pins.includes(DEFAULT_PIN))
  const artifacts = [...named, ...nameless.filter((artifact) => !hidden.includes(artifact))]
  return {
    document: given,
    text: [
      ...(artifacts.length === 0
        ? []
        : [
            table(
              ['CID', 'SIZE', 'NAME', 'PINS', 'ADDED'],
              artifacts.map((artifact) => [
                artifact.cid,
                `${bytes(artifact.sizeBytes)}${artifact.complete ? '' : ' (partial)'}`,
                `${artifact.name ?? ''}${artifact.kind === 'directory' ? '/' : ''}`,
                artifact.pins.join(','),
                time(artifact.addedAtMs),
              ]),
              // A CID that is cut short is of no use: these lines may be longer than others.
              { columns: context.columns === null ? Number.POSITIVE_INFINITY : 110, whole: [0] },
            ),
          ]),
      ...(hidden.length === 0 ? [] : [`${hidden.length} without a name not shown: --all lists them`]),
      `${given.artifacts.length} ${given.artifacts.length === 1 ? 'artifact' : 'artifacts'}, ${bytes(usage.sizeBytes)} of ${bytes(usage.maxBytes)}`,
    ].join('\n'),
  }
}

function query(
  context: CommandContext,
  names: readonly string[],
  defaults: Record<string, string> = {},
): string {
  const given = new URLSearchParams(defaults)
  for (const name of names) {
    const value = optionText(context, name)
    if (value !== null) given.set(name, value)
  }
  return given.size === 0 ? '' : `?${given}`
}

export async function add(context: CommandContext): Promise<CommandResult> {
  const given = context.args[0] ?? ''
  const client = await context.client()
  let artifact: ArtifactView
  if (given === '-')
    artifact = await client.upload(
      `/api/v1/artifacts${query(context, ['name', 'pin'], { pin: DEFAULT_PIN })}`,
      'application/octet-stream',
      process.stdin,
    )
  else {
    const file = path.resolve(given)
    const stats = await stat(file).catch((error: unknown) => {
      throw new VillageError('FILE_UNREADABLE', `${file} cannot be read`, { cause: error })
    })
    const name = optionText(context, 'name') ?? path.basename(file)
    const pin = optionText(context, 'pin') ?? DEFAULT_PIN
    artifact = stats.isDirectory()
      ? await client.send('POST', '/api/v1/artifacts/path', { path: file, name, pin })
      : await client.upload(
          `/api/v1/artifacts?${new URLSearchParams({ name, pin })}`,
          'application/octet-stream',
          withUploadProgress(createReadStream(file), stats.size, context.progress('add')),
        )
  }
  return { document: artifact, text: artifactFacts(artifact) }
}

const pinPath = (context: CommandContext) =>
  `/api/v1/artifacts/${encodeURIComponent(context.args[0] ?? '')}/pins/${encodeURIComponent(context.args[1] ?? DEFAULT_PIN)}`

export async function pin(context: CommandContext): Promise<CommandResult> {
  await (await context.client()).send('PUT', pinPath(context))
  return { document: { pinned: context.args[0] }, text: 'Pinned.' }
}

export async function unpin(context: CommandContext): Promise<CommandResult> {
  await (await context.client()).send('DELETE', pinPath(context))
  return { document: { unpinned: context.args[0] }, text: 'Unpinned.' }
}

export async function remove(context: CommandContext): Promise<CommandResult> {
  const cid = context.args[0] ?? ''
  const force = context.options.force === true ? '?force=true' : ''
  await (await context.client()).send('DELETE', `/api/v1/artifacts/${encodeURIComponent(cid)}${force}`)
  return { document: { removed: cid }, text: `${cid} is removed from this node.` }
}

export async function collect(context: CommandContext): Promise<CommandResult> {
  const freed = await (await context.client()).send<{ removedBlocks: number; freedBytes: number }>(
    'POST',
    '/api/v1/artifacts/gc',
  )
  return { document: freed, text: `${freed.removedBlocks} blocks removed, ${bytes(freed.freedBytes)} freed.` }
}
