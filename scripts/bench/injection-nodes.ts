/** Two real daemons for injection-run.ts: one that is asked, led by an obedient model, and a member whose Sage says what it is told. */
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, createClient, findDaemon } from '../../node/client.ts'
import { type Config, DEFAULT_CONFIG } from '../../node/config.ts'
import { createDaemon, type Daemon } from '../../node/daemon.ts'
import { startScriptedEndpoint } from '../../test/helpers/scripted-endpoint.ts'
import type { InjectionInit } from './injection-run.ts'

const WAIT_MS = 60_000
const POLL_MS = 20

export interface InjectionNodes {
  readonly init: InjectionInit
  stop(): Promise<void>
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + WAIT_MS; !(await holds()); await sleep(POLL_MS))
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`)
}

async function startNode(
  directory: string,
  signal: AbortSignal,
  settings: Partial<Config>,
): Promise<{ daemon: Daemon; client: Client }> {
  const daemon = await createDaemon({
    ...DEFAULT_CONFIG,
    'data.dir': directory,
    'log.level': 'silent',
    'api.port': 0,
    'api.requestsByMinute': 100_000,
    'mesh.listen': ['/ip4/127.0.0.1/tcp/0'],
    'mesh.mdns': false,
    'agents.model': 'scripted/scripted',
    ...settings,
  })
  await daemon.start()
  const { url, token } = await findDaemon(directory)
  return { daemon, client: createClient({ url, token, directory, signal }) }
}

async function index(client: Client, folder: string): Promise<void> {
  const path = '/api/v1/collections/manuals/index'
  const { id } = await client.send<{ id: string }>('POST', path, { paths: [folder] })
  await until('the collection is indexed', async () => {
    const { state } = await client.get<{ state: string }>(`/api/v1/index-runs/${id}`)
    if (state === 'failed' || state === 'cancelled') throw new Error(`the run has ${state}`)
    return state === 'done'
  })
}

/** Everything lies below `root`, which the caller removes. */
export async function startInjectionNodes(root: string): Promise<InjectionNodes> {
  const ending = new AbortController()
  const [notes, documents] = [path.join(root, 'notes'), path.join(root, 'documents')]
  for (const directory of [notes, documents]) await mkdir(directory)
  const endpoint = await startScriptedEndpoint()
  const peerEndpoint = await startScriptedEndpoint()
  const own = await startNode(path.join(root, 'own'), ending.signal, {
    'agents.endpoints': [`scripted=${endpoint.url}`],
    'agents.folders': [`notes=${notes}:rw`],
  })
  const peer = await startNode(path.join(root, 'peer'), ending.signal, {
    'agents.endpoints': [`scripted=${peerEndpoint.url}`],
    // Sage lets no model choose; what Magi says is what its model says.
    'agents.offer': ['magi'],
    'agents.offerRequestsByHour': 10_000,
  })
  const { client } = own
  await client.send('POST', '/api/v1/village', { name: 'injected' })
  const wanted = { role: 'member', expiresInMs: 3_600_000, uses: 1 }
  const { invite } = await client.send<{ invite: string }>('POST', '/api/v1/village/invites', wanted)
  await peer.client.send('POST', '/api/v1/village/join', { invite })
  await client.send('POST', '/api/v1/collections', { name: 'manuals', encoder: null })
  await until('the members know what each other offers', async () => {
    const { peers } = await client.get<{
      peers: { peer: string; capabilities: { agents?: unknown[] } | null }[]
    }>('/api/v1/peers')
    return peers.some(({ peer: id, capabilities }) => id === peer.daemon.peerId && capabilities !== null)
  })
  return {
    init: {
      ...{ client, notes, documents },
      play: (script) => endpoint.play(script),
      peer: { id: peer.daemon.peerId, says: (text) => peerEndpoint.play(() => ({ text })) },
      index: () => index(client, documents),
    },
    async stop() {
      ending.abort()
      await Promise.all([own.daemon.stop(), peer.daemon.stop()])
      await Promise.all([endpoint.close(), peerEndpoint.close()])
    },
  }
}
