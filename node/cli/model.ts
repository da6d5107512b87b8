/** `village model …` */
import path from 'node:path'
import type { Client } from '../client.ts'
import { VillageError } from '../errors.ts'
import { isJsonObject, type JsonObject } from '../json.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { optionText } from './command.ts'
import { bytes, count, facts, short, table, time } from './format.ts'
import { mergeText } from './merge-text.ts'
import {
  cardFacts,
  keptTable,
  type PortView,
  portTable,
  reportTable,
  type TensorView,
  tensorTable,
} from './model-tables.ts'
import { allPages } from './pages.ts'
import { compressionText, figure, plainText } from './result-text.ts'
import { trainingText } from './training-text.ts'

export interface ModelView {
  id: string
  cid: string
  name: string
  kind: string
  parameters: number
  sizeBytes: number
  addedAtMs: number
  source: string
  parent: string | null
  /** CID. */
  base: string | null
  notes: string[]
  shared: boolean
  report: JsonObject | null
  /** The job that made it rests on results of peers that were caught lying since. */
  doubt: { job: string; peers: string[] } | null
}

export const modelPath = (id: string) => `/api/v1/models/${encodeURIComponent(id)}`

export function modelFacts(model: ModelView): string {
  return facts([
    ['model', model.id],
    ['name', model.name],
    ['kind', model.kind],
    ['parameters', count(model.parameters)],
    ['size', bytes(model.sizeBytes)],
    ['cid', model.cid],
    ['source', model.source],
    ...(model.parent === null ? [] : ([['made from', model.parent]] as [string, string][])),
    ...(model.parent !== null || model.base === null
      ? []
      : ([['made from', model.base]] as [string, string][])),
    ['added', time(model.addedAtMs)],
    ...model.notes.map((note): [string, string] => ['note', note]),
    ...(model.shared ? ([['shared', 'with the village']] as [string, string][]) : []),
    ...(model.doubt === null
      ? []
      : ([
          [
            'doubtful',
            `job ${model.doubt.job} rests on the word of ${model.doubt.peers.map(short).join(', ')}, caught lying since: make it again`,
          ],
        ] as [string, string][])),
  ])
}

/** The id of the model that it was made from where this node has it, else the end of its CID; nothing for originals. */
function madeFrom({ parent, base }: ModelView, models: readonly ModelView[]): string {
  if (parent !== null || base === null) return parent ?? ''
  return models.find(({ cid }) => cid === base)?.id ?? short(base)
}

/** Weights alone do not run, and a packed model is what it is packed as. */
function sizes(model: ModelView): string[] {
  const [codec, bits, packed] = compression(model.report)
  const size = bytes(model.sizeBytes)
  if (model.kind === 'packed') return [codec, bits, size, '-']
  return [codec, bits, packed, model.kind === 'safetensors' ? '-' : size]
}

/** Codec, bits a weight and packed size by the report of a compressed model; dashes for any other. */
function compression(report: JsonObject | null): [string, string, string] {
  const totals = report?.totals ?? null
  if (report === null || !isJsonObject(totals)) return ['-', '-', '-']
  const packed = totals.packedBytes
  return [
    figure(report.codec),
    figure(totals.bitsPerWeight),
    typeof packed === 'number' ? bytes(packed) : '-',
  ]
}

interface SharedView {
  id: string
  name: string
  kind: string
  cid: string
  sizeBytes: number
  peers: string[]
}

async function listShared(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const { models } = await client.get<{ models: SharedView[] }>('/api/v1/shares')
  const names = models.length === 0 ? new Map<string, string>() : await memberNames(client)
  return {
    document: { models },
    text:
      models.length === 0
        ? 'No other member of the village shares a model.'
        : [
            table(
              ['ID', 'KIND', 'SIZE', 'SHARED BY', 'CID', 'NAME'],
              models.map(({ id, name, kind, cid, sizeBytes, peers }) => [
                id,
                kind,
                bytes(sizeBytes),
                peers.map((peer) => names.get(peer) ?? short(peer)).join(', '),
                short(cid),
                name,
              ]),
              // Commands take the id whole.
              { whole: [0, 2, 4] },
            ),
            ...sameIds(models),
          ].join('\n'),
  }
}

async function memberNames(client: Client): Promise<Map<string, string>> {
  const { members } = await client.get<{ members: { peer: string; name: string }[] }>('/api/v1/members')
  return new Map(members.map(({ peer, name }) => [peer, name]))
}

/** Where members share different models under one id, the CID says which is meant: it is needed whole. */
function sameIds(models: readonly SharedView[]): string[] {
  const isShared = (id: string) => models.filter((model) => model.id === id).length > 1
  return models.filter(({ id }) => isShared(id)).map(({ id, cid }) => `${id} is village:${cid}`)
}

