/** A coordinator that hears nobody but itself, and whose clock runs ahead: the others are heard all the same. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startLiveRuns } from '../../helpers/live-runs.ts'
import { until } from '../../helpers/mesh.ts'
import { toySpec } from '../../helpers/paper-run.ts'
import { peerNamed } from '../../helpers/village.ts'

const test = suite('coordinators that leave out what others say')

test('two of seven that do so are passed over, and nobody honest is sent away', async () => {
  const names = Array.from({ length: 7 }, (_, index) => `member ${index}`)
  const liars = names.slice(1, 3)
  const deadlines = { proposeMs: 3_000, commitMs: 3_000, revealMs: 3_000, buildMs: 3_000 }
  const spec = toySpec({ minimum: 7, limits: { generations: 4 }, deadlines })
  const { runs, proposers, stop } = startLiveRuns(
    names.map((name) => (liars.includes(name) ? { name, isDeaf: true, clockAheadMs: 9_000 } : { name })),
    spec,
  )
  try {
    const honest = names.filter((name) => !liars.includes(name)).map(peerNamed)
    const stateOf = (peer: string) => runs.get(peer)!.state()
    await until('the run is over', () => honest.every((peer) => stateOf(peer).endedAtMs !== null), 60_000)
    const state = stateOf(honest[0]!)
    assert.is(state.phase, 'published', `${state.endReason}`)
    for (const peer of honest) {
      assert.is(stateOf(peer).tip, state.tip)
      assert.is(state.participants[peer]!.gone, null, 'an honest member was sent away')
    }
    for (const { candidates } of state.history)
      for (const { scorers } of candidates)
        assert.ok(scorers.length > 0 && scorers.some((scorer) => honest.includes(scorer)))
    const coordinators = new Set(state.history.map(({ generation }) => generation))
    assert.ok(coordinators.size >= 4 && proposers.size > 8)
  } finally {
    await stop()
  }
})

test.run()
