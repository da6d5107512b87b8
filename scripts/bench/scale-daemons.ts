/** Real daemons over loopback that do nothing: what a node hears in a minute, and how often a member's announcement comes in. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '../../node/client.ts'
import { type LocalNode, startNode } from '../localnet.ts'
import { idleBytesByMinute, MESSAGES_BY_MINUTE } from '../scale/idle-formula.ts'
import type { BenchContext } from './bench.ts'
import { sampleOf } from './daemon.ts'

const COUNTS = [3, 8]
/** Each member says twice what it lends and once what collections it has. */
const WINDOW_MS = 60_000
/** Connections, first announcements and rosters are through. */
const SETTLE_MS = 8_000
const CONNECT_TIMEOUT_MS = 60_000
const TOLERANCE = 0.2

async function scrape(client: Client): Promise<string> {
  const response = await client.download('/metrics')
  response.setEncoding('utf8')
  let text = ''
  for await (const chunk of response) text += chunk
  return text
}

interface Reading {
  readonly bytes: number
  readonly messages: number
}

async function read(nodes: readonly LocalNode[]): Promise<Reading[]> {
  return await Promise.all(
    nodes.map(async ({ client }) => {
      const text = await scrape(client)
      const heard = (topic: string) =>
        sampleOf(text, `village_gossip_messages_total{topic="${topic}",result="accept"}`)
      return {
        bytes: sampleOf(text, 'village_mesh_received_bytes_total'),
        messages: heard('capabilities') + heard('collections'),
      }
    }),
  )
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

async function untilConnected(nodes: readonly LocalNode[], signal: AbortSignal): Promise<void> {
  const until = performance.now() + CONNECT_TIMEOUT_MS
  for (const { client } of nodes)
    for (;;) {
      const { peers } = await client.get<{ peers: unknown[] }>('/api/v1/peers')
      if (peers.length >= nodes.length - 1) break
      if (performance.now() > until) throw new Error('the daemons did not find each other')
      await sleep(200, undefined, { signal })
    }
}

export async function measureDaemons({ report, log, signal }: BenchContext): Promise<void> {
  const root = await mkdtemp(path.join(tmpdir(), 'village-scale-'))
  const nodes: LocalNode[] = []
  try {
    for (const count of COUNTS) {
      log(`${count} real daemons that do nothing, for a minute`)
      while (nodes.length < count) {
        signal.throwIfAborted()
        const node = await startNode({ directory: path.join(root, `node-${nodes.length}`) })
        nodes.push(node)
        const [first] = nodes
        if (node === first) await node.client.send('POST', '/api/v1/village', { name: 'scale' })
        else {
          const { invite } = await first!.client.send<{ invite: string }>('POST', '/api/v1/village/invites', {
            role: 'member',
            expiresInMs: 3_600_000,
            uses: 1,
          })
          await node.client.send('POST', '/api/v1/village/join', { invite })
        }
      }
      await untilConnected(nodes, signal)
      await sleep(SETTLE_MS, undefined, { signal })
      const before = await read(nodes)
      await sleep(WINDOW_MS, undefined, { signal })
      const after = await read(nodes)
      const by = (of: (reading: Reading) => number) =>
        mean(after.map((reading, index) => of(reading) - of(before[index]!)))
      report({
        case: `${count} real daemons: heard by a peer in a minute, idle`,
        value: by(({ bytes }) => bytes) / 1024,
        unit: 'KiB',
        better: 'lower',
        bar: ((1 + TOLERANCE) * idleBytesByMinute(count)) / 1024,
      })
      report({
        case: `${count} real daemons: announcements taken in by a peer in a minute`,
        value: by(({ messages }) => messages),
        unit: 'messages',
        better: 'lower',
        bar: (1 + TOLERANCE) * MESSAGES_BY_MINUTE * (count - 1),
      })
    }
  } finally {
    await Promise.all(nodes.map((node) => node.stop()))
    await rm(root, { recursive: true, force: true })
  }
}
