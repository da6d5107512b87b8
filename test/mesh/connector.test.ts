/** Members that cannot be reached are tried again, whatever is done to the clock of the day. */
import { mock } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createConnector } from '../../node/mesh/connector.ts'
import type { Host } from '../../node/mesh/host.ts'
import { TEST_LOG } from '../helpers/mesh.ts'
import { peerNamed } from '../helpers/village.ts'

const test = suite('connector')

test.before.each(() => mock.timers.enable({ apis: ['setInterval'] }))
test.after.each(() => {
  mock.timers.reset()
  mock.restoreAll()
})

test('a clock that is set back keeps no member from being dialled', async () => {
  let elapsedMs = 0
  let offsetMs = 0
  mock.method(Date, 'now', () => 1_800_000_000_000 + elapsedMs + offsetMs)
  let dials = 0
  const host = {
    getPeers: () => [],
    addEventListener() {},
    removeEventListener() {},
    peerStore: { has: async () => true, get: async () => ({ addresses: [{}] }) },
    async dial() {
      dials += 1
      throw new Error('nobody is there')
    },
  }
  const connector = createConnector(
    { log: TEST_LOG, host: host as unknown as Host /* what a connector uses of one */ },
    {
      self: peerNamed('self'),
      members: () => [peerNamed('ann')],
      mayDial: () => true,
      meet() {},
      bootstrap: [],
      maxConnections: 10,
      elapsedMs: () => elapsedMs,
    },
  )
  connector.start()
  async function pass(seconds: number): Promise<number> {
    const before = dials
    for (let second = 0; second < seconds; second++) {
      elapsedMs += 1_000
      mock.timers.tick(1_000)
      for (let turn = 0; turn < 4; turn++) await setImmediate()
    }
    return dials - before
  }
  assert.ok((await pass(120)) >= 5, 'less and less often')
  offsetMs = -3_600_000
  const later = await pass(300)
  assert.ok(later >= 4 && later <= 6, `${later} dials in five minutes`)
  await connector.stop()
})

test.run()
