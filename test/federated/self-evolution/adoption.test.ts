/** From a run that has ended to what is present: adopted or not, kept, put back, and whole wherever a process ends. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { StoredModel } from '../../../node/compute/models/model-entry.ts'
import {
  newWorld,
  type SelfEvolutionNode,
  startSelfEvolution,
  type World,
} from '../../helpers/self-evolution-node.ts'
import { rejectsCode } from '../../helpers/throws.ts'

const test = suite('adoption of self-evolution')
const never = new AbortController().signal

const evolve = (kind: string) => `evolve: {workload: ${kind}, population: 6, limits: {generations: 2}}`
const GOALS = `
budget: {evaluations: 1000}
goals:
  - name: notes
    every: 1d
    target: {collection: notes}
    ${evolve('{kind: agent, judged: judged}')}
  - name: model
    every: 2d
    target: {model: helper}
    ${evolve('{kind: perturbation, model: helper}')}
`
const WINNER = { c: 200, f: 1, w: 20 }
const WINNING = { weight: 0.2, feedback: true, candidates: 200 }
const STEPS = { p: [[0, 10]] }
const PLAIN = { name: 'Helper', kind: 'language' as const, parameters: 5, sizeBytes: 5, source: 'a test' }
const HELPER = {
  id: 'helper',
  cid: 'bafyhelper',
  ...PLAIN,
  parent: null,
  report: { made: 'by hand' },
  keeps: ['bafypacked'],
}

async function withDirectory(use: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'village-self-'))
  try {
    await use(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function withNode(
  use: (node: SelfEvolutionNode, directory: string) => Promise<void>,
  init: { keep?: number; world?: World } = {},
): Promise<void> {
  await withDirectory(async (directory) => {
    const node = await startSelfEvolution({ directory, goals: GOALS, world: newWorld(), ...init })
    try {
      await use(node, directory)
    } finally {
      await node.stop()
    }
  })
}

const DAY_MS = 86_400_000
const last = (node: SelfEvolutionNode, goal: string) => node.service.history(goal).history[0]!

test('the goal that is due is begun by itself, against the settings in use; a better winner is adopted', () =>
  withNode(async (node) => {
    const { run, spec } = node.announced[0]!
    assert.is(node.announced.length, 1, 'one run at a time')
    assert.is(spec.name, 'self-evolution notes 1')
    assert.equal((spec.workload.options as { present: object }).present, { c: 100, f: 0, w: 50 })
    node.end(run, { better: 20, worse: 2, genome: WINNER })
    await node.service.check()
    assert.equal(node.settings(), WINNING)
    const { look, event, version } = last(node, 'notes')
    assert.is(event, 'adopted')
    assert.is(version, 2)
    assert.ok(look!.comparison.p < look!.alpha && look!.alpha < 0.05)
    assert.is(node.service.status().spent.evaluations, 12)
    assert.ok(node.events.includes('self-evolution:started') && node.events.includes('self-evolution:ended'))
  }))

test('a winner that is not told apart, nothing better, no scores and a lost ledger change nothing', () =>
  withNode(async (node) => {
    const before = node.settings()
    const ends = [
      ['not-told-apart', 'kept', (run: string) => node.end(run, { better: 6, worse: 3, genome: WINNER })],
      ['no-gain', 'kept', (run: string) => node.end(run, 'no-gain')],
      ['stopped', 'stopped', (run: string) => node.end(run, 'stopped')],
      ['no-scores', 'failed', (run: string) => node.end(run, 'no-scores')],
      ['run-lost', 'failed', (run: string) => node.forget(run)],
    ] as const
    // Of the model nothing is there: that goal fails, and waits.
    for (const [reason, event, finish] of ends) {
      finish(node.announced.at(-1)!.run)
      node.resources.isAccepting = false
      await node.service.check()
      assert.is(last(node, 'notes').reason, reason)
      assert.is(last(node, 'notes').event, event)
      assert.equal(node.settings(), before)
      node.resources.isAccepting = true
      node.clock.nowMs += 20 * DAY_MS
      await node.service.run('notes', never)
    }
    const { looks, failures } = node.service.status().goals.find(({ goal }) => goal === 'notes')!
    assert.is(looks, 1, 'only the first was compared on the final items')
    assert.is(failures, 2)
  }))

test('each look at the final items needs a smaller p than the one before', () =>
  withNode(async (node) => {
    const alphas: number[] = []
    for (let look = 0; look < 4; look++) {
      node.end(node.announced.at(-1)!.run, { better: 8, worse: 8, genome: WINNER })
      node.resources.isAccepting = false
      await node.service.check()
      alphas.push(last(node, 'notes').look!.alpha)
      await node.service.run('notes', never)
    }
    assert.ok(alphas.every((alpha, look) => look === 0 || alpha < alphas[look - 1]!))
  }))

test('settings that somebody changed while the run went on are left alone, and are the next version', () =>
  withNode(async (node) => {
    const own = { weight: 0.9, feedback: false, candidates: 50 }
    node.setSettings(own)
    node.end(node.announced[0]!.run, { better: 40, genome: WINNER })
    node.resources.isAccepting = false
    await node.service.check()
    assert.equal(node.settings(), own)
    assert.is(last(node, 'notes').reason, 'changed')
    await node.service.run('notes', never)
    assert.equal((node.announced.at(-1)!.spec.workload.options as { present: object }).present, {
      c: 50,
      f: 0,
      w: 90,
    })
    assert.equal(node.service.history('notes').versions[0]!.settings, own)
  }))

test('rollback puts settings back, ends the run and pauses the goal until it is resumed', () =>
  withNode(async (node) => {
    node.end(node.announced[0]!.run, { better: 40, genome: WINNER })
    node.resources.isAccepting = false
    await node.service.check()
    await node.service.run('notes', never)
    const { versions, paused } = await node.service.rollback('notes', null)
    assert.ok(paused)
    assert.equal(node.settings(), { weight: 0.5, feedback: false, candidates: null })
    assert.is(versions.find(({ isPresent }) => isPresent)!.version, 1)
    node.resources.isAccepting = true
    node.clock.nowMs += 30 * DAY_MS
    await node.service.check()
    assert.is(last(node, 'notes').event, 'stopped')
    await rejectsCode(node.service.run('notes', never), 'SELF_EVOLUTION_BUSY')
    await rejectsCode(node.service.rollback('notes', 9), 'SELF_EVOLUTION_NO_VERSION')
    await rejectsCode(node.service.rollback('nots', null), 'SELF_EVOLUTION_GOAL_UNKNOWN')
    await node.service.rollback('notes', 2)
    assert.equal(node.settings(), WINNING, 'and forward again')
    await node.service.resume('notes')
    await node.service.check()
    assert.is(node.announced.at(-1)!.spec.name, 'self-evolution notes 3')
  }))

/** Only the model's goal runs. */
async function beginModel(node: SelfEvolutionNode): Promise<string> {
  node.resources.isAccepting = false
  await node.service.rollback('notes', 1)
  await node.service.check()
  return node.service.run('model', never)
}

