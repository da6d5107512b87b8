/** A worker that evaluates honestly but for one item of each task, on real services: hidden known answers find it out. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeResults, encodeResults } from '../../node/compute/evaluate/results.ts'
import { evaluateTask } from '../../node/compute/tasks/evaluate-task.ts'
import { TASK_KINDS } from '../../node/compute/tasks/table.ts'
import type { TaskKind } from '../../node/compute/tasks/task.ts'
import { type JobNode, startJobVillage } from '../helpers/job-nodes.ts'
import { end, gate, stopAll } from '../helpers/toy-village.ts'

test.after(stopAll)

const withEvaluate = (run: TaskKind['run']): readonly TaskKind[] =>
  TASK_KINDS.map((kind) => (kind.kind === 'evaluate' ? { ...evaluateTask, run } : kind))

test('a trusted worker that lies on one item of each task is quarantined, and none of its lies is used', async () => {
  let lying = false
  let lies = 0
  // On a busy machine the owner would have done all before the other had its first result.
  let own = gate()
  const [owner, liar] = (await startJobVillage([
    {
      taskKinds: withEvaluate((params, context) => own.opened.then(() => evaluateTask.run(params, context))),
      // Trusted after one result, and then never spot-checked: nothing but known answers can find it out.
      config: { 'jobs.trustAfter': 1 },
      random: () => 0.999,
    },
    {
      taskKinds: withEvaluate(async (params, context) => {
        const honest = await evaluateTask.run(params, context)
        if (!lying) {
          own.open()
          return honest
        }
        const results = decodeResults(honest.bytes)
        const last = results.vectors.subarray((results.count - 1) * results.dims)
        for (const [index, value] of last.entries()) last[index] = -value
        lies += 1
        return { bytes: encodeResults(results), stats: honest.stats }
      }),
    },
  ])) as [JobNode, JobNode]
  await owner.models.add({ embedded: 'encoder' })
  const evaluate = async () => {
    const { id } = await owner.jobs.submit({ kind: 'evaluate', params: { models: ['encoder'] } })
    return await end(owner, id)
  }
  const truth = await evaluate()
  assert.is(truth.state, 'done', JSON.stringify(truth.error))
  assert.ok(
    owner.jobs.trust().some(({ peer, consecutiveValid }) => peer === liar.peer && consecutiveValid >= 1),
    'it is not trusted',
  )

  // Its owner works on this one only when the liar is caught: no result of its own is there to compare with.
  own = gate()
  owner.mesh.events.subscribe((event) => {
    if (event.type === 'peer:quarantined') own.open()
  })
  lying = true
  const summary = await evaluate()
  assert.is(summary.state, 'done', JSON.stringify(summary.error))
  assert.ok(lies > 0)
  const entry = owner.jobs.trust().find(({ peer, reason }) => peer === liar.peer && reason !== null)
  assert.is(entry?.kind, 'evaluate')
  assert.ok(entry!.quarantinedUntilMs! > Date.now())
  assert.equal(Object.keys(summary.shares), [owner.peer])
})

test.run()
