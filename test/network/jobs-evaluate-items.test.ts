/** Evaluations over items on real services: shared by peers, the same as alone, and no lie in them. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeRecords, encodeRecords, type ItemRecord } from '../../node/compute/evaluate/item-records.ts'
import { evaluateTask } from '../../node/compute/tasks/evaluate-task.ts'
import { TASK_KINDS } from '../../node/compute/tasks/table.ts'
import type { TaskKind } from '../../node/compute/tasks/task.ts'
import { isJsonObject, type JsonObject } from '../../node/json.ts'
import { customSuite, evaluateOn, storeFile } from '../helpers/evaluations.ts'
import { type JobNode, startJobVillage } from '../helpers/job-nodes.ts'
import { writeTinyLanguageModel } from '../helpers/language-models.ts'
import { end, gate, stopAll } from '../helpers/toy-village.ts'

const root = mkdtempSync(path.join(tmpdir(), 'village-evaluate-items-'))
test.after(async () => {
  await stopAll()
  rmSync(root, { recursive: true, force: true })
})

const ITEMS = 48

const withEvaluate = (run: TaskKind['run']): readonly TaskKind[] =>
  TASK_KINDS.map((kind) => (kind.kind === 'evaluate' ? { ...evaluateTask, run } : kind))

function addTiny(node: JobNode, id: string, seed: number) {
  const directory = path.join(root, `${id}-${seed}`)
  writeTinyLanguageModel(directory, 'llama', { seed })
  return node.models.add({ path: directory, id })
}

const rowsOf = (result: JsonObject): JsonObject[] => (result.models as JsonObject[]).filter(isJsonObject)

test('three peers give the same results by item as one', async () => {
  const opened = gate()
  // The owner's own tasks wait until both others have done some: all three take part.
  const worked = new Set<number>()
  const ownerWorked = Promise.withResolvers<void>()
  // Each has one result at least, however slow it is: nobody gives a second one before the others have given theirs.
  const worker = (index: number) =>
    withEvaluate(async (params, context) => {
      const output = await evaluateTask.run(params, context)
      if (worked.has(index)) await ownerWorked.promise
      worked.add(index)
      if (worked.size === 2) opened.open()
      return output
    })
  const nodes = await startJobVillage([
    {
      taskKinds: withEvaluate(async (params, context) => {
        await opened.opened
        const output = await evaluateTask.run(params, context)
        ownerWorked.resolve()
        return output
      }),
    },
    { taskKinds: worker(1) },
    { taskKinds: worker(2) },
  ])
  const owner = nodes[0]!
  await addTiny(owner, 'one', 1)
  await addTiny(owner, 'two', 2)
  const data = await storeFile(owner, customSuite(ITEMS))
  const params = { models: ['one', 'two'], suite: 'custom', files: { data } }
  let shared = await evaluateOn(owner, params)
  const workers = () =>
    Object.keys(owner.jobs.list().findLast(({ kind }) => kind === 'evaluate')!.shares).length
  // A peer whose results all came second to another's has no share: then the three are asked again.
  for (let again = 0; again < 9 && workers() < 3; again++) shared = await evaluateOn(owner, params)
  assert.is(workers(), 3, 'all of them worked')
  const uploaded = await owner.artifacts.info(data)
  assert.equal(uploaded!.pins, [], 'the data was kept for the job, and let go with its end')
  for (const node of nodes.slice(1)) await node.stop()
  const alone = await evaluateOn(owner, params)
  for (const [index, row] of rowsOf(shared).entries()) {
    const other = rowsOf(alone)[index]!
    assert.is(row.results, other.results, 'equal records, byte for byte')
    assert.is(row.itemScores, other.itemScores)
    assert.equal(row.metrics, other.metrics)
    assert.equal(row.comparison, other.comparison)
  }
  assert.is(shared.items, ITEMS)
  const records = decodeRecords(await owner.artifacts.read(String(rowsOf(shared)[0]!.results))).records
  assert.equal(
    records.map(({ type }) => type),
    Array.from({ length: ITEMS }, (_, index) => ['choice', 'generate', 'text'][index % 3]),
  )
  assert.is(rowsOf(shared)[0]!.comparison, null, 'nothing is compared with itself')

  const broken = await storeFile(owner, '{"type":"text","text":"fine"}\n{"type":"text"}\n')
  const { id } = await owner.jobs.submit({ kind: 'evaluate', params: { ...params, files: { data: broken } } })
  const failed = await end(owner, id)
  assert.is(failed.error?.code, 'EVALUATION_DATA_INVALID')
  assert.match(failed.error!.message, /^data\.jsonl, line 2: "text" is not a text/)
  await owner.stop()
})

/** One item of a task, told otherwise. */
const LIES: Readonly<Record<string, (record: ItemRecord) => ItemRecord | null>> = {
  'another choice': (record) => {
    if (record.type !== 'choice') return null
    const worst = record.choices.reduce((least, one) =>
      one.logProbability < least.logProbability ? one : least,
    )
    const [first, ...rest] = record.choices.filter((one) => one !== worst)
    return { ...record, choices: [{ ...first!, logProbability: -0.01 }, ...rest, worst] }
  },
  'another text': (record) => {
    if (record.type !== 'generate') return null
    const [sample] = record.samples
    const tokens = sample!.tokens.map((one) => ({ ...one, token: 101, runnerUp: 102 }))
    return { ...record, samples: [{ ...sample!, tokens, text: 'e'.repeat(tokens.length) }] }
  },
  'a likelier reading': (record) =>
    record.type === 'text' ? { ...record, logProbability: record.logProbability / 2 } : null,
}

