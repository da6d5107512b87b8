/** A member that speaks the protocol of runs by hand and says what no honest one says: the run goes on, and nothing of it is kept. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { signAnnouncement } from '../../node/federated/ledger/announcement.ts'
import { signStatement } from '../../node/federated/ledger/statement-codec.ts'
import { signVote } from '../../node/federated/ledger/vote.ts'
import { encodeMessage } from '../../node/federated/rounds/consensus/messages.ts'
import { signerFromIdentity } from '../../node/mesh/membership/keys.ts'
import { ROUNDS_PROTOCOL, RoundsPage, RoundsRequest } from '../../node/mesh/protocols/rounds.ts'
import { joinWith, type MeshNode, startMeshNode, stopMeshNodes, until } from '../helpers/mesh.ts'
import { joinOf, toySpec } from '../helpers/paper-run.ts'
import { type RoundNode, startRoundVillage, stopRoundNodes } from '../helpers/round-nodes.ts'

const test = suite('hostile members of runs')
const SIGNAL = new AbortController().signal
const NOTHING = { statement: undefined, message: undefined, tips: undefined, want: undefined }
const bytesOf = (hex: string) => Buffer.from(hex, 'hex')

test.after.each(async () => {
  await stopRoundNodes()
  await stopMeshNodes()
})

async function withHostile(work: (node: RoundNode, hostile: MeshNode) => Promise<void>): Promise<void> {
  const [node] = (await startRoundVillage([{}])) as [RoundNode]
  const hostile = await startMeshNode({ name: 'hostile' })
  await joinWith(node.mesh, hostile)
  await work(node, hostile)
}

/** Says it on a stream of its own; the other side may end that stream. */
async function say(hostile: MeshNode, node: RoundNode, part: Partial<RoundsRequest>): Promise<void> {
  const stream = await hostile.mesh.open(node.peer, ROUNDS_PROTOCOL, { signal: AbortSignal.timeout(10_000) })
  await stream.send(RoundsRequest, { ...NOTHING, ...part })
  await stream.close()
}

test('malformed, unsigned and misplaced records change nothing, and the run ends as it would', () =>
  withHostile(async (node, hostile) => {
    const signer = signerFromIdentity(hostile.identity.privateKey)
    const { run: id } = await node.rounds.announce(
      toySpec({ minimum: 2, limits: { generations: 2 } }),
      SIGNAL,
    )
    const run = bytesOf(id)
    await until('the announcer has joined', () => node.rounds.view(id).participants.length === 1)
    const { tip } = node.rounds.view(id)
    const signed = signStatement(signer, id, joinOf(hostile.mesh.peerId, 1)).bytes
    const forged = Uint8Array.from(signed)
    forged[forged.length - 1]! ^= 1
    const vote = { height: 2, view: 0, step: 'precommit', hash: tip, validView: null } as const
    const pretended = encodeMessage({ kind: 'vote', voter: 0, vote: signVote(signer, id, vote) })
    const control = signStatement(signer, id, {
      kind: 'control',
      author: hostile.mesh.peerId,
      sequence: 1,
      action: 'stop',
    }).bytes
    for (const statement of [new Uint8Array([0xff]), new Uint8Array(2_000), forged])
      await say(hostile, node, { statement: { run, statement } })
    for (const message of [new Uint8Array([0x80]), pretended])
      await say(hostile, node, { message: { run, message } })
    await say(hostile, node, { statement: { run, statement: control } })
    // It votes in nobody's name, and steers nothing: it is neither announcer nor admin. The join that follows is taken all the same.
    await say(hostile, node, { statement: { run, statement: signed } })
    await until('the honest statement is in the ledger', () => node.rounds.view(id).participants.length === 2)
    assert.is(node.rounds.view(id).endReason, null)
    await until(
      'it goes on without the one that does nothing',
      () => node.rounds.view(id).phase === 'published',
      60_000,
    )
    const verdict = await node.rounds.verify(id)
    assert.ok(verdict.ok, JSON.stringify(verdict))
  }))

test('a run of another village, or one that this version cannot follow, is not kept', () =>
  withHostile(async (node, hostile) => {
    const signer = signerFromIdentity(hostile.identity.privateKey)
    const village = node.mesh.villages.current()!.id
    const foreign = signAnnouncement(signer, { village: 'elsewhere', timeMs: 1, spec: toySpec() })
    const unknown = signAnnouncement(signer, {
      village,
      timeMs: 1,
      spec: toySpec({ workload: { kind: 'unheard', options: {} } }),
    })
    const served = new Map([foreign, unknown].map((one) => [one.run, one.bytes]))
    const asked: string[] = []
    // The hostile side serves what it is asked for; its mesh is started already, so a second node of it would be needed to handle streams.
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
            const announcement = served.get(run) ?? new Uint8Array()
            await stream.send(RoundsPage, {
              known: 1,
              announcement,
              blocks: [],
              more: false,
              trace: new Uint8Array(),
            })
          }
        })
      },
    })
    await joinWith(node.mesh, server)
    const tips = [...served.keys()].map((run) => ({ run: bytesOf(run), height: 0, hash: new Uint8Array(32) }))
    await say(server, node, { tips: { tips } })
    await until('both were looked at', () => asked.length >= 2)
    await say(server, node, { tips: { tips } })
    const { run } = await node.rounds.announce(toySpec({ limits: { generations: 1 } }), SIGNAL)
    await until('another run is over', () => ['published', 'ended'].includes(node.rounds.view(run).phase))
    assert.equal(
      node.rounds.list().map((view) => view.run),
      [run],
    )
    assert.is(new Set(asked).size, 2)
    assert.is(asked.length, 2, 'what was refused is not asked for again')
  }))

test('a want of a run that is unknown is answered as such, and of a known one from anywhere', () =>
  withHostile(async (node, hostile) => {
    const { run } = await node.rounds.announce(toySpec({ limits: { generations: 1 } }), SIGNAL)
    await until('the run is over', () => ['published', 'ended'].includes(node.rounds.view(run).phase))
    const stream = await hostile.mesh.open(node.peer, ROUNDS_PROTOCOL, {
      signal: AbortSignal.timeout(10_000),
    })
    const ask = async (of: string, from: number) => {
      await stream.send(RoundsRequest, { ...NOTHING, want: { run: bytesOf(of), from } })
      return stream.expect(RoundsPage)
    }
    assert.is((await ask('00'.repeat(16), 0)).known, 0)
    const { height } = node.rounds.view(run)
    assert.is((await ask(run, 0)).blocks.length, height)
    assert.is((await ask(run, height)).blocks.length, 1)
    assert.is((await ask(run, Number.MAX_SAFE_INTEGER)).blocks.length, 0)
    await stream.close()
  }))

test.run()
