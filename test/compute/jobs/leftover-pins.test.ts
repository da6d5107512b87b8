import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { dropLeftoverPins, isLeftover } from '../../../node/compute/jobs/leftover-pins.ts'
import { newJobId } from '../../../node/compute/jobs/submission.ts'

const PEER = '12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5'
const [running, ended, gone] = [newJobId(), newJobId(), newJobId()]
const JOBS = new Map([
  [running, { running: true }],
  [ended, { running: false }],
])

for (const [pin, expected] of [
  [`work:${PEER}`, true],
  [`work:${PEER}:17`, true],
  [`job:${running}`, false],
  [`job:${running}:tasks`, false],
  [`job:${ended}`, false],
  [`job:${ended}:tasks`, true],
  [`job:${gone}`, true],
  [`job:${gone}:tasks`, true],
  ['work:of art', false],
  ['job:interview', false],
  ['model:encoder', false],
  ['mine', false],
] as const)
  test(`${pin.replaceAll(/[a-z2-9]{10}(?=$|:)/g, 'ID')} is ${expected ? '' : 'not '}left over`, () => {
    assert.is(isLeftover(pin, JOBS), expected)
  })

test('only leftovers are taken away', async () => {
  const pins = new Map([
    ['a', [`work:${PEER}`, 'mine']],
    ['b', [`job:${running}:tasks`, `job:${gone}`]],
  ])
  const artifacts = {
    list: async () => [...pins].map(([cid, names]) => ({ cid, pins: [...names] }) as never),
    unpin: async (cid: string, name: string) => {
      pins.set(
        cid,
        pins.get(cid)!.filter((pin) => pin !== name),
      )
    },
  }
  await dropLeftoverPins({ artifacts }, JOBS)
  assert.equal([...pins.values()], [['mine'], [`job:${running}:tasks`]])
})

test.run()
