/** Artifact services over small meshes with data directories of their own, and content to put in them. */
import { createCipheriv, createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import * as assert from 'uvu/assert'
import { VillageError } from '../../node/errors.ts'
import { createEvents, type VillageEvent } from '../../node/events.ts'
import { createLog } from '../../node/log.ts'
import { type Artifacts, type ArtifactsInit, createArtifacts } from '../../node/mesh/artifacts/artifacts.ts'
import { openStore, type Store } from '../../node/store.ts'
import { patientSignal } from '../runner/deadline.ts'
import { createSmallMesh, type SmallMesh } from './small-mesh.ts'

export interface ArtifactNode {
  readonly artifacts: Artifacts
  readonly mesh: SmallMesh
  readonly directory: string
  readonly events: VillageEvent[]
  readonly misbehaviour: { peer: string; code: string }[]
  /** Stops the service and opens another on the same data directory. */
  restart(init?: Partial<ArtifactsInit>): Promise<void>
  stop(): Promise<void>
}

export async function createArtifactNode(init: Partial<ArtifactsInit> = {}): Promise<ArtifactNode> {
  const directory = await mkdtemp(path.join(tmpdir(), 'village-artifacts-'))
  const misbehaviour: { peer: string; code: string }[] = []
  let running: { artifacts: Artifacts; mesh: SmallMesh; store: Store; seen: VillageEvent[] }

  async function start(more: Partial<ArtifactsInit>): Promise<void> {
    const store = await openStore({ directory })
    const mesh = await createSmallMesh()
    const events = createEvents()
    const seen: VillageEvent[] = []
    events.subscribe((event) => seen.push(event))
    const artifacts = createArtifacts(
      { mesh, store, events, log: createLog({ level: 'silent' }) },
      {
        directory,
        maxBytes: 2 ** 30,
        uploadBytesPerSecond: null,
        collectEveryMs: 0,
        onMisbehaviour: (peer, code) => misbehaviour.push({ peer, code }),
        ...init,
        ...more,
      },
    )
    await artifacts.start(new AbortController().signal)
    running = { artifacts, mesh, store, seen }
  }
  async function halt(): Promise<void> {
    await running.artifacts.stop()
    await running.mesh.stop()
    await running.store.close()
  }

  await start({})
  return {
    directory,
    misbehaviour,
    get artifacts() {
      return running.artifacts
    },
    get mesh() {
      return running.mesh
    },
    get events() {
      return running.seen
    },
    async restart(more = {}) {
      await halt()
      await start(more)
    },
    async stop() {
      await halt()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** Runs `work` with fresh nodes, all connected to the first, and cleans up after it. */
export async function withNodes(
  inits: readonly Partial<ArtifactsInit>[],
  work: (...nodes: ArtifactNode[]) => Promise<void>,
): Promise<void> {
  const nodes: ArtifactNode[] = []
  try {
    for (const init of inits) nodes.push(await createArtifactNode(init))
    for (const node of nodes.slice(1)) await nodes[0]!.mesh.connect(node.mesh)
    await work(...nodes)
  } finally {
    for (const node of nodes) await node.stop()
  }
}

/** The same bytes for the same seed, without repetition: SHA-256 in counter mode. */
export function patternBytes(sizeBytes: number, seed = 1): Uint8Array {
  const out = Buffer.alloc(sizeBytes)
  for (let offset = 0, counter = 0; offset < sizeBytes; offset += 32, counter++)
    createHash('sha256').update(`${seed}/${counter}`).digest().copy(out, offset)
  return out
}

/** As patternBytes(), fast enough for megabytes: the key stream of AES in counter mode. */
export function bulkBytes(sizeBytes: number, seed = 1): Uint8Array {
  return createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16)).update(
    Buffer.alloc(sizeBytes),
  )
}

/** The code of the VillageError that `work` throws, else the name of the error; fails when it throws none. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    return error instanceof VillageError ? error.code : (error as Error).name
  }
  throw new Error('it did not fail')
}

export const within = (timeoutMs = 20_000) => patientSignal(timeoutMs)

/** Overwrites the stored block that holds these bytes with others of the same size. */
export async function damageBlock(directory: string, bytes: Uint8Array): Promise<void> {
  const key = createHash('sha256').update(bytes).digest('hex')
  const file = path.join(directory, 'blocks', key.slice(0, 2), `${key}-${bytes.byteLength}`)
  const stored = await readFile(file)
  stored[0]! ^= 0xff
  await writeFile(file, stored)
}

export const peersOf = (...nodes: (ArtifactNode | undefined)[]) => nodes.map((node) => node!.mesh.peerId)

/** Fails unless the node holds the artifact whole, with these bytes, and says so. */
export async function assertHas(node: ArtifactNode, cid: string, bytes: Uint8Array): Promise<void> {
  assert.ok(await node.artifacts.has(cid))
  assert.ok(Buffer.from(await node.artifacts.read(cid)).equals(bytes))
  assert.is((await node.artifacts.info(cid))?.complete, true)
}
