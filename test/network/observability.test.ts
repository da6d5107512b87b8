/**
 * Three real daemons that trace to one collector: the spans of a job are held to what the job says of itself, their metrics to the format, and
 * what the doctor says to what was done to them.
 */
// own process: it sets the environment that the exporter of traces reads
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Localnet, startLocalnet } from '../../scripts/localnet.ts'
import { lintExposition, readExposition } from '../helpers/exposition-format.ts'
import { type CollectedSpan, type OtlpCollector, startOtlpCollector } from '../helpers/otlp-collector.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const ROOT = 'b7ad6b7169203331'
const MAX_TRIES = 5
const QUESTION = 'What is the capital of Ruritania?'

let collector: OtlpCollector
let net: Localnet
let directory: string

interface Job {
  readonly id: string
  readonly state: string
  readonly total: number
  readonly shares: Readonly<Record<string, { readonly tasks: number }>>
}

/** As a program that traces itself asks. */
async function send<T>(target: string, body: object): Promise<T> {
  const [owner] = net.nodes
  const url = new URL(target, owner!.dashboardLink)
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${owner!.token}`,
      'content-type': 'application/json',
      traceparent: `00-${TRACE}-${ROOT}-01`,
    },
    body: JSON.stringify(body),
  })
  assert.ok(response.ok, `${target}: ${response.status}`)
  return (await response.json()) as T
}

const instanceOf = (span: CollectedSpan) => String(span.resource['service.instance.id'])
const named = (name: string) => collector.spans.filter((span) => span.name === name)
const childrenOf = ({ id }: CollectedSpan) => collector.spans.filter(({ parent }) => parent === id)

test.before(async () => {
  collector = await startOtlpCollector()
  directory = await mkdtemp(path.join(tmpdir(), 'village-tracing-'))
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = collector.url
  process.env.OTEL_BSP_SCHEDULE_DELAY = '100'
  net = await startLocalnet({ count: 3, directory, name: 'traced' })
})
test.after(async () => {
  await net?.stop()
  await collector?.close()
  await rm(directory, { recursive: true, force: true })
})

test('a job is one tree: request, job, tasks, and the attempts of every member', async () => {
  const owner = net.nodes[0]!
  await owner.client.send('POST', '/api/v1/models', { embedded: 'encoder' })
  let job: Job
  let tries = 0
  do {
    // On a busy machine a job may be done before others have come.
    const made = `encoder-${++tries}`
    const params = { model: 'encoder', codec: 'int4', calibrate: 'none', keep: 0, id: made }
    const { id } = await send<Job>('/api/v1/jobs', { kind: 'compress', params })
    await collector.until('the end of the job', () => named('job compress').length === tries)
    job = await owner.client.get<Job>(`/api/v1/jobs/${id}`)
    assert.is(job.state, 'done')
  } while (Object.keys(job.shares).length < 2 && tries < MAX_TRIES)

  const { id } = job
  const requests = named('POST /api/v1/jobs')
  for (const request of requests) {
    assert.is(request.trace, TRACE)
    assert.is(request.parent, ROOT)
    assert.is(request.attributes['http.response.status_code'], 201)
  }
  const span = named('job compress').find(({ attributes }) => attributes['village.job.id'] === id)!
  assert.ok(requests.some((request) => request.id === span.parent))
  assert.is(span.attributes['village.job.state'], 'done')

  const tasks = childrenOf(span)
  assert.is(tasks.length, job.total)
  assert.is(new Set(tasks.map(({ attributes }) => attributes['village.task.index'])).size, job.total)
  const ended = () => tasks.flatMap(childrenOf)
  const done = (peer: string) =>
    ended().filter(
      (attempt) => instanceOf(attempt) === peer && attempt.attributes['village.task.result'] === 'done',
    ).length
  // What is sent by members may come after the end of the job.
  await collector.until('all attempts', () =>
    Object.entries(job.shares).every(([peer, share]) => done(peer) >= share.tasks),
  )
  for (const attempt of ended()) {
    assert.is(attempt.trace, TRACE)
    assert.is(attempt.attributes['village.job.owner'], owner.peer)
    const leased = tasks
      .find(({ id: task }) => task === attempt.parent)!
      .events.filter(({ name }) => name === 'leased')
    assert.ok(leased.some(({ attributes }) => attributes['village.peer'] === instanceOf(attempt)))
  }
  const peers = Object.keys(job.shares)
  assert.ok(peers.length > 1, 'no other member took part')
  assert.ok(peers.every((peer) => net.nodes.some((node) => node.peer === peer)))
})

test('a request to an agent is a tree of turns and calls, without a word of it', async () => {
  await send('/api/v1/agents/king/ask', { messages: [{ role: 'user', content: QUESTION }] })
  await collector.until('the request', () => named('POST /api/v1/agents/:agent/ask').length > 0)
  const [request] = named('POST /api/v1/agents/:agent/ask')
  const [asked] = childrenOf(request!).filter(({ name }) => name === 'invoke_agent king')
  assert.ok(Number(asked?.attributes['village.agent.turns']) >= 1)
  const turns = childrenOf(asked!).filter(({ name }) => name === 'turn')
  assert.is(turns.length, asked!.attributes['village.agent.turns'])
  assert.ok(turns.flatMap(childrenOf).some(({ name }) => name.startsWith('execute_tool ')))
})

test('what was sent keeps to the specification, and holds no text, path or token', () => {
  assert.equal(collector.faults, [])
  const sent = collector.bodies.join('\n')
  for (const secret of ['Ruritania', directory, ...net.nodes.map(({ token }) => token), 'node-1'])
    assert.not.ok(sent.includes(secret), secret)
  const services = new Set(collector.spans.map(({ resource }) => resource['service.name']))
  assert.equal([...services], ['village'])
})

test('the metrics of a daemon that has worked keep to the format', async () => {
  for (const node of net.nodes) {
    const response = await node.client.download('/metrics')
    response.setEncoding('utf8')
    let text = ''
    for await (const chunk of response) text += chunk
    const read = readExposition(text)
    assert.equal(read.faults, [])
    assert.equal(lintExposition(read), [])
    const total = (name: string) =>
      (read.families.get(name)?.samples ?? []).reduce(
        (sum, sample) => (sample.name.endsWith('_bucket') ? sum : sum + sample.value),
        0,
      )
    for (const name of ['village_gossip_messages_total', 'village_streams_total', 'village_peers'])
      assert.ok(total(name) > 0, name)
  }
})

interface Found {
  readonly name: string
  readonly level: string
  readonly message: string
  readonly fix: string | null
}

test('the doctor says which member cannot be reached, and why', async () => {
  const [asked, , gone] = net.nodes
  const doctor = async () => (await asked!.client.get<{ checks: Found[] }>('/api/v1/doctor')).checks
  const level = (checks: readonly Found[], name: string) => checks.find((check) => check.name === name)?.level
  const before = await doctor()
  for (const name of ['models', 'members', 'versions', 'clocks', 'memory', 'open files', 'watches'])
    assert.is(level(before, name), 'ok', name)
  // On loopback alone nobody else comes.
  assert.is(level(before, 'reachability'), 'warn')
  assert.is(level(before, 'member node-3'), undefined)

  await gone!.stop()
  const away = (checks: readonly Found[]) => checks.find(({ name }) => name === 'member node-3')
  // The other end of a connection that was closed is noticed a moment later; the doctor is not asked meanwhile: it reads every model.
  interface Member {
    readonly peer: string
    readonly connected: boolean
  }
  const isConnected = async () =>
    (await asked!.client.get<{ members: Member[] }>('/api/v1/members')).members.some(
      ({ peer, connected }) => peer === gone!.peer && connected,
    )
  while (await isConnected()) await new Promise((resolve) => setImmediate(resolve))
  const found = away(await doctor())
  assert.ok(found !== undefined)
  assert.is(found.level, 'warn')
  assert.match(found.message, /^cannot be reached\. \/ip4\/127\.0\.0\.1\/tcp\/\d+: nothing listens there/)
  assert.match(found.fix!, /^Start its daemon/)
})

test.run()