test('a model id stands for the winner, the former is kept, and rollback restores its entry bit for bit', () =>
  withNode(async (node) => {
    await node.models.register(HELPER)
    await node.models.setShared('helper', true)
    const before = await node.models.stored('helper')
    const run = await beginModel(node)
    node.end(run, { better: 30, genome: STEPS, cid: 'bafybetter' })
    await node.service.check()
    const after = await node.models.need('helper')
    assert.is(after.cid, 'bafybetter')
    assert.ok(after.shared)
    assert.equal(after.report, { selfEvolution: { run, candidate: '1.0' } })
    assert.equal(await node.pinsOf('bafyhelper'), ['model:helper@1'])
    assert.equal(await node.pinsOf('bafypacked'), ['model:helper@1'])
    assert.equal((await node.pinsOf('bafybetter')).sort(), ['model:helper', 'model:helper@2'])
    await node.service.rollback('model', null)
    assert.equal(await node.models.stored('helper'), before)
    assert.equal((await node.pinsOf('bafyhelper')).sort(), ['model:helper', 'model:helper@1'])
  }))

test('so many versions are kept, and the artifacts of others are let go', () =>
  withNode(
    async (node) => {
      await node.models.register(HELPER)
      let run = await beginModel(node)
      for (let index = 0; index < 3; index++) {
        node.end(run, { better: 55, genome: STEPS, cid: `bafy${index}` })
        await node.service.check()
        run = await node.service.run('model', never)
      }
      assert.equal(
        node.service.history('model').versions.map(({ version, cid }) => [version, cid]),
        [
          [4, 'bafy2'],
          [3, 'bafy1'],
        ],
      )
      assert.equal(await node.pinsOf('bafyhelper'), [])
      assert.equal(await node.pinsOf('bafy0'), [])
      assert.equal(await node.pinsOf('bafy1'), ['model:helper@3'])
    },
    { keep: 2 },
  ))

class Killed extends Error {}

