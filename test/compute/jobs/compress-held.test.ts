/** What a search lets go of, and how a model that won all the same is noticed to be gone. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isHeld } from '../../../node/compute/jobs/compress-stages.ts'
import type { CompressStages } from '../../../node/compute/jobs/compress-state.ts'

/** Only what isHeld() asks of a job is here: its last build, and which artifacts there are. */
function stagesWith(held: readonly string[]): CompressStages {
  const built = { packed: { cid: 'packed' }, runnable: { cid: 'runnable' }, report: {} }
  const artifacts = {
    read: async () => Buffer.from(JSON.stringify(built)),
    has: async (cid: string) => held.includes(cid),
  }
  const stages = [{ name: 'build', facts: { built: 'file' }, results: [] }]
  // The other members of a job are not used.
  return { params: {}, stages, context: { artifacts } } as unknown as CompressStages
}

test('a model is held when both of its forms are', async () => {
  assert.is(await isHeld(stagesWith(['packed', 'runnable'])), true)
  assert.is(await isHeld(stagesWith(['runnable'])), false)
  assert.is(await isHeld(stagesWith(['packed'])), false)
})

test.run()