for (const [name, lie] of Object.entries(LIES))
  test(`a trusted worker that tells ${name} for one item of each task is caught`, async () => {
    let lying = false
    let lies = 0
    const own = gate()
    let wait: Promise<void> = gate().opened
    const first = gate()
    wait = first.opened
    const [owner, liar] = (await startJobVillage([
      {
        taskKinds: withEvaluate((params, context) => wait.then(() => evaluateTask.run(params, context))),
        // Trusted after one result, and then never spot-checked: nothing but known answers can find it out.
        config: { 'jobs.trustAfter': 1 },
        random: () => 0.999,
      },
      {
        taskKinds: withEvaluate(async (params, context) => {
          const honest = await evaluateTask.run(params, context)
          first.open()
          if (!lying) return honest
          const { start, records } = decodeRecords(honest.bytes)
          const at = records.findLastIndex((record) => lie(record) !== null)
          lies += 1
          const told = records.map((record, index) => (index === at ? lie(record)! : record))
          return { ...honest, bytes: encodeRecords({ start, records: told }) }
        }),
      },
    ])) as [JobNode, JobNode]
    await addTiny(owner, 'tiny', 3)
    const data = await storeFile(owner, customSuite(ITEMS))
    const params = { models: ['tiny'], suite: 'custom', files: { data } }
    const truth = await evaluateOn(owner, params)
    assert.ok(
      owner.jobs.trust().some(({ peer, consecutiveValid }) => peer === liar.peer && consecutiveValid >= 1),
      'it is not trusted',
    )
    wait = own.opened
    owner.mesh.events.subscribe((event) => {
      if (event.type === 'peer:quarantined') own.open()
    })
    lying = true
    const result = await evaluateOn(owner, params)
    assert.ok(lies > 0)
    assert.is(
      owner.jobs.trust().find(({ peer, reason }) => peer === liar.peer && reason !== null)?.kind,
      'evaluate',
    )
    assert.is(rowsOf(result)[0]!.results, rowsOf(truth)[0]!.results, 'none of its lies is used')
    await liar.stop()
    await owner.stop()
  })

test.run()
