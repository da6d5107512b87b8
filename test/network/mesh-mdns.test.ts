/** Discovery with nothing but multicast DNS: members that know no address of each other meet; villages stay apart. */
import { createSocket } from 'node:dgram'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { clearDatastore } from '../../node/mesh/datastore.ts'
import { openStore } from '../../node/store.ts'
import { type MeshNode, startMeshNode, startVillage, stopMeshNodes, until } from '../helpers/mesh.ts'

const GROUP = '224.0.0.251'
const CONFIG = { 'mesh.mdns': true, 'mesh.listen': ['/ip4/0.0.0.0/tcp/0'] }

test.after(stopMeshNodes)

/** Whether this machine hands its own multicast back: containers without a network do not. */
async function hasMulticast(): Promise<boolean> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true })
  try {
    return await new Promise<boolean>((resolve) => {
      const late = setTimeout(() => resolve(false), 2_000)
      socket.on('error', () => resolve(false))
      socket.on('message', () => {
        clearTimeout(late)
        resolve(true)
      })
      socket.bind(0, () => {
        try {
          socket.addMembership(GROUP)
          socket.setMulticastLoopback(true)
          socket.send('probe', socket.address().port, GROUP)
        } catch {
          clearTimeout(late)
          resolve(false)
        }
      })
    })
  } finally {
    socket.close()
  }
}

/** Stops the node and makes it forget every address, its own port included. */
async function forgetful(node: MeshNode): Promise<string> {
  await node.stop()
  const store = await openStore({ directory: node.directory })
  await clearDatastore({ store }, { name: 'libp2p' })
  await store.db.sublevel('ports').clear()
  await store.close()
  return node.directory
}

test('members find each other, and not those of another village', async () => {
  if (!(await hasMulticast())) {
    console.log('skipped: this machine has no multicast')
    return
  }
  const first = await startVillage(2)
  const second = await startVillage(2)
  const directories: string[][] = []
  for (const nodes of [first, second])
    directories.push([await forgetful(nodes[0]!), await forgetful(nodes[1]!)])
  const villages: MeshNode[][] = []
  for (const pair of directories)
    villages.push([
      await startMeshNode({ directory: pair[0]!, config: CONFIG }),
      await startMeshNode({ directory: pair[1]!, config: CONFIG }),
    ])
  await until('each found the other of its village', () =>
    villages.every((nodes) => nodes.every(({ mesh }) => mesh.peers().length === 1)),
  )
  for (const [left, right] of villages as [MeshNode, MeshNode][]) {
    assert.is(left.mesh.peers()[0]?.peer, right.identity.peerId)
    assert.is(right.mesh.peers()[0]?.peer, left.identity.peerId)
  }
})

test.run()
