/** What a run costs, told before it begins: a measured candidate, counted as often as the limits allow. */
import { once } from 'node:events'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { STRATEGIES } from '../../../node/federated/evolve/table.ts'
import { measureCost, runCost } from '../../../node/federated/rounds/run-cost.ts'
import { rulesOf } from '../../../node/federated/rounds/run-opening.ts'
import { parseRunSpec } from '../../../node/federated/rounds/spec-check.ts'
import type { WorkGate } from '../../../node/federated/rounds/work-gate.ts'
import { choiceNames } from '../../../node/federated/workloads/compress-options.ts'
import type { Workload, WorkloadContext } from '../../../node/federated/workloads/workload.ts'
import { toyWorkload } from '../../helpers/toy-workload.ts'

const test = suite('cost of a run')

const SPEC = {
  name: 'cube',
  workload: { kind: 'toy', options: { items: 10 } },
  ...{ strategy: { name: 'tournament', options: {} }, population: 8, scorers: 2 },
  limits: { generations: 5 },
}
const open = (workload: Workload, spec: object = SPEC) =>
  rulesOf({ workloads: { toy: workload }, strategies: STRATEGIES }, '', parseRunSpec(spec))

/** Lets everything in at once, and tells what was asked for. */
function openGate(asked: { own: boolean; memoryBytes: number }[] = []): WorkGate {
  return {
    within(init, work) {
      asked.push({ own: init.own, memoryBytes: init.memoryBytes })
      return work()
    },
    lentBytes: () => 7,
    stop() {},
  }
}
const context = {} as WorkloadContext

test('every scoring counts: of each candidate by each scorer, of the finalists, of the winner beside the seeds', () => {
  const { rules } = open(toyWorkload())
  const cost = runCost(rules, { candidate: 'x', candidateMs: 2_000, isAtLeast: false })
  // Forty candidates, three finalists, and the winner with two seeds, each by two members, over the same ten items.
  assert.equal([cost.items, cost.scorings, cost.workMs], [10, 2 * (40 + 3 + 3), 2 * 46 * 2_000])
  const bounded = open(toyWorkload(), { ...SPEC, limits: { generations: 5, evaluations: 12 } })
  assert.is(
    runCost(bounded.rules, { candidate: 'x', candidateMs: 1, isAtLeast: false }).scorings,
    2 * (12 + 3 + 3),
  )
})

test('one seed is scored, alone on the machine, and timed', async () => {
  let nowMs = 100
  const seen: unknown[] = []
  const asked: { own: boolean; memoryBytes: number }[] = []
  const workload = toyWorkload({
    watch(genome, split) {
      seen.push([genome, split])
      nowMs += 1_250
    },
  })
  const run = open(workload)
  const cost = await measureCost({ gate: openGate(asked), context }, run, {
    ...{ signal: new AbortController().signal, now: () => nowMs },
  })
  assert.equal(seen, [[run.rules.space.seeds[0], 'selection']])
  assert.equal(asked, [{ own: true, memoryBytes: 7 }], 'all that is lent: nothing else is scored meanwhile')
  assert.equal([cost.candidateMs, cost.isAtLeast], [1_250, false])
})

test('what takes longer than there is time is told as at least that; whoever asked may go', async () => {
  const slow: Workload = {
    ...toyWorkload(),
    async score(_options, _genome, _split, _context, signal) {
      if (!signal.aborted) await once(signal, 'abort')
      throw signal.reason
    },
  }
  const run = open(slow)
  const cost = await measureCost({ gate: openGate(), context }, run, {
    ...{ signal: new AbortController().signal, measureMs: 1 },
  })
  assert.is(cost.isAtLeast, true)
  const gone = AbortSignal.abort(new Error('gone'))
  await measureCost({ gate: openGate(), context }, run, { signal: gone }).then(
    () => assert.unreachable(),
    (error: Error) => assert.is(error.message, 'gone'),
  )
})

test('choices of a compression are called by codec and bits, and by more only where these are the same', () => {
  assert.equal(
    choiceNames([
      { codec: 'int8', params: { blockSize: 128 } },
      { codec: 'trellis', params: { bits: 2, blockSize: 128 } },
      { codec: 'seedlm', params: { bits: 3, outliers: 0, search: 'fast' } },
      { codec: 'seedlm', params: { bits: 3, outliers: 1, search: 'fast' } },
    ]),
    [
      ...['int8', 'trellis, 2 bits'],
      ...['seedlm, 3 bits (outliers 0, search fast)', 'seedlm, 3 bits (outliers 1, search fast)'],
    ],
  )
})

test.run()
