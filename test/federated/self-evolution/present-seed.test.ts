/** The genome that stands for what there is now, in each kind of run that may replace it. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { StoredModel } from '../../../node/compute/models/model-entry.ts'
import { optionsOf, presentSeed } from '../../../node/federated/self-evolution/present-seed.ts'
import { agentWorkload } from '../../../node/federated/workloads/agent-workload.ts'
import {
  type MergeSpace,
  mergeCandidate,
  mergeSpace,
} from '../../../node/federated/workloads/merge-genome.ts'
import { perturbSpace, perturbSteps } from '../../../node/federated/workloads/perturb-genome.ts'
import { throwsCode } from '../../helpers/throws.ts'

const test = suite('present version among the seeds')

const JUDGED = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'
const modelWith = (cid: string) => ({ kind: 'model' as const, entry: { id: 'm', cid } as StoredModel })
const space: MergeSpace = {
  ...{ parents: 2, hasBase: true, methods: ['task_arithmetic', 'ties'], maxWeight: 1.25 },
  ...{ groups: { layers: 4, groups: 2, split: false }, selection: [10] },
}

test('of a merge: the base with no weights, a parent with all of its own', () => {
  const { seeds } = mergeSpace(space)
  const options = { base: 'bafybase', parents: ['bafyred', 'bafyblue'] }
  const weights = (cid: string) =>
    mergeCandidate(space, presentSeed(modelWith(cid), { kind: 'merge', options }, seeds)).groups.map(
      (group) => group.weights,
    )
  for (const [cid, expected] of [
    ['bafybase', [0, 0]],
    ['bafyred', [1, 0]],
    ['bafyblue', [0, 1]],
  ] as const)
    for (const group of weights(cid)) assert.equal(group, expected)
  throwsCode(
    () => presentSeed(modelWith('bafygreen'), { kind: 'merge', options }, seeds),
    'SELF_EVOLUTION_NO_PRESENT',
  )
})

test('of a perturbation: no step', () => {
  const { seeds } = perturbSpace({ directions: 3, selection: [10] })
  const workload = { kind: 'perturbation', options: { model: 'bafyone' } }
  assert.equal(perturbSteps({ directions: 3 }, presentSeed(modelWith('bafyone'), workload, seeds)), [])
  throwsCode(() => presentSeed(modelWith('bafytwo'), workload, seeds), 'SELF_EVOLUTION_NO_PRESENT')
})

test('of settings: the nearest genome, which is the only seed of the run', () => {
  const settings = { weight: 0.437, feedback: true, candidates: 60 }
  const content = { kind: 'collection' as const, settings }
  const options = agentWorkload.parseOptions({
    ...{ judged: JUDGED, selection: 5, validation: 0, final: 5 },
    ...optionsOf(content),
  })
  const { seeds, encode, decode } = agentWorkload.space(options)
  assert.equal(seeds, [{ c: 50, f: 1, w: 44 }])
  assert.equal(presentSeed(content, { kind: 'agent', options }, seeds), seeds[0])
  assert.equal(decode(encode(seeds[0]!)), seeds[0])
  assert.is(
    agentWorkload.space(agentWorkload.parseOptions({ judged: JUDGED, selection: 5, validation: 0, final: 5 }))
      .seeds.length,
    6,
  )
  throwsCode(
    () => agentWorkload.parseOptions({ judged: JUDGED, present: { w: 101, f: 0, c: 100 } }),
    'INVALID_ARGUMENT',
  )
})

test.run()
