/** Thirty nodes in one process: all join with one invite at the same moment, and every gossip message reaches all. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type MeshNode, startMeshNode, stopMeshNodes, until } from '../helpers/mesh.ts'

const NODES = 30
const ROUNDS = 2
const TOPIC = 'thirty'

test.after(stopMeshNodes)

test('thirty nodes join, agree and hear every message', async () => {
  const heard = new Map<string, Set<string>>()
  const nodes: MeshNode[] = []
  const rssBefore = process.memoryUsage().rss
  for (let index = 0; index < NODES; index++)
    nodes.push(
      await startMeshNode({
        name: `node-${index}`,
        prepare: (mesh) =>
          mesh.subscribe(TOPIC, {
            maxBytes: 256,
            validate: () => 'accept',
            handle: (bytes, from) => heard.get(`${from} ${Buffer.from(bytes)}`)?.add(mesh.peerId),
          }),
      }),
    )
  const [founder, ...others] = nodes as [MeshNode, ...MeshNode[]]
  await founder.villages.create({ name: 'thirty', open: false })
  const { invite } = await founder.villages.invite({ role: 'member', expiresInMs: 600_000, uses: NODES })
  const started = performance.now()
  const seconds = () => ((performance.now() - started) / 1_000).toFixed(1)
  await Promise.all(
    others.map((node) => node.villages.join(invite, { signal: AbortSignal.timeout(120_000) })),
  )
  const joined = seconds()
  await until(
    'all rosters are equal',
    () => nodes.every((node) => node.villages.members().length === NODES),
    120_000,
  )
  const agreed = seconds()
  await until('all have neighbours', () => nodes.every((node) => node.mesh.peers().length >= 4), 120_000)
  const connected = seconds()
  const megabytes = (process.memoryUsage().rss - rssBefore) / NODES / 2 ** 20
  console.log(
    `${NODES} nodes: joined after ${joined} s, rosters equal after ${agreed} s, connected after ${connected} s, ` +
      `${megabytes.toFixed(1)} MiB of memory a node`,
  )
  // A message goes to those who are known to listen: subscriptions travel after the connection is made.
  for (const { mesh } of nodes)
    for (let known = 0; known < 3; ) {
      known = await mesh.publish(TOPIC, Buffer.from('ready?'))
      if (known < 3) await new Promise((resolve) => setTimeout(resolve, 200))
    }
  for (let round = 0; round < ROUNDS; round++)
    for (const { mesh } of nodes) {
      const bytes = Buffer.from(`round ${round}`)
      heard.set(`${mesh.peerId} ${bytes}`, new Set())
      await mesh.publish(TOPIC, bytes)
    }
  const arrived = () => [...heard.values()].reduce((sum, receivers) => sum + receivers.size, 0)
  await until('every message reached all', () => arrived() === ROUNDS * NODES * (NODES - 1), 60_000)
  assert.is(arrived(), ROUNDS * NODES * (NODES - 1))
})

test.run()
