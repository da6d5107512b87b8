import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { slowness, startDeadline } from './deadline.ts'

const test = suite('deadline of a test file')

/** How often the machine was looked at before a deadline of so many milliseconds was over. */
function looksUntilEnd(slownessAt: (look: number) => number): Promise<number> {
  return new Promise((resolve) => {
    let looks = 0
    startDeadline(
      40,
      () => slownessAt(++looks),
      () => resolve(looks),
    )
  })
}

test('a machine at rest has the whole of it at once, a busy one as many times longer', async () => {
  const atRest = await looksUntilEnd(() => 1)
  assert.is(await looksUntilEnd(() => 3), 3 * atRest)
})

test('only the time in which the machine is busy is stretched', async () => {
  const atRest = await looksUntilEnd(() => 1)
  assert.is(await looksUntilEnd((look) => (look <= 4 ? 2 : 1)), atRest + 2)
})

test('what is called off never ends', async () => {
  let ended = false
  const callOff = startDeadline(
    1,
    () => 1,
    () => (ended = true),
  )
  callOff()
  await looksUntilEnd(() => 1)
  assert.not.ok(ended)
})

test('a machine is never said to be faster than at rest, and what hangs is ended some time', () => {
  assert.ok(slowness() >= 1 && slowness() <= 6)
})

test.run()
