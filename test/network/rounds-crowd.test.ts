/** What one member, or a stranger in an open village, cannot do to the runs of others by bringing much. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Announcement, signAnnouncement } from '../../node/federated/ledger/announcement.ts'
import { signStatement } from '../../node/federated/ledger/statement-codec.ts'
import { createRunServer } from '../../node/federated/rounds/run-exchange.ts'
import { createTraffic } from '../../node/federated/rounds/traffic.ts'
import type { FramedStream } from '../../node/mesh/framed-stream.ts'
import { signerFromIdentity } from '../../node/mesh/membership/keys.ts'
import type { StreamContext } from '../../node/mesh/mesh.ts'
import { ROUNDS_PROTOCOL, RoundsPage, RoundsRequest } from '../../node/mesh/protocols/rounds.ts'
import { joinWith, type MeshNode, startMeshNode, stopMeshNodes, TEST_LOG, until } from '../helpers/mesh.ts'
import { joinOf, toySpec } from '../helpers/paper-run.ts'
import { type RoundNode, startRoundNode, startRoundVillage, stopRoundNodes } from '../helpers/round-nodes.ts'
import { peerNamed, signerOf } from '../helpers/village.ts'

const test = suite('members that bring much')
const SIGNAL = new AbortController().signal
const NOTHING = { statement: undefined, message: undefined, tips: undefined, want: undefined }
const bytesOf = (hex: string) => Buffer.from(hex, 'hex')

test.after.each(async () => {
  await stopRoundNodes()
  await stopMeshNodes()
})

type Page = Parameters<typeof RoundsPage.encode>[0]
const pageOf = (announcement: Uint8Array): Page => ({
  known: 1,
  announcement,
  blocks: [],
  more: false,
  trace: new Uint8Array(),
})

/** A member that serves what it likes; `asked` are the runs that it was asked for. */
async function startServer(node: RoundNode, page: (run: string) => Page) {
  const asked: string[] = []
  const server = await startMeshNode({
    name: 'server',
    prepare(mesh) {
      mesh.handle(ROUNDS_PROTOCOL, async (stream, { signal }) => {
        for (;;) {
          const request = await stream.receive(RoundsRequest, { signal })
          if (request === null) return
          if (request.want === undefined) continue
          const run = Buffer.from(request.want.run).toString('hex')
          asked.push(run)
          for (let last = false; !last; ) {
            const next = page(run)
            await stream.send(RoundsPage, next)
            last = !next.more
          }
        }
      })
    },
  })
  await joinWith(node.mesh, server)
  return { server, asked }
}

async function say(from: MeshNode, node: RoundNode, parts: readonly Partial<RoundsRequest>[]): Promise<void> {
  const stream = await from.mesh.open(node.peer, ROUNDS_PROTOCOL, { signal: AbortSignal.timeout(10_000) })
  for (const part of parts) await stream.send(RoundsRequest, { ...NOTHING, ...part })
  await stream.close()
}

const tipsOf = (announcements: readonly Announcement[], height = 0) => ({
  tips: {
    tips: announcements.map(({ run }) => ({ run: bytesOf(run), height, hash: new Uint8Array(32) })),
  },
})

function announced(node: RoundNode, by: MeshNode, timeMs: number, count: number): Announcement[] {
  const village = node.mesh.villages.current()!.id
  const signer = signerFromIdentity(by.identity.privateKey)
  return Array.from({ length: count }, (_, index) =>
    signAnnouncement(signer, { village, timeMs, spec: toySpec({ name: `run ${index}`, minimum: 9 }) }),
  )
}

const listed = (node: RoundNode) => node.rounds.list().map(({ run }) => run)

test('one member has room for so many runs; others can announce theirs', async () => {
  const [node] = (await startRoundVillage([{}])) as [RoundNode]
  const served = new Map<string, Announcement>()
  const { server, asked } = await startServer(node, (run) => pageOf(served.get(run)!.bytes))
  const announcements = announced(node, server, Date.now(), 20)
  for (const one of announcements) served.set(one.run, one)
  await say(server, node, [tipsOf(announcements)])
  await until('all were looked at', () => new Set(asked).size === 20)
  await until('as many as one may have are here', () => listed(node).length === 16)
  const { run } = await node.rounds.announce(toySpec({ limits: { generations: 1 } }), SIGNAL)
  assert.is(listed(node).length, 17)
  assert.ok(listed(node).includes(run))
})

test('a run that never began is forgotten after a day, and comes back when something happens in it', async () => {
  const [node] = (await startRoundVillage([{}])) as [RoundNode]
  const served = new Map<string, Announcement>()
  const { server, asked } = await startServer(node, (run) => pageOf(served.get(run)!.bytes))
  const [old] = announced(node, server, Date.now() - 25 * 3_600_000, 1) as [Announcement]
  served.set(old.run, old)
  await say(server, node, [tipsOf([old])])
  await until('it is here', () => listed(node).includes(old.run))
  const { run } = await node.rounds.announce(toySpec({ minimum: 2 }), SIGNAL)
  assert.equal(listed(node), [run])
  const before = asked.length
  await say(server, node, [tipsOf([old]), tipsOf([old], 1)])
  await until('it is asked for again', () => listed(node).includes(old.run))
  assert.is(asked.length, before + 1, 'not because somebody names it')
})

