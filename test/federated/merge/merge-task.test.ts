/** What a task of merging takes from strangers: parameters, recipes, results. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createKnownAnswers } from '../../../node/compute/tasks/known-answers.ts'
import type { TaskContext } from '../../../node/compute/tasks/task.ts'
import { mergeMemoryBytes, slicesOf } from '../../../node/federated/merge/merge-job.ts'
import { type MergeTask, mergeTask } from '../../../node/federated/merge/merge-task.ts'
import { MERGE_OPERATIONS } from '../../../node/federated/merge/operations.ts'
import type { JsonObject } from '../../../node/json.ts'
import { writeTinySource } from '../../helpers/language-models.ts'
import { TEST_LOG } from '../../helpers/mesh.ts'
import { rejectsCode, throwsCode } from '../../helpers/throws.ts'

const root = mkdtempSync(path.join(tmpdir(), 'village-merge-task-'))
test.after(() => rmSync(root, { recursive: true, force: true }))
for (const [index, cid] of ['cid-a', 'cid-b'].entries())
  writeTinySource(path.join(root, cid), 'llama', { seed: index + 1 })

const RECIPE: JsonObject = {
  merge_method: 'linear',
  models: ['cid-a', 'cid-b'].map((model) => ({ model, parameters: { weight: 1 } })),
}
const signal = new AbortController().signal

/** Rows run in this thread. */
const kind = mergeTask({
  pool: {
    async run(name, input) {
      const operation = MERGE_OPERATIONS[name as keyof typeof MERGE_OPERATIONS] as (
        input: unknown,
        signal: AbortSignal,
      ) => unknown
      return (await operation(input, signal)) as never
    },
  },
})

function contextOf(recipe: unknown): TaskContext {
  const unused = () => Promise.reject(new Error('not used'))
  return {
    artifacts: {
      read: async () => Buffer.from(typeof recipe === 'string' ? recipe : JSON.stringify(recipe)),
      materialize: async (cid) => path.join(root, cid),
      fetch: unused,
      has: async () => true,
    },
    pool: { run: unused },
    modelsDirectory: root,
    signal,
    progress() {},
    known: createKnownAnswers({ random: () => 0.5 }),
    log: TEST_LOG,
  }
}

const models = ['cid-a', 'cid-b']
const placed = models.map((name) => ({ name, directory: path.join(root, name), cid: name }))
const { tensors } = await MERGE_OPERATIONS['merge.survey']({ recipe: RECIPE, models: placed })
const [slice] = slicesOf(tensors.slice(1), 8_000)
const task: MergeTask = {
  recipe: 'cid-recipe',
  models,
  ...slice!,
  from: slice!.from + 1,
  end: slice!.end + 1,
}

test('an honest result is right, whatever is looked at', async () => {
  const context = contextOf(RECIPE)
  const output = await kind.run(kind.parseParams(task), context)
  assert.is(output.bytes.byteLength, task.elements * 4)
  await kind.inspect(task, output, context)
  const spot = await kind.verify(task, output, context, 'spot', () => 0.5)
  assert.is(spot.exact, task.end - task.from === 1)
  await kind.verify(task, output, context, 'full', () => 0.99)
  assert.is(kind.agree(output, { bytes: output.bytes.slice(), stats: {} }), true)
})

test('a result with another bit is found by a look at its tensor, and disagrees', async () => {
  const context = contextOf(RECIPE)
  const output = await kind.run(task, context)
  const bytes = output.bytes.slice()
  bytes[0]! ^= 1
  await rejectsCode(
    kind.verify(task, { bytes, stats: {} }, context, 'spot', () => 0),
    'RESULT_INVALID',
  )
  assert.is(kind.agree(output, { bytes, stats: {} }), false)
})

test('a result of another size, or with what is no number, is refused unseen', async () => {
  const context = contextOf(RECIPE)
  const { bytes } = await kind.run(task, context)
  const short = { bytes: bytes.subarray(4), stats: {} }
  await rejectsCode(kind.inspect(task, short, context), 'RESULT_INVALID')
  const infinite = bytes.slice()
  new DataView(infinite.buffer).setFloat32(8, Number.POSITIVE_INFINITY, true)
  await rejectsCode(kind.inspect(task, { bytes: infinite, stats: {} }, context), 'RESULT_INVALID')
})

test('a recipe of a stranger names nothing but the inputs of its task', async () => {
  const named = (model: string): JsonObject => ({
    merge_method: 'passthrough',
    models: [{ model }],
  })
  for (const model of ['/etc', '../cid-a', path.join(root, 'cid-a'), 'cid-c'])
    await rejectsCode(kind.run(task, contextOf(named(model))), 'INVALID_ARGUMENT')
  await rejectsCode(kind.run(task, contextOf('no JSON')), 'INVALID_ARGUMENT')
  await rejectsCode(kind.run(task, contextOf([1])), 'INVALID_ARGUMENT')
  await rejectsCode(kind.run(task, contextOf({ merge_method: 'none' })), 'MERGE_RECIPE_INVALID')
  await rejectsCode(kind.run({ ...task, end: 5_000 }, contextOf(RECIPE)), 'INVALID_ARGUMENT')
})

test('parameters are checked', () => {
  const wrong: JsonObject[] = [
    { from: -1 },
    { from: task.end },
    { elements: 2 ** 40 },
    { models: [] },
    { recipe: '' },
    { more: 1 },
  ]
  for (const change of wrong) throwsCode(() => kind.parseParams({ ...task, ...change }), 'INVALID_ARGUMENT')
  throwsCode(() => kind.parseParams(null), 'INVALID_ARGUMENT')
})

test('slices cover every tensor that is not larger than one, once and in order', () => {
  const sizes = [5, 3, 20, 4, 4, 4, 1, 30, 2]
  const slices = slicesOf(
    sizes.map((elements, at) => ({ name: `t${at}`, elements })),
    9,
  )
  assert.equal(
    slices.map(({ from, end, elements, largest }) => [from, end, elements, largest]),
    [
      [0, 2, 8, 5],
      [3, 5, 8, 4],
      [5, 7, 5, 4],
      [8, 9, 2, 2],
    ],
  )
})

test('memory is that of the largest tensor, whatever there are of others', () => {
  const sized = (...sizes: number[]) => sizes.map((elements) => ({ name: 't', elements }))
  assert.is(mergeMemoryBytes(sized(100, 7, 3), 3), 4 * 8 * 100)
  assert.is(mergeMemoryBytes(sized(100), 3), mergeMemoryBytes(sized(...Array(50).fill(100)), 3))
})

test.run()
