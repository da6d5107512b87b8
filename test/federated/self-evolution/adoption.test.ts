/** From a run that has ended to what is present: adopted or not, kept, and put back. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  beginModel,
  DAY_MS,
  GOALS,
  HELPER,
  last,
  never,
  STEPS,
  WINNER,
  WINNING,
  withDirectory,
  withNode,
} from '../../helpers/self-evolution-goals.ts'
import { newWorld, startSelfEvolution } from '../../helpers/self-evolution-node.ts'
import { rejectsCode } from '../../helpers/throws.ts'

const test = suite('adoption of self-evolution')

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

test('a model that comes out otherwise when it is built here is not adopted', async () => {
  const world = newWorld()
  await withNode(
    async (node) => {
      await node.models.register(HELPER)
      const run = await beginModel(node)
      world.builds = 'bafyhonest'
      node.end(run, { better: 55, genome: STEPS, cid: 'bafyforged' })
      await node.service.check()
      assert.is((await node.models.need('helper')).cid, HELPER.cid)
      assert.is(last(node, 'model').reason, 'SELF_EVOLUTION_BUILD_DIFFERS')
      assert.equal(await node.pinsOf('bafyhonest'), [])
      assert.is(node.service.status().goals.find(({ goal }) => goal === 'model')!.looks, 1)
    },
    { world },
  )
})

test('what somebody has put in place by hand is a version that can be come back to', () =>
  withNode(async (node) => {
    node.end(node.announced[0]!.run, { better: 40, genome: WINNER })
    node.resources.isAccepting = false
    await node.service.check()
    const own = { weight: 0.33, feedback: false, candidates: 7 }
    node.setSettings(own)
    await node.service.rollback('notes', null)
    assert.equal(node.settings(), WINNING)
    await node.service.rollback('notes', 3)
    assert.equal(node.settings(), own)
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

test.run()
