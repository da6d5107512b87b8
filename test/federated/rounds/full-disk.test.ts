/** A member whose disk takes nothing for a while: what it could not write it does not say, whoever asks. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeMessage } from '../../../node/federated/rounds/consensus/messages.ts'
import type { HeightRecord } from '../../../node/federated/rounds/consensus/record.ts'
import { announceAs, startLiveRuns } from '../../helpers/live-runs.ts'
import { until } from '../../helpers/mesh.ts'
import { toySpec } from '../../helpers/paper-run.ts'
import { peerNamed } from '../../helpers/village.ts'

const test = suite('a run on a full disk')

test('votes that were not written are not said', async () => {
  const names = Array.from({ length: 4 }, (_, index) => `member ${index}`)
  const spec = toySpec({
    minimum: 4,
    limits: { generations: 2 },
    deadlines: { proposeMs: 8_000, commitMs: 8_000, revealMs: 8_000, buildMs: 8_000 },
  })
  const kept = new Set<string>()
  const unkept: string[] = []
  let failures = 0
  const nameOf = ({ height, view, step, hash }: HeightRecord['votes'][number]) =>
    `${height} ${view} ${step} ${hash}`
  const { runs, stop } = startLiveRuns(
    announceAs(names[0]!, spec),
    names.map((name, index) =>
      index === 3
        ? {
            name,
            async keepRecord(record) {
              // The second vote of every other height, and all that follow until the height is over.
              if (record.height % 2 === 0 && record.votes.length > 1) {
                failures += 1
                setImmediate(() => runs.get(peerNamed(name))!.greet(peerNamed(names[0]!)))
                throw new Error('the disk is full')
              }
              for (const vote of record.votes) kept.add(nameOf(vote))
            },
            watch(bytes) {
              const { vote } = decodeMessage(bytes)
              if (!kept.has(nameOf(vote))) unkept.push(nameOf(vote))
            },
          }
        : { name },
    ),
  )
  try {
    const isOver = (name: string) => runs.get(peerNamed(name))!.state().endedAtMs !== null
    await until('the run is over', () => names.every(isOver), 60_000)
    assert.ok(failures > 0, 'the disk was full')
    assert.equal(unkept, [])
  } finally {
    await stop()
  }
})

test.run()