export async function share(context: CommandContext): Promise<CommandResult> {
  const id = context.args[0] ?? ''
  const shared = context.options.stop !== true
  const client = await context.client()
  const model = await client.send<ModelView>('PUT', `${modelPath(id)}/share`, { shared })
  const { village } = await client.get<{ village: object | null }>('/api/v1/status')
  return {
    document: model,
    text: shared
      ? village === null
        ? `${model.id} is shared, but this node is in no village yet: nobody hears of it before \`village create\` or \`village join\`.`
        : `Members of this node's village can pull it: village model pull village:${model.id}`
      : `${model.id} is not shared any more.`,
  }
}

interface ModelPage {
  readonly models: readonly ModelView[]
  readonly next: string | null
}

export async function list(context: CommandContext): Promise<CommandResult> {
  if (context.options.village === true) return listShared(context)
  const client = await context.client()
  const { items: models } = await allPages(client, '/api/v1/models', (page: ModelPage) => page.models)
  return {
    document: { models },
    text:
      models.length === 0
        ? 'No models yet: village model add --embedded village-lm, or village model pull OWNER/NAME'
        : table(
            ['ID', 'KIND', 'CODEC', 'BITS/WEIGHT', 'PACKED', 'RUNNABLE', 'MADE FROM'],
            models.map((model) => [
              model.id,
              model.kind,
              ...sizes(model),
              `${madeFrom(model, models)}${model.doubt === null ? '' : ' (doubtful)'}`,
            ]),
            // Commands take the id whole.
            { whole: [0] },
          ),
  }
}

export async function add(context: CommandContext): Promise<CommandResult> {
  const file = context.args[0]
  const embedded = optionText(context, 'embedded')
  if ((file === undefined) === (embedded === null))
    throw new VillageError('USAGE', 'Give either a path or --embedded <name>')
  const { weightsOnly, adapters } = context.options
  const id = optionText(context, 'id')
  const graph = optionText(context, 'file')
  const tokenizer = optionText(context, 'tokenizer')
  const client = await context.client()
  const model = await client.send<ModelView>('POST', '/api/v1/models', {
    ...(file === undefined ? { embedded } : { path: path.resolve(file) }),
    ...(id === null ? {} : { id }),
    ...(graph === null ? {} : { file: graph }),
    ...(tokenizer === null ? {} : { tokenizer: path.resolve(tokenizer) }),
    ...(weightsOnly === true ? { weightsOnly } : {}),
    ...(adapters === false ? { adapters } : {}),
  })
  return { document: model, text: modelFacts(model) }
}

/** What the job that made the model says of it. */
const reportTexts = (report: JsonObject, tensors: readonly TensorView[]): string[] =>
  report.totals !== undefined
    ? [compressionText(report), reportTable(report), keptTable(report, tensors)]
    : report.recipe !== undefined
      ? [mergeText(report)]
      : report.config !== undefined
        ? [trainingText(report)]
        : [plainText(report)]

export async function inspect(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const given = await client.get<{
    model: ModelView
    details: { inputs: PortView[]; outputs: PortView[]; tensors: TensorView[]; card: JsonObject | null }
  }>(modelPath(context.args[0] ?? ''))
  const { report } = given.model
  const { inputs, outputs, tensors, card } = given.details
  const parts = [modelFacts(given.model), ...(card === null ? [] : [cardFacts(card)])]
  if (report !== null) parts.push(...reportTexts(report, tensors))
  // Tensors without a graph have neither.
  if (inputs.length + outputs.length > 0) parts.push(portTable(inputs, outputs))
  parts.push(tensorTable(tensors))
  return { document: given, text: parts.filter((part) => part !== '').join('\n\n') }
}

export async function unpack(context: CommandContext): Promise<CommandResult> {
  const [id = '', directory = ''] = context.args
  const client = await context.client()
  const written = await client.send<{ path: string }>('POST', `${modelPath(id)}/unpack`, {
    directory: path.resolve(directory),
    runtime: optionText(context, 'runtime') ?? 'float',
  })
  return { document: written, text: `${id} is unpacked: ${written.path}` }
}

/** Its files are kept as long as an adapter that was trained here is. */
const adapterAlone = ({ id, base }: ModelView): string =>
  `${id} is an adapter for it. To get the model back: village artifact get ${base} DIR, then village model add DIR`

export async function remove(context: CommandContext): Promise<CommandResult> {
  const id = context.args[0] ?? ''
  const client = await context.client()
  const { items: models } = await allPages(client, '/api/v1/models', (page: ModelPage) => page.models)
  await client.send('DELETE', modelPath(id))
  const removed = models.find((model) => model.id === id || model.cid === id)
  const isHeld = models.some(({ cid, id: other }) => cid === removed?.cid && other !== removed.id)
  const adapters = models.filter(({ kind, base }) => kind === 'adapter' && base === removed?.cid)
  return {
    document: { removed: id },
    text: [`${id} is forgotten.`, ...(isHeld ? [] : adapters.map(adapterAlone))].join('\n'),
  }
}