/** The end of a run is made of up to that write, and then the process is gone; gives what the model is at that moment. */
async function adoptUpTo(directory: string, world: World, writes: number): Promise<StoredModel> {
  let made = 0
  let isCounting = false
  const node = await startSelfEvolution({
    ...{ directory, world, goals: GOALS },
    onWrite() {
      if (isCounting && made >= writes) throw new Killed()
      if (isCounting) made += 1
    },
  })
  try {
    await node.models.register(HELPER)
    const run = await beginModel(node)
    node.end(run, { better: 30, genome: STEPS, cid: 'bafybetter' })
    isCounting = true
    await node.service.check().catch((error: unknown) => {
      if (!(error instanceof Killed)) throw error
    })
    return await node.models.stored('helper')
  } finally {
    await node.stop()
  }
}

test('cut off before any write of an adoption: each version is whole, and the next start finishes it', async () => {
  const cids = new Set<string>()
  const leftBehind = new Set<string>()
  for (let writes = 0; writes <= 9; writes++)
    await withDirectory(async (directory) => {
      const world = newWorld()
      const left = await adoptUpTo(directory, world, writes)
      assert.ok(left.cid === 'bafybetter' ? left.keeps.length === 0 : left.keeps[0] === 'bafypacked')
      leftBehind.add(left.cid)
      const node = await startSelfEvolution({ directory, world, goals: GOALS })
      try {
        const entry = await node.models.stored('helper')
        const { versions, history } = node.service.history('model')
        const present = versions.find(({ isPresent }) => isPresent)!
        cids.add(entry.cid)
        assert.is(entry.cid, present.cid, `after ${writes} writes`)
        if (entry.cid === HELPER.cid) assert.equal(entry.keeps, HELPER.keeps)
        for (const { cid, version } of versions)
          assert.ok(
            (await node.pinsOf(cid!)).includes(`model:helper@${version}`),
            `${cid} after ${writes} writes`,
          )
        assert.ok((await node.pinsOf(entry.cid)).includes('model:helper'))
        assert.ok(history.filter(({ event }) => event === 'adopted').length <= 1, 'no look is counted twice')
        await node.service.rollback('model', 1)
        assert.equal((await node.models.stored('helper')).cid, HELPER.cid)
      } finally {
        await node.stop()
      }
    })
  assert.is(leftBehind.size, 2, 'some were cut off before the change, some behind it')
  assert.equal([...cids], ['bafybetter'], 'every start goes on from where it was')
})

test('self-evolution that is off runs nothing, and its versions can still be gone back to', async () => {
  await withDirectory(async (directory) => {
    const world = newWorld()
    const on = await startSelfEvolution({ directory, world, goals: GOALS })
    on.end(on.announced[0]!.run, { better: 40, genome: WINNER })
    await on.service.check()
    await on.stop()
    const off = await startSelfEvolution({ directory, world, goals: null })
    try {
      assert.is(off.announced.length, 0)
      assert.ok(!off.service.status().enabled)
      await rejectsCode(off.service.run('notes', never), 'SELF_EVOLUTION_OFF')
      await off.service.rollback('notes', null)
      assert.is(off.settings().weight, 0.5)
    } finally {
      await off.stop()
    }
  })
})

test('a crash right after the announcement: the run is found again by its name, and judged', async () => {
  await withDirectory(async (directory) => {
    const world = newWorld()
    const crashing = await startSelfEvolution({
      ...{ directory, world, goals: GOALS, killed: Killed },
      onWrite() {
        // The id of the run would be written down now.
        if (world.runs.size > 0) throw new Killed()
      },
    })
    await crashing.stop()
    assert.is(world.runs.size, 1)
    const node = await startSelfEvolution({ directory, world, goals: GOALS })
    try {
      assert.is(node.announced.length, 0, 'no second run is begun beside it')
      node.end([...world.runs.keys()][0]!, { better: 40, genome: WINNER })
      await node.service.check()
      assert.equal(node.settings(), WINNING)
    } finally {
      await node.stop()
    }
  })
})

test('killed while a version is put in its place (SIGKILL): either is whole, and what was decided is finished', async () => {
  const program = path.join(import.meta.dirname, '../../helpers/self-evolution-process.ts')
  for (const [writes, expected] of [
    [1, HELPER.cid],
    [3, 'bafybetter'],
  ] as const)
    await withDirectory(async (directory) => {
      const child = fork(program, [directory, String(writes)], { stdio: 'ignore' })
      const [, signal] = await once(child, 'exit')
      assert.is(signal, 'SIGKILL')
      // The ledger of the run is not there any more: what was not decided yet never is.
      const node = await startSelfEvolution({ directory, world: newWorld(), goals: null })
      try {
        const entry = await node.models.stored('helper')
        const present = node.service.history('model').versions.find(({ isPresent }) => isPresent)!
        assert.is(entry.cid, expected)
        assert.is(present.cid, expected)
        assert.equal(entry.keeps, expected === HELPER.cid ? HELPER.keeps : [])
      } finally {
        await node.stop()
      }
    })
})

test.run()
