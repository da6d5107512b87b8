import type { CommandContext, CommandResult } from './command.ts'
import { bytes, counted, duration, facts, percent } from './format.ts'

interface StatusView {
  version: string
  name: string
  peer: string
  uptimeMs: number
  dataDirectory: string
  url: string
  addresses: string[]
  compute: {
    native: boolean
    reason: string | null
    simd: string
    threads: number
    busy: number
    queued: number
  }
  village: { name: string; role: string; members: number; open: boolean; revoked: object | null } | null
  peers: number
  models: number
  jobs: { running: number; done: number; failed: number; cancelled: number }
  knowledge: {
    collections: number
    documents: number
    passages: number
    sizeBytes: number
    indexing: number
    problems: number
    heldSegments: number
    heldBytes: number
  }
  artifacts: { sizeBytes: number; maxBytes: number; sentBytes: number; receivedBytes: number }
  resources: { profile: string; accepting: boolean; reason: string | null; load: number }
}

function knowledgeLine(knowledge: StatusView['knowledge']): string {
  const { collections, documents, passages, sizeBytes, indexing, problems, heldSegments, heldBytes } =
    knowledge
  return [
    collections === 0
      ? 'no collections: `village index PATH --collection NAME` makes one'
      : `${counted(collections, 'collection')}, ${counted(documents, 'document')}, ${counted(passages, 'passage')}, ${bytes(sizeBytes)}`,
    ...(indexing > 0 ? [`${counted(indexing, 'run')} of indexing`] : []),
    ...(problems > 0 ? [`${problems} cannot be read: \`village collection list\``] : []),
    ...(heldSegments > 0 ? [`${counted(heldSegments, 'part')} held for others (${bytes(heldBytes)})`] : []),
  ].join('; ')
}

export async function status(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const node = await client.get<StatusView>('/api/v1/status')
  const { compute, village, artifacts, resources, jobs } = node
  const rows: [string, string][] = [
    ['node', `${node.name} ${node.peer}`],
    ['daemon', `${node.version}, up ${duration(node.uptimeMs)}, ${node.url}`],
    // Never into a file or a pipe: who has the token has the node.
    ...(context.columns === null ? [] : [['dashboard', client.dashboardLink] as [string, string]]),
    ['data', node.dataDirectory],
    [
      'village',
      village === null
        ? 'none: `village create NAME` or `village join INVITE`'
        : village.revoked !== null
          ? `${village.name}: this node was revoked and cannot come back; to join again, start with a new --data.dir and a new invite`
          : `${village.name} (${village.open ? 'open' : 'private'}), ${counted(village.members, 'member')}, this node is ${village.role}`,
    ],
    ['peers', `${node.peers} connected`],
    ['work', resources.accepting ? `takes work (${resources.profile})` : `paused: ${resources.reason}`],
    [
      'compute',
      `${compute.native ? `native ${compute.simd}` : `TypeScript reference (${compute.reason})`}, ${compute.busy} of ${compute.threads} threads busy, ${compute.queued} queued, machine load ${percent(resources.load)}`,
    ],
    [
      'jobs',
      `${jobs.running} running, ${jobs.done} done, ${jobs.failed} failed, ${jobs.cancelled} cancelled`,
    ],
    ['models', String(node.models)],
    ['knowledge', knowledgeLine(node.knowledge)],
    [
      'artifacts',
      `${bytes(artifacts.sizeBytes)} of ${bytes(artifacts.maxBytes)}, ${bytes(artifacts.sentBytes)} sent, ${bytes(artifacts.receivedBytes)} received`,
    ],
    ...node.addresses.map((address, index): [string, string] => [index === 0 ? 'addresses' : '', address]),
  ]
  return { document: node, text: facts(rows) }
}
