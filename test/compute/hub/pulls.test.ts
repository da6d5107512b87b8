/** Pulls from a hub that speaks the real API, and that stalls, cuts, lies, redirects, wants a token and limits rates. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { PullRecord } from '../../../node/compute/hub/pull-record.ts'
import { createPulls, type Pulls, type PullsInit, type PullWishes } from '../../../node/compute/hub/pulls.ts'
import { type HubServer, startHubServer } from '../../helpers/hub-server.ts'
import { type JobNode, startJobNode, stopJobNodes } from '../../helpers/job-nodes.ts'
import { writeTinySource } from '../../helpers/language-models.ts'
import { stopMeshNodes, TEST_LOG, temporaryDirectory, until } from '../../helpers/mesh.ts'
import { rejectsCode } from '../../helpers/throws.ts'

const REPO = 'somebody/tiny-llama'
const QUICK = { attempts: 3, backoffMs: 1, maxPauseMs: 2_000 }

let hub: HubServer
let node: JobNode
let files: Record<string, Uint8Array>
let commit: string

async function startPulls(init: Partial<PullsInit> = {}): Promise<Pulls> {
  const { models, artifacts, shares, mesh } = node
  const pulls = createPulls(
    { models, artifacts, shares, store: mesh.store, events: mesh.events, log: TEST_LOG },
    {
      directory: path.join(mesh.directory, 'pulls'),
      modelsDirectory: path.join(mesh.directory, 'models'),
      hubUrl: hub.url,
      token: null,
      environment: {},
      version: '0.0.0',
      stallMs: 60_000,
      patience: QUICK,
      ...init,
    },
  )
  await pulls.start(AbortSignal.timeout(60_000))
  return pulls
}

/** The pull when it has ended one way or another. */
function ended(pulls: Pulls, id: string): Promise<PullRecord> {
  return new Promise((resolve) => {
    const look = () => {
      const record = pulls.need(id)
      if (record.state === 'running') return
      end()
      resolve(record)
    }
    const end = node.mesh.events.subscribe(({ type }) => {
      if (type === 'pull:changed') look()
    })
    look()
  })
}

async function pullOnce(
  wishes: Partial<PullWishes> = {},
  init: Partial<PullsInit> = {},
): Promise<PullRecord> {
  const pulls = await startPulls(init)
  try {
    const { id } = await pulls.pull({ source: REPO, ...wishes })
    return await ended(pulls, id)
  } finally {
    await pulls.stop()
  }
}

/** A test that fails leaves nothing to the next. */
async function clean(): Promise<void> {
  for (const { id } of await node.models.list()) await node.models.remove(id)
  const pulls = await startPulls()
  for (const { id } of pulls.list()) await pulls.cancel(id)
  await pulls.stop()
  hub.publish(REPO, files)
  hub.describe(null)
  hub.requireToken(null)
  hub.requests.length = 0
}

const pullDirectories = () => readdirSync(path.join(node.mesh.directory, 'pulls'))

test.before(async () => {
  hub = await startHubServer()
  node = await startJobNode()
  const source = await temporaryDirectory()
  writeTinySource(source, 'llama')
  files = Object.fromEntries(readdirSync(source).map((name) => [name, readFileSync(path.join(source, name))]))
  files['README.md'] = Buffer.from('---\nlicense: mit\nmodel_name: A tiny llama\n---\n# Tiny\n')
  files['pytorch_model.bin'] = Buffer.from('a pickle')
  files['modeling_tiny.py'] = Buffer.from('print("hello")')
  files['.gitattributes'] = Buffer.from('* text')
  commit = hub.publish(REPO, files)
})

test.before.each(clean)

