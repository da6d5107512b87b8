/** Each version is whole wherever a process ends, and the next start finishes what was decided. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { StoredModel } from '../../../node/compute/models/model-entry.ts'
import {
  beginModel,
  GOALS,
  HELPER,
  STEPS,
  WINNER,
  WINNING,
  withDirectory,
} from '../../helpers/self-evolution-goals.ts'
import { newWorld, startSelfEvolution, type World } from '../../helpers/self-evolution-node.ts'

const test = suite('crashes of self-evolution')

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
