/** Real mesh nodes on loopback for tests: a data directory each, free ports, everything removed at the end. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type Config, DEFAULT_CONFIG } from '../../node/config.ts'
import { createEvents, type Events, type VillageEvent } from '../../node/events.ts'
import { type Identity, loadIdentity } from '../../node/identity.ts'
import { createLog, type Log } from '../../node/log.ts'
import { createMembership, type Membership } from '../../node/mesh/membership/membership.ts'
import { createVillages, type Villages } from '../../node/mesh/membership/villages.ts'
import { createMesh, type Mesh } from '../../node/mesh/mesh.ts'
import { openStore, type Store } from '../../node/store.ts'
import { patientSignal, slowness } from '../runner/deadline.ts'

export interface MeshNode {
  readonly directory: string
  readonly identity: Identity
  readonly store: Store
  readonly events: Events
  readonly membership: Membership
  readonly mesh: Mesh
  readonly villages: Villages
  /** Stops the mesh and closes the store; the directory stays. */
  stop(): Promise<void>
}

export const TEST_LOG: Log = createLog({ level: process.env.TEST_LOG === undefined ? 'silent' : 'debug' })

export interface MeshNodeInit {
  directory?: string
  name?: string
  config?: Partial<Config>
  now?: () => number
  /** Registers handlers and topics before the start. */
  prepare?: (
    mesh: Mesh,
    parts: { store: Store; events: Events; directory: string; identity: Identity },
  ) => void
}

const running = new Set<MeshNode>()
const directories = new Set<string>()

export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'village-test-'))
  directories.add(directory)
  return directory
}

export async function startMeshNode(init: MeshNodeInit = {}): Promise<MeshNode> {
  const directory = init.directory ?? (await temporaryDirectory())
  const config: Config = {
    ...DEFAULT_CONFIG,
    'mesh.listen': ['/ip4/127.0.0.1/tcp/0'],
    'mesh.mdns': false,
    ...init.config,
    'data.dir': directory,
  }
  const store = await openStore({ directory })
  const identity = await loadIdentity({ log: TEST_LOG }, { directory })
  const events = createEvents()
  const clock = init.now === undefined ? {} : { now: init.now }
  const membership = createMembership({ log: TEST_LOG, events, store, identity }, { directory, ...clock })
  const mesh = createMesh(
    { log: TEST_LOG, events, store, identity, membership },
    { config, version: '0.0.0' },
  )
  const villages = createVillages(
    { log: TEST_LOG, membership, network: mesh, store },
    { name: init.name ?? 'node' },
  )
  init.prepare?.(mesh, { store, events, directory, identity })
  const node: MeshNode = {
    directory,
    identity,
    store,
    events,
    membership,
    mesh,
    villages,
    async stop() {
      if (!running.delete(node)) return
      await mesh.stop()
      await store.close()
    },
  }
  running.add(node)
  await mesh.start(patientSignal(30_000))
  return node
}

/** Stops every node of this test file and removes what it left. */
export async function stopMeshNodes(): Promise<void> {
  await Promise.all([...running].map((node) => node.stop()))
  for (const directory of directories) await rm(directory, { recursive: true, force: true })
  directories.clear()
}

/** Resolves when `holds` is true, looked at every 20 ms; fails after `timeoutMs`, and later where the machine is busy. */
export async function until(what: string, holds: () => boolean, timeoutMs = 30_000): Promise<void> {
  const began = performance.now()
  while (!holds()) {
    if (performance.now() - began > timeoutMs * slowness())
      throw new Error(`waited ${timeoutMs} ms for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** The next event of a type. */
export function nextEvent(events: Events, type: VillageEvent['type']): Promise<VillageEvent> {
  return new Promise((resolve) => {
    const end = events.subscribe((event) => {
      if (event.type !== type) return
      end()
      resolve(event)
    })
  })
}

/** A village of `count` nodes: the first founds it, the others join with one invite each. */
export async function startVillage(
  count: number,
  init: (index: number) => MeshNodeInit = () => ({}),
): Promise<MeshNode[]> {
  const founder = await startMeshNode({ name: 'node-0', ...init(0) })
  await founder.villages.create({ name: 'test village', open: false })
  const nodes = [founder]
  for (let index = 1; index < count; index++) {
    const node = await startMeshNode({ name: `node-${index}`, ...init(index) })
    await joinWith(founder, node)
    nodes.push(node)
  }
  return nodes
}

/** Nodes of one village that have more than a mesh: the first founds it, the others join. */
export async function villageOf<I, N extends { readonly mesh: MeshNode }>(
  inits: readonly I[],
  start: (init: I & { name: string }) => Promise<N>,
): Promise<N[]> {
  const nodes: N[] = []
  for (const [index, init] of inits.entries()) {
    const node = await start({ name: `node-${index}`, ...init })
    if (index === 0) await node.mesh.villages.create({ name: 'test village', open: false })
    else await joinWith(nodes[0]!.mesh, node.mesh)
    nodes.push(node)
  }
  return nodes
}

export async function joinWith(
  admin: MeshNode,
  node: MeshNode,
  init: Partial<Parameters<Villages['invite']>[0]> = {},
): Promise<void> {
  const { invite } = await admin.villages.invite({ role: 'member', expiresInMs: 60_000, uses: 1, ...init })
  await node.villages.join(invite, { signal: patientSignal(30_000) })
}