test('a model is fetched by commit, checked, built and registered; nothing else comes', async () => {
  const totals = new Set<number>()
  const end = node.mesh.events.subscribe((event) => {
    if (event.type === 'pull:changed') totals.add(event.data.totalBytes)
  })
  const record = await pullOnce()
  end()
  assert.is(record.state, 'done', JSON.stringify(record.error))
  assert.is(record.commit, commit)
  assert.equal([...totals], [0, record.totalBytes], 'nothing is taken for all before the weights are known')
  assert.is(record.doneBytes, record.totalBytes)
  const entry = await node.models.need(record.model!)
  assert.is(entry.id, 'tiny-llama')
  assert.is(entry.kind, 'language')
  assert.is(entry.name, 'A tiny llama')
  assert.is(entry.source, `hub:${REPO}@${commit}`)
  const fetched = hub.requests.map(({ url }) => url)
  assert.not.ok(fetched.some((url) => /pytorch_model|\.py|gitattributes/.test(url)))
  assert.ok(
    fetched.filter((url) => url.includes('/resolve/')).every((url) => url.includes(`/resolve/${commit}/`)),
  )
  assert.equal(pullDirectories(), [])
  // The same revision again: the hub is asked what it is, and no file is fetched.
  hub.requests.length = 0
  const again = await pullOnce()
  assert.is(again.model, record.model)
  assert.is(hub.requests.length, 1)
})

test('a connection that is cut goes on where it broke off, as does one that stalls', async () => {
  const afterBytes = 70_000
  assert.ok(afterBytes < files['model.safetensors']!.length)
  hub.fail('model.safetensors', { kind: 'stall', afterBytes }, { kind: 'cut', afterBytes: 500 })
  const record = await pullOnce({}, { stallMs: 300 })
  assert.is(record.state, 'done', JSON.stringify(record.error))
  const ranges = hub.requests
    .filter(({ host, url }) => host === 'cdn' && url.includes('model.safetensors'))
    .map(({ range }) => range)
  assert.is(ranges.length, 3)
  assert.equal(ranges.slice(0, 2), [null, `bytes=${afterBytes}-`])
  const [, start] = /^bytes=(\d+)-$/.exec(ranges[2]!)!
  assert.ok(Number(start) >= afterBytes && Number(start) <= afterBytes + 500, start)
})

test('what has come survives a stop of the daemon, and the pull goes on by itself', async () => {
  const keptBytes = 2000
  hub.fail('model.safetensors', { kind: 'stall', afterBytes: keptBytes })
  const first = await startPulls()
  const { id } = await first.pull({ source: REPO })
  await hub.stalled()
  assert.equal(await first.pull({ source: REPO }), first.need(id), 'an equal request joins')
  const partial = path.join(node.mesh.directory, 'pulls', id, commit, 'model.safetensors.partial')
  await until('bytes are written', () => statSync(partial, { throwIfNoEntry: false })?.size === keptBytes)
  await first.stop()
  assert.is(first.need(id).state, 'interrupted')
  assert.is(await node.models.get('tiny-llama'), null, 'nothing is half installed')
  // The revision moves: the pull still means what it was when it began.
  hub.publish(REPO, { ...files, 'README.md': Buffer.from('# Another') })
  hub.requests.length = 0
  const second = await startPulls()
  const record = await ended(second, id)
  await second.stop()
  assert.is(record.state, 'done', JSON.stringify(record.error))
  assert.is(record.commit, commit)
  assert.equal(
    hub.requests.filter(({ host }) => host === 'cdn').map(({ range }) => range),
    [`bytes=${keptBytes}-`],
  )
})

test('wrong bytes are fetched anew once, and refused then', async () => {
  hub.fail('model.safetensors', { kind: 'wrong-bytes' })
  const mended = await pullOnce()
  assert.is(mended.state, 'done', JSON.stringify(mended.error))
  await clean()
  for (const name of ['model.safetensors', 'tokenizer.json']) {
    hub.fail(name, { kind: 'wrong-bytes' }, { kind: 'wrong-bytes' })
    const record = await pullOnce()
    assert.is(record.error?.code, 'HUB_FILE_CORRUPT')
    assert.match(record.error!.message, name)
    assert.is(await node.models.get('tiny-llama'), null)
    await clean()
  }
})

