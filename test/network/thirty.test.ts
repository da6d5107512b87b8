/**
 * Thirty whole daemons in one process (API, store, artifacts, jobs, mesh): all join one village with one invite at the same
 * moment, through their HTTP APIs, and every gossip message reaches all.
 */
// own process: it measures the memory of thirty daemons
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Client, createClient, findDaemon } from '../../node/client.ts'
import { DEFAULT_CONFIG } from '../../node/config.ts'
import { createDaemon, type Daemon } from '../../node/daemon.ts'
import { temporaryDirectory, until } from '../helpers/mesh.ts'

const DAEMONS = 30
const ROUNDS = 2
const TOPIC = 'thirty'
const WAIT_MS = 120_000

interface Node {
  readonly daemon: Daemon
  readonly client: Client
}

const daemons: Daemon[] = []
const ended = new AbortController()
let root = ''

test.after(async () => {
  ended.abort()
  await Promise.all(daemons.map((daemon) => daemon.stop()))
  await rm(root, { recursive: true, force: true })
})

async function startDaemon(index: number, listen: (daemon: Daemon) => void): Promise<Node> {
  const directory = path.join(root, `node-${index}`)
  const daemon = await createDaemon({
    ...DEFAULT_CONFIG,
    'data.dir': directory,
    'node.name': `node-${index}`,
    'log.level': 'silent',
    'api.port': 0,
    'mesh.listen': ['/ip4/127.0.0.1/tcp/0'],
    'mesh.mdns': false,
  })
  daemons.push(daemon)
  listen(daemon)
  await daemon.start()
  const { url, token } = await findDaemon(directory)
  return { daemon, client: createClient({ url, token, directory, signal: ended.signal }) }
}

test('thirty daemons join, agree and hear every message', async () => {
  root = await temporaryDirectory()
  const heard = new Map<string, Set<string>>()
  const rssBefore = process.memoryUsage().rss
  const started = performance.now()
  const nodes: Node[] = []
  for (let index = 0; index < DAEMONS; index++)
    nodes.push(
      await startDaemon(index, ({ mesh }) =>
        mesh.subscribe(TOPIC, {
          maxBytes: 256,
          validate: () => 'accept',
          handle: (bytes, from) => heard.get(`${from} ${Buffer.from(bytes)}`)?.add(mesh.peerId),
        }),
      ),
    )
  const seconds = (since: number) => ((performance.now() - since) / 1_000).toFixed(1)
  const ready = seconds(started)
  const [founder, ...others] = nodes as [Node, ...Node[]]
  await founder.client.send('POST', '/api/v1/village', { name: 'thirty' })
  const { invite } = await founder.client.send<{ invite: string }>('POST', '/api/v1/village/invites', {
    role: 'member',
    expiresInMs: 600_000,
    uses: others.length,
  })
  const joining = performance.now()
  await Promise.all(others.map(({ client }) => client.send('POST', '/api/v1/village/join', { invite })))
  const joined = seconds(joining)
  const all = (holds: (daemon: Daemon) => boolean) => () => daemons.every(holds)
  await until(
    'all rosters are equal',
    all(({ village }) => village()?.members === DAEMONS),
    WAIT_MS,
  )
  const agreed = seconds(joining)
  await until(
    'all have neighbours',
    all(({ mesh }) => mesh.peers().length >= 4),
    WAIT_MS,
  )
  const connected = seconds(joining)
  const megabytes = (process.memoryUsage().rss - rssBefore) / DAEMONS / 2 ** 20
  console.log(
    `${DAEMONS} daemons: started in ${ready} s, joined after ${joined} s, rosters equal after ${agreed} s, ` +
      `connected after ${connected} s, ${megabytes.toFixed(1)} MiB of memory a daemon`,
  )
  // A message goes to those who are known to listen: subscriptions travel after the connection is made.
  await Promise.all(
    daemons.map(async ({ mesh }) => {
      while ((await mesh.publish(TOPIC, Buffer.from('ready?'))) < 3)
        await new Promise((resolve) => setTimeout(resolve, 200))
    }),
  )
  const messaging = performance.now()
  for (let round = 0; round < ROUNDS; round++)
    for (const { mesh } of daemons) {
      const bytes = Buffer.from(`round ${round}`)
      heard.set(`${mesh.peerId} ${bytes}`, new Set())
      await mesh.publish(TOPIC, bytes)
    }
  const arrived = () => [...heard.values()].reduce((sum, receivers) => sum + receivers.size, 0)
  await until('every message reached all', () => arrived() === ROUNDS * DAEMONS * (DAEMONS - 1), WAIT_MS)
  console.log(`${arrived()} deliveries of ${ROUNDS * DAEMONS} messages in ${seconds(messaging)} s`)
  for (const [message, receivers] of heard) assert.is(receivers.size, DAEMONS - 1, message)
})

test.run()
