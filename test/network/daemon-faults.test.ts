/** Real daemons, each a process, through their HTTP API: killed, starved of disk, given damaged files, revoked. */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { copyFile, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { JobView } from '../../node/cli/wait-job.ts'
import { VillageError } from '../../node/errors.ts'
import { type LocalNode, startLocalnet, startNode } from '../../scripts/localnet.ts'

const test = suite('daemon faults')
const POLL_MS = 100
const MIB = 2 ** 20

interface Usage {
  artifacts: { blocks: number; sizeBytes: number }
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    if (error instanceof VillageError) return error.code
    throw error
  }
  return 'nothing was thrown'
}

async function jobUntil(node: LocalNode, id: string, done: (job: JobView) => boolean): Promise<JobView> {
  for (;;) {
    const job = await node.client.get<JobView>(`/api/v1/jobs/${id}`)
    if (done(job)) return job
    if (job.state !== 'running')
      throw new Error(`the job ended as ${job.state}: ${JSON.stringify(job.error)}`)
    await sleep(POLL_MS)
  }
}

const cidsOf = (job: JobView) => {
  const { packed, runnable } = job.result as { packed: { cid: string }; runnable: { cid: string } }
  return [packed.cid, runnable.cid]
}

const directory = await mkdtemp(path.join(tmpdir(), 'village-faults-'))
/** One village for all cases that need none of their own, in an order in which each leaves the next what it needs. */
const net = await startLocalnet({
  count: 3,
  directory,
  name: 'faults',
  settings: { 'jobs.leaseMs': 2_000, 'log.level': 'fatal' },
})
const [owner, worker, leaver] = net.nodes as [LocalNode, LocalNode, LocalNode]
/** Those of them that were ended and begun again. */
const again: LocalNode[] = []
test.after(async () => {
  for (const node of again) await node.stop()
  await net.stop()
  await rm(directory, { recursive: true, force: true })
})

async function beginAgain(node: LocalNode): Promise<LocalNode> {
  const begun = await startNode({ directory: node.directory, settings: { 'log.level': 'fatal' } })
  again.push(begun)
  return begun
}

test('a truncated model is refused by name, and nothing of it stays', async () => {
  const { client } = owner
  await client.send('POST', '/api/v1/models', { embedded: 'encoder' })
  const { models } = await client.get<{ models: { cid: string }[] }>('/api/v1/models')
  const written = await client.send<{ path: string }>(
    'POST',
    `/api/v1/artifacts/${models[0]!.cid}/materialize`,
    { directory },
  )
  const whole = path.join(directory, 'whole.onnx')
  await copyFile(path.join(written.path, 'model.onnx'), whole)
  const file = await open(whole, 'r+')
  await file.truncate(5 * MIB)
  await file.close()
  const before = await client.get<Usage>('/api/v1/status')
  assert.is(await codeOf(client.send('POST', '/api/v1/models', { path: whole })), 'MODEL_MALFORMED')
  const after = await client.get<Usage & { models: number }>('/api/v1/status')
  assert.is(after.models, 1)
  assert.is(after.artifacts.sizeBytes, before.artifacts.sizeBytes)
})

test('a revoked member is cut off everywhere, is told so, and does not come back', async () => {
  const peersOf = async (node: LocalNode) =>
    (await node.client.get<{ peers: { peer: string }[] }>('/api/v1/peers')).peers.map(({ peer }) => peer)
  const until = async (what: string, holds: () => Promise<boolean>) => {
    for (let tries = 0; !(await holds()); tries++) {
      if (tries > 300) throw new Error(`it did not come to pass that ${what}`)
      await sleep(POLL_MS)
    }
  }
  await until('all are connected', async () =>
    (await Promise.all(net.nodes.map(peersOf))).every((peers) => peers.length === 2),
  )
  await owner.client.send('POST', `/api/v1/members/${leaver.peer}/revoke`, { reason: 'moved away' })
  await until('it is cut off', async () =>
    (await Promise.all([owner, worker].map(peersOf))).every((peers) => !peers.includes(leaver.peer)),
  )
  const invite = { role: 'member', expiresInMs: 60_000, uses: 1 }
  await until(
    'it knows',
    async () =>
      (await codeOf(leaver.client.send('POST', '/api/v1/village/invites', invite))) === 'MEMBER_REVOKED',
  )
  await leaver.stop()
  const back = await beginAgain(leaver)
  assert.equal(await peersOf(back), [])
  assert.is(await codeOf(back.client.send('POST', '/api/v1/village/invites', invite)), 'MEMBER_REVOKED')
  await back.stop()
})

test('a compression outlives the SIGKILL of a worker and of its owner, with the CIDs of an undisturbed one', async () => {
  // The largest table alone, so that the two runs take seconds.
  const compress = (node: LocalNode) =>
    node.client.send<JobView>('POST', '/api/v1/jobs', {
      kind: 'compress',
      params: { model: 'encoder', codec: 'seedlm', minElements: 2_000_000 },
    })
  const ended = (job: JobView) => job.state === 'done'
  const undisturbed = await jobUntil(owner, (await compress(owner)).id, ended)
  assert.ok(Object.keys(undisturbed.shares).length > 1, 'the work was not shared')

  const { id } = await compress(owner)
  await jobUntil(owner, id, ({ done }) => done >= 2)
  await worker.kill()
  const before = await jobUntil(owner, id, ({ done }) => done >= 5)
  assert.is(before.state, 'running', 'the job was over before its owner could be killed')
  await owner.kill()
  const restarted = await beginAgain(owner)
  const after = await restarted.client.get<JobView>(`/api/v1/jobs/${id}`)
  assert.ok(after.done >= before.done, 'accepted results were lost')
  assert.equal(cidsOf(await jobUntil(restarted, id, ended)), cidsOf(undisturbed))
})

test('a full disk is told, leaves nothing half-written, and the daemon lives', async () => {
  const small = path.join(directory, 'small')
  mkdirSync(small)
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=32m', 'tmpfs', small])
  if (mounted.status !== 0) {
    console.log('skipped: a full disk (mounting a small file system needs root)')
    return
  }
  let node: LocalNode | undefined
  try {
    node = await startNode({
      directory: path.join(small, 'data'),
      settings: { 'log.level': 'fatal', 'artifacts.collectEveryMs': 0 },
    })
    const { client } = node
    const upload = (sizeBytes: number) =>
      client.upload<{ cid: string }>(
        '/api/v1/artifacts',
        'application/octet-stream',
        Readable.from(
          (function* () {
            for (let sent = 0; sent < sizeBytes; sent += MIB) yield randomBytes(MIB)
          })(),
        ),
      )
    const before = await client.get<Usage>('/api/v1/status')
    assert.is(await codeOf(upload(64 * MIB)), 'DISK_FULL')
    const after = await client.get<Usage>('/api/v1/status')
    assert.equal(after.artifacts.blocks, before.artifacts.blocks, 'blocks of the failed upload stayed')
    const { cid } = await upload(2 * MIB)
    await node.stop()
    node = await startNode({ directory: path.join(small, 'data'), settings: { 'log.level': 'fatal' } })
    const info = await node.client.get<{ complete: boolean; sizeBytes: number }>(`/api/v1/artifacts/${cid}`)
    assert.ok(info.complete)
    assert.is(info.sizeBytes, 2 * MIB)
  } finally {
    await node?.stop()
    spawnSync('umount', [small])
  }
})

test.run()