test('a hub that contradicts itself is refused', async () => {
  for (const kind of ['too-long', 'other-commit', 'other-size'] as const) {
    hub.fail('model.safetensors', { kind })
    const record = await pullOnce()
    assert.is(record.error?.code, 'HUB_ANSWER_INVALID', `${kind}: ${JSON.stringify(record)}`)
    await clean()
  }
  hub.fail('model.safetensors', { kind: 'stall', afterBytes: 1000 }, { kind: 'other-range' })
  const record = await pullOnce({}, { stallMs: 300 })
  assert.is(record.error?.code, 'HUB_ANSWER_INVALID')
  await clean()
  hub.fail('model.safetensors', { kind: 'stall', afterBytes: 1000 }, { kind: 'ignore-range' })
  const whole = await pullOnce({}, { stallMs: 300 })
  assert.is(whole.state, 'done', JSON.stringify(whole.error))
})

test('a hub that limits rates is waited for, unless it asks for too long', async () => {
  hub.fail('api', { kind: 'status', status: 429, retryAfter: '0' }, { kind: 'status', status: 503 })
  hub.fail('config.json', { kind: 'status', status: 429, retryAfter: new Date().toUTCString() })
  const record = await pullOnce()
  assert.is(record.state, 'done', JSON.stringify(record.error))
  await clean()
  hub.fail('api', { kind: 'status', status: 429, retryAfter: '86400' })
  const refused = await pullOnce()
  assert.is(refused.error?.code, 'HUB_RATE_LIMITED')
  await clean()
  hub.fail('api', ...Array.from({ length: 3 }, () => ({ kind: 'status', status: 500 }) as const))
  const failing = await pullOnce()
  assert.is(failing.error?.code, 'HUB_UNREACHABLE')
})

test('a token goes to the hub and to nobody else', async () => {
  hub.requireToken('hf_secret')
  const refused = await pullOnce()
  assert.is(refused.error?.code, 'HUB_REFUSED')
  assert.match(refused.error!.message, 'HF_TOKEN')
  hub.requests.length = 0
  const record = await pullOnce({}, { token: 'hf_secret' })
  assert.is(record.state, 'done', JSON.stringify(record.error))
  for (const { host, authorization } of hub.requests)
    assert.is(authorization, host === 'hub' ? 'Bearer hf_secret' : null)
  await clean()
  // Another hub than the configured one, named in passing.
  hub.requireToken('hf_secret')
  const other = await pullOnce({ hub: hub.url }, { token: 'hf_secret', hubUrl: 'https://hub.invalid' })
  assert.is(other.error?.code, 'HUB_REFUSED')
  assert.ok(hub.requests.every(({ authorization }) => authorization === null))
})

test('what a hub says of a model is checked', async () => {
  const sibling = (change: object) => (json: Record<string, unknown>) => {
    const siblings = json.siblings as Record<string, unknown>[]
    return {
      ...json,
      siblings: siblings.map((one) => (one.rfilename === 'config.json' ? { ...one, ...change } : one)),
    }
  }
  for (const change of [
    () => [],
    (json: Record<string, unknown>) => ({ ...json, sha: 'main' }),
    (json: Record<string, unknown>) => ({ ...json, siblings: 'many' }),
    sibling({ size: -1 }),
    sibling({ size: 2 ** 60 }),
    sibling({ blobId: 'x' }),
    sibling({ lfs: { sha256: 'x', size: 1 } }),
    sibling({ rfilename: 7 }),
    sibling({ rfilename: 'Tokenizer.json' }),
  ]) {
    hub.describe(change)
    const record = await pullOnce()
    assert.is(record.error?.code, 'HUB_ANSWER_INVALID', JSON.stringify(record))
    await clean()
  }
  // A name that leads elsewhere is not fetched.
  hub.describe(sibling({ rfilename: '../../config.json' }))
  const record = await pullOnce()
  assert.is((await node.models.need(record.model!)).kind, 'safetensors', 'weights without a config.json')
  assert.not.ok(existsSync(path.join(node.mesh.directory, 'config.json')))
})

