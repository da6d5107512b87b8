/** What a training and an evaluation make stays with its owner: other members get it only when it is shared or lent. */
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { announcedModels } from '../../node/compute/models/announced-models.ts'
import { evaluateTask } from '../../node/compute/tasks/evaluate-task.ts'
import { TASK_KINDS } from '../../node/compute/tasks/table.ts'
import type { JsonObject } from '../../node/json.ts'
import { customSuite, evaluateOn, storeFile } from '../helpers/evaluations.ts'
import { type JobNode, startJobNode, startJobVillage, stopJobNodes } from '../helpers/job-nodes.ts'
import { stopMeshNodes, until } from '../helpers/mesh.ts'
import { rejectsCode } from '../helpers/throws.ts'
import { gate } from '../helpers/toy-village.ts'
import { QUICK, trained, withModel } from '../helpers/train-nodes.ts'

/** What a task of an evaluation does first, by whose task it is. */
const before: Record<'owner' | 'member', () => Promise<void>> = {
  owner: async () => undefined,
  member: async () => undefined,
}
const kindsOf = (who: keyof typeof before) =>
  TASK_KINDS.map((kind) =>
    kind.kind === 'evaluate'
      ? {
          ...evaluateTask,
          run: async (...given: Parameters<typeof evaluateTask.run>) => {
            await before[who]()
            return evaluateTask.run(...given)
          },
        }
      : kind,
  )

let owner: JobNode
let member: JobNode

const fetch = (cid: string, from = owner) =>
  member.artifacts.fetch(cid, { signal: AbortSignal.timeout(30_000), providers: [from.peer] })
const refused = (cid: string) => rejectsCode(fetch(cid), 'ARTIFACT_UNAVAILABLE')
const announced = () => announcedModels(owner, 64)

test.before(async () => {
  const [first, second] = await startJobVillage([
    { taskKinds: kindsOf('owner') },
    { accepts: { others: false, own: true }, taskKinds: kindsOf('member') },
  ])
  owner = first!
  member = second!
  const { data } = await withModel(owner)
  await trained(owner, { model: 'tiny', data: [data], id: 'taught', ...QUICK })
})

test('a trained model is private until it is shared, and again when that ends', async () => {
  const base = await owner.models.need('tiny')
  const { cid, report } = await owner.models.need('taught')
  await refused(cid)
  await refused(String(report!.metrics))
  assert.equal(await announced(), [base.cid], 'its CID is not told to the village')
  await owner.models.setShared('taught', true)
  await until('the model is heard of', () => member.shares.list().length === 1)
  assert.is((await fetch(cid)).complete, true)
  assert.equal(await announced(), [base.cid, cid])
  await refused(String(report!.metrics))

  await member.artifacts.remove(cid)
  await owner.models.setShared('taught', false)
  await until('it is not heard of any more', () => !owner.shares.isShared(cid))
  await refused(cid)
})

test('a part of a private model cannot be had by its own CID', async () => {
  const { cid } = await owner.models.need('taught')
  const directory = await owner.artifacts.materialize(cid, path.join(owner.mesh.directory, 'models'))
  // Added without a record of its own here: the CID of a file is that of its content.
  const file = await member.artifacts.addPath(path.join(directory, 'model.onnx'))
  await member.artifacts.remove(file.cid)
  await refused(file.cid)
})

test('a model compressed from a private one is private', async () => {
  const { id } = await owner.jobs.submit({
    kind: 'compress',
    params: { model: 'taught', codec: 'int8', id: 'small', minElements: 64 },
  })
  const job = await owner.jobs.wait(id, { signal: AbortSignal.timeout(60_000) })
  assert.is(job.state, 'done', JSON.stringify(job.error))
  const { cid, report } = await owner.models.need('small')
  const packed = (report!.packed as JsonObject).cid as string
  for (const one of [cid, packed]) assert.is((await owner.artifacts.info(one))!.private, true)
  await refused(cid)
})

test('an evaluation lends peers the model and the items while they work, and never the answers', async () => {
  const { cid } = await owner.models.need('taught')
  const data = await storeFile(owner, customSuite(24))
  const look = async () => {
    const of = async (what: string) =>
      (await owner.artifacts.list()).find(({ name }) => name === `custom.${what}.jsonl`)!.cid
    await refused(data)
    await refused(await of('answers'))
    return [(await fetch(cid)).complete, (await fetch(await of('items'))).complete]
  }
  let looked: Promise<boolean[]> | null = null
  before.owner = async () => {
    looked ??= look()
    await looked
  }
  const params = { models: ['taught'], suite: 'custom', files: { data } }
  const result = await evaluateOn(owner, params)
  assert.equal(await looked, [true, true])
  const own = [String(result.itemList), ...(result.artifacts as string[])]
  for (const one of [cid, own[0]!]) await member.artifacts.remove(one)
  for (const one of [cid, ...own]) await refused(one)

  const worked = gate()
  before.owner = () => worked.opened
  before.member = async () => worked.open()
  member.resources.set({ others: true, own: true })
  const shared = await evaluateOn(owner, params)
  member.resources.set({ others: false, own: true })
  const rows = ({ models }: JsonObject) => (models as JsonObject[]).map(({ results }) => results)
  assert.equal(rows(shared), rows(result))
  assert.ok(await member.artifacts.has(cid))
})

test('what is private stays so over a restart, and is public once it is pinned as public', async () => {
  const { cid } = await owner.models.need('taught')
  const { directory } = owner.mesh
  await owner.stop()
  owner = await startJobNode({ directory })
  await until('they are connected', () => member.mesh.mesh.peers().some(({ peer }) => peer === owner.peer))
  if (await member.artifacts.has(cid)) await member.artifacts.remove(cid, { force: true })
  await refused(cid)
  assert.not((await announced()).includes(cid))

  const written = await owner.artifacts.materialize(cid, path.join(directory, 'models'))
  assert.is((await owner.artifacts.addPath(written)).private, true)
  const again = await owner.artifacts.addPath(written, { pin: 'mine' })
  assert.is(again.cid, cid)
  assert.is(again.private, undefined)
  assert.is((await fetch(cid)).complete, true)
})

test.after(async () => {
  await stopJobNodes()
  await stopMeshNodes()
})
test.run()
