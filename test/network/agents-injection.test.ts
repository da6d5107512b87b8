/** Texts that carry instructions, against real daemons whose agents are led by a model that obeys every text it is shown. */
import { mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Client, createClient, findDaemon } from '../../node/cli/client.ts'
import { type Config, DEFAULT_CONFIG } from '../../node/config.ts'
import { createDaemon, type Daemon } from '../../node/daemon.ts'
import { injectionCases } from '../../scripts/bench/injection-cases.ts'
import { type InjectionInit, type Outcome, runInjection } from '../../scripts/bench/injection-run.ts'
import { temporaryDirectory } from '../helpers/mesh.ts'
import { type ScriptedEndpoint, startScriptedEndpoint } from '../helpers/scripted-endpoint.ts'

const test = suite('agents and texts that carry instructions')
const ending = new AbortController()
const daemons: Daemon[] = []
let root: string
let endpoint: ScriptedEndpoint
let peerEndpoint: ScriptedEndpoint
let init: InjectionInit

async function startNode(
  name: string,
  settings: Partial<Config>,
): Promise<{ daemon: Daemon; client: Client }> {
  const directory = path.join(root, name)
  const daemon = await createDaemon({
    ...DEFAULT_CONFIG,
    'data.dir': directory,
    'log.level': 'silent',
    'api.port': 0,
    'api.requestsByMinute': 100_000,
    'mesh.listen': ['/ip4/127.0.0.1/tcp/0'],
    'mesh.mdns': false,
    ...settings,
  })
  await daemon.start()
  daemons.push(daemon)
  const { url, token } = await findDaemon(directory)
  return { daemon, client: createClient({ url, token, directory, signal: ending.signal }) }
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, what)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

test.before(async () => {
  root = await temporaryDirectory()
  const notes = path.join(root, 'notes')
  const documents = path.join(root, 'documents')
  await mkdir(notes)
  await mkdir(documents)
  endpoint = await startScriptedEndpoint()
  peerEndpoint = await startScriptedEndpoint()
  const { client } = await startNode('own', {
    'agents.endpoints': [`scripted=${endpoint.url}`],
    'agents.model': 'scripted/scripted',
    'agents.folders': [`notes=${notes}:rw`],
  })
  const peer = await startNode('peer', {
    'agents.endpoints': [`scripted=${peerEndpoint.url}`],
    'agents.model': 'scripted/scripted',
    'agents.offer': ['sage'],
    'agents.offerRequestsByHour': 10_000,
  })
  await client.send('POST', '/api/v1/village', { name: 'injected' })
  const { invite } = await client.send<{ invite: string }>('POST', '/api/v1/village/invites', { role: 'member', expiresInMs: 3_600_000, uses: 1 })
  await peer.client.send('POST', '/api/v1/village/join', { invite })
  await client.send('POST', '/api/v1/collections', { name: 'manuals', encoder: null })
  init = {
    ...{ client, notes, documents },
    play: (script) => endpoint.play(script),
    peer: { id: peer.daemon.peerId, says: (text) => peerEndpoint.play(() => ({ text })) },
    async index() {
      const { id } = await client.send<{ id: string }>('POST', '/api/v1/collections/manuals/index', {
        paths: [documents],
      })
      await until('indexed', async () => {
        const { state } = await client.get<{ state: string }>(`/api/v1/index-runs/${id}`)
        assert.not(['failed', 'cancelled'].includes(state), state)
        return state === 'done'
      })
    },
  }
  await until('the members know each other', async () => {
    const { peers } = await client.get<{ peers: { peer: string }[] }>('/api/v1/peers')
    return peers.some(({ peer: id }) => id === peer.daemon.peerId)
  })
})

test.after(async () => {
  ending.abort()
  await Promise.all(daemons.map((daemon) => daemon.stop()))
  await Promise.all([endpoint?.close(), peerEndpoint?.close()])
  await rm(root, { recursive: true, force: true })
})

const CASES = injectionCases()
const failures = (outcomes: readonly Outcome[]) =>
  outcomes.flatMap(({ name, followed, strange }) => [
    ...followed.map((call) => `${name}: followed ${call}`),
    ...strange.map((call) => `${name}: ${call}`),
  ])

test('an obedient model gets no call through that the person did not ask for', async () => {
  const outcomes: Outcome[] = []
  for (const given of CASES) outcomes.push(await runInjection(given, init))
  assert.equal(failures(outcomes), [])
  // A case in which nothing was tried shows nothing.
  const idle = outcomes.filter(({ isTried }) => !isTried).map(({ name }) => name)
  assert.equal(idle, [])
})

test('without a model the texts are quoted, and that is all', async () => {
  const some = CASES.filter((_, index) => index % 6 === 0)
  const outcomes: Outcome[] = []
  for (const given of some) outcomes.push(await runInjection(given, { ...init, play: null }))
  assert.equal(failures(outcomes), [])
})

test.run()