test('models that cannot be used are refused before their weights are fetched', async () => {
  const config = {
    ...JSON.parse(Buffer.from(files['config.json']!).toString()),
    architectures: ['OddForCausalLM'],
  }
  hub.publish('odd/one', { ...files, 'config.json': JSON.stringify(config) })
  hub.requests.length = 0
  const odd = await pullOnce({ source: 'odd/one' })
  assert.is(odd.error?.code, 'MODEL_ARCHITECTURE_UNSUPPORTED')
  assert.not.ok(hub.requests.some(({ url }) => url.includes('safetensors')))
  const weights = await pullOnce({ source: 'odd/one', weightsOnly: true })
  assert.is((await node.models.need(weights.model!)).kind, 'safetensors')
  hub.publish('odd/pickled', { 'config.json': '{}', 'pytorch_model.bin': 'x' })
  const pickled = await pullOnce({ source: 'odd/pickled' })
  assert.is(pickled.error?.code, 'HUB_NOTHING_TO_PULL')
  assert.match(pickled.error!.message, 'pytorch_model.bin')
  const absent = await pullOnce({ source: 'nobody/nothing' })
  assert.is(absent.error?.code, 'HUB_NOT_FOUND')
  const revision = await pullOnce({ source: `${REPO}@nowhere` })
  assert.is(revision.error?.code, 'HUB_NOT_FOUND')
  const pulls = await startPulls()
  for (const source of ['', 'a/b/c', '../x', 'a b', 'a/b@../c', 'village:nothing', 'x@y@z'])
    await rejectsCode(
      pulls.pull({ source }),
      source.startsWith('village:') ? 'SHARE_UNKNOWN' : 'INVALID_ARGUMENT',
    )
  await rejectsCode(pulls.pull({ source: REPO, id: 'Not An Id' }), 'INVALID_ARGUMENT')
  for (const url of ['ftp://x', 'https://user:secret@x', 'x'])
    await rejectsCode(pulls.pull({ source: REPO, hub: url }), 'INVALID_ARGUMENT')
  await rejectsCode(pulls.cancel('nothing'), 'PULL_UNKNOWN')
  await pulls.stop()
})

test('an id that is taken is refused before anything is fetched', async () => {
  await node.models.add({ embedded: 'encoder', id: 'taken' })
  hub.requests.length = 0
  const record = await pullOnce({ id: 'taken' })
  assert.is(record.error?.code, 'MODEL_ID_TAKEN')
  assert.is(hub.requests.length, 1)
  const named = await pullOnce({ id: 'named' })
  assert.is(named.model, 'named')
})

test('cancelling removes what has come', async () => {
  hub.fail('model.safetensors', { kind: 'stall', afterBytes: 1000 })
  const pulls = await startPulls()
  const { id } = await pulls.pull({ source: REPO })
  await hub.stalled()
  assert.equal(pullDirectories(), [id])
  await pulls.cancel(id)
  assert.equal(pullDirectories(), [])
  assert.equal(pulls.list(), [])
  await pulls.stop()
})

test('the proxy of the environment is asked, with the hub’s address, unless it is excepted', async () => {
  const asked: string[] = []
  const proxy = createServer((request, response) => {
    asked.push(request.url!)
    response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  const HTTP_PROXY = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
  const through = await pullOnce({ hub: 'http://hub.example' }, { environment: { HTTP_PROXY } })
  assert.is(through.error?.code, 'HUB_NOT_FOUND')
  assert.equal(asked, [`http://hub.example/api/models/${REPO}/revision/main?blobs=true`])
  const past = await pullOnce({}, { environment: { HTTP_PROXY, NO_PROXY: '127.0.0.1' } })
  assert.is(past.state, 'done', JSON.stringify(past.error))
  assert.is(asked.length, 1)
  await new Promise((resolve) => proxy.close(resolve))
})

test.after(async () => {
  await stopJobNodes()
  await stopMeshNodes()
  await hub.close()
})
test.run()