test('a run that was removed stays away, also after a restart', async () => {
  const [node] = (await startRoundVillage([{}])) as [RoundNode]
  const served = new Map<string, Announcement>()
  const { server, asked } = await startServer(node, (run) => pageOf(served.get(run)!.bytes))
  const [one, other] = announced(node, server, Date.now(), 2) as [Announcement, Announcement]
  for (const each of [one, other]) served.set(each.run, each)
  await say(server, node, [tipsOf([one])])
  await until('it is here', () => listed(node).includes(one.run))
  await node.rounds.remove(one.run)
  assert.equal(listed(node), [])
  const { directory } = node.mesh
  await node.stop()
  const returned = await startRoundNode({ directory })
  await server.mesh.dial(returned.mesh.mesh.addresses()[0]!, { signal: AbortSignal.timeout(10_000) })
  await say(server, returned, [tipsOf([one, other], 3)])
  await until('the other one is here', () => listed(returned).includes(other.run))
  assert.equal(listed(returned), [other.run])
  assert.is(asked.filter((run) => run === one.run).length, 1)
})

test('whoever sends again what is known is not listened to for long', async () => {
  const [node] = (await startRoundVillage([{}])) as [RoundNode]
  const { run } = await node.rounds.announce(toySpec({ limits: { generations: 1 } }), SIGNAL)
  await until('the run is over', () => ['published', 'ended'].includes(node.rounds.view(run).phase))
  let sent = 0
  const { server, asked } = await startServer(node, () => {
    sent += 1
    return { ...page, more: true }
  })
  const stream = await server.mesh.open(node.peer, ROUNDS_PROTOCOL, { signal: AbortSignal.timeout(10_000) })
  await stream.send(RoundsRequest, { ...NOTHING, want: { run: bytesOf(run), from: 1 } })
  const page = await stream.expect(RoundsPage)
  await stream.close()
  await say(server, node, [
    { tips: { tips: [{ run: bytesOf(run), height: 2 ** 40, hash: new Uint8Array(32) }] } },
  ])
  await until('it was asked', () => asked.length === 1)
  const { run: next } = await node.rounds.announce(toySpec({ limits: { generations: 1 } }), SIGNAL)
  await until('another run is over', () => ['published', 'ended'].includes(node.rounds.view(next).phase))
  const soFar = sent
  const { run: last } = await node.rounds.announce(toySpec({ limits: { generations: 1 } }), SIGNAL)
  await until('and one more', () => ['published', 'ended'].includes(node.rounds.view(last).phase))
  assert.is(sent, soFar, 'its stream has ended')
})

test('in an open village strangers do not take the place of members', async () => {
  const node = await startRoundNode({ name: 'founder' })
  await node.mesh.villages.create({ name: 'open village', open: true })
  const member = await startMeshNode({ name: 'member' })
  await joinWith(node.mesh, member)
  const { run } = await node.rounds.announce(toySpec({ minimum: 2, limits: { generations: 1 } }), SIGNAL)
  await until('the announcer has joined', () => node.rounds.view(run).participants.length === 1)
  const statements = Array.from({ length: 300 }, (_, index) => {
    const name = `stranger ${index % 10}`
    return signStatement(signerOf(name), run, joinOf(peerNamed(name), index + 1)).bytes
  })
  await say(
    member,
    node,
    statements.map((statement) => ({ statement: { run: bytesOf(run), statement } })),
  )
  const own = signStatement(
    signerFromIdentity(member.identity.privateKey),
    run,
    joinOf(member.mesh.peerId, 1),
  ).bytes
  await say(member, node, [{ statement: { run: bytesOf(run), statement: own } }])
  await until('the member takes part', () => node.rounds.view(run).participants.length === 2)
})

test('bytes about runs that are not here are counted nowhere', async () => {
  const traffic = createTraffic()
  const known = 'aa'.repeat(16)
  const heard: string[] = []
  const serve = createRunServer({
    desk: {
      announcement: (run) => (run === known ? new Uint8Array() : null),
      trace: () => new Uint8Array(),
      blocks: async () => [],
      statement: (_peer, run) => void heard.push(run),
      message() {},
      tips() {},
    },
    traffic,
    log: TEST_LOG,
    now: () => 0,
  })
  const runs = [known, ...Array.from({ length: 50 }, (_, index) => index.toString(16).padStart(32, '0'))]
  const requests = runs.map((run) => ({
    ...NOTHING,
    statement: { run: bytesOf(run), statement: new Uint8Array(10) },
  }))
  const stream = { receive: async () => requests.shift() ?? null } as unknown as FramedStream // nothing is sent
  await serve(stream, { peer: 'p', signal: SIGNAL } as unknown as StreamContext)
  assert.equal(heard, runs)
  assert.equal(
    runs.filter((run) => Object.keys(traffic.of(run)).length > 0),
    [known],
  )
})

test.run()
