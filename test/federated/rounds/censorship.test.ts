/** A coordinator that hears nobody but itself, and whose clock runs ahead: the others are heard all the same. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { drawCommittee } from '../../../node/federated/ledger/committee.ts'
import { announceAs, startLiveRuns } from '../../helpers/live-runs.ts'
import { until } from '../../helpers/mesh.ts'
import { toySpec } from '../../helpers/paper-run.ts'
import { peerNamed } from '../../helpers/village.ts'

const test = suite('coordinators that leave out what others say')

test('two of seven that do so are passed over, and nobody honest is sent away', async () => {
  const names = Array.from({ length: 7 }, (_, index) => `member ${index}`)
  const deadlines = { proposeMs: 8_000, commitMs: 8_000, revealMs: 8_000, buildMs: 8_000 }
  const announced = (seed: number) =>
    announceAs(names[0]!, toySpec({ minimum: 7, limits: { generations: 4 }, deadlines, seed }))
  const firstTwo = ({ run }: { run: string }) =>
    drawCommittee(run, 1, names.map(peerNamed), 7).members.slice(0, 2)
  let seed = 1
  while (firstTwo(announced(seed)).includes(peerNamed(names[0]!))) seed++
  const announcement = announced(seed)
  // Those two coordinate the first generation, one after the other; the announcer, who decides alone who joins, is honest.
  const liars = names.filter((name) => firstTwo(announcement).includes(peerNamed(name)))
  const { runs, proposers, states, stop } = startLiveRuns(
    announcement,
    names.map((name) => (liars.includes(name) ? { name, isDeaf: true, clockAheadMs: 9_000 } : { name })),
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
      const late = states.filter(({ participants }) => (participants[peer]?.missed ?? 0) > 0)
      assert.equal(
        late.map(({ height }) => height),
        [],
        'a deadline passed for one who was in time',
      )
    }
    for (const { candidates } of state.history)
      for (const { scorers } of candidates)
        assert.ok(scorers.length > 0 && scorers.some((scorer) => honest.includes(scorer)))
    const theirs = [...proposers.values()].filter((peer) => !honest.includes(peer))
    assert.ok(theirs.length < proposers.size / 2, `${theirs.length} of ${proposers.size} blocks`)
  } finally {
    await stop()
  }
})

test.run()
