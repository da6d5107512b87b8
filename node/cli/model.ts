/** `village model …` */
import path from 'node:path'
import { VillageError } from '../errors.ts'
import type { JsonObject } from '../json.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { optionText } from './command.ts'
import { bytes, count, facts, table, time } from './format.ts'

interface ModelView {
  id: string
  cid: string
  name: string
  kind: string
  parameters: number
  sizeBytes: number
  addedAtMs: number
  source: string
  parent: string | null
  report: JsonObject | null
}

const modelPath = (id: string) => `/api/v1/models/${encodeURIComponent(id)}`

function modelFacts(model: ModelView): string {
  return facts([
    ['model', model.id],
    ['name', model.name],
    ['kind', model.kind],
    ['parameters', count(model.parameters)],
    ['size', bytes(model.sizeBytes)],
    ['cid', model.cid],
    ['source', model.source],
    ...(model.parent === null ? [] : ([['made from', model.parent]] as [string, string][])),
    ['added', time(model.addedAtMs)],
  ])
}

export async function list(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const { models } = await client.get<{ models: ModelView[] }>('/api/v1/models')
  return {
    document: { models },
    text:
      models.length === 0
        ? 'No models yet: village model add --embedded encoder'
        : table(
            ['ID', 'KIND', 'PARAMETERS', 'SIZE', 'MADE FROM', 'ADDED'],
            models.map((model) => [
              model.id,
              model.kind,
              count(model.parameters),
              bytes(model.sizeBytes),
              model.parent ?? '',
              time(model.addedAtMs),
            ]),
          ),
  }
}

export async function add(context: CommandContext): Promise<CommandResult> {
  const file = context.args[0]
  const embedded = optionText(context, 'embedded')
  if ((file === undefined) === (embedded === null))
    throw new VillageError('USAGE', 'Give either a path or --embedded encoder')
  const id = optionText(context, 'id')
  const client = await context.client()
  const model = await client.send<ModelView>('POST', '/api/v1/models', {
    ...(file === undefined ? { embedded } : { path: path.resolve(file) }),
    ...(id === null ? {} : { id }),
  })
  return { document: model, text: modelFacts(model) }
}

/** A tensor list is for --json when it is long: people get the largest. */
const SHOWN_TENSORS = 20

export async function inspect(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const given = await client.get<{ model: ModelView; details: JsonObject }>(modelPath(context.args[0] ?? ''))
  const tensors = (Array.isArray(given.details.tensors) ? given.details.tensors : []) as JsonObject[]
  const largest = [...tensors]
    .sort((a, b) => Number(b.bytes ?? 0) - Number(a.bytes ?? 0))
    .slice(0, SHOWN_TENSORS)
  const cell = (value: unknown) =>
    Array.isArray(value) ? value.join('×') : value === null || value === undefined ? '' : String(value)
  const parts = [modelFacts(given.model)]
  if (largest.length > 0)
    parts.push(
      table(
        ['TENSOR', 'SHAPE', 'TYPE', 'SIZE', 'CODEC', 'BITS'],
        largest.map((tensor) => [
          cell(tensor.name),
          cell(tensor.shape),
          cell(tensor.dtype),
          bytes(Number(tensor.bytes ?? 0)),
          cell(tensor.codec),
          cell(tensor.bits),
        ]),
      ),
    )
  if (tensors.length > largest.length)
    parts.push(`and ${tensors.length - largest.length} smaller tensors (--json has them all)`)
  return { document: given, text: parts.join('\n\n') }
}

export async function remove(context: CommandContext): Promise<CommandResult> {
  const id = context.args[0] ?? ''
  await (await context.client()).send('DELETE', modelPath(id))
  return { document: { removed: id }, text: `${id} is forgotten.` }
}
