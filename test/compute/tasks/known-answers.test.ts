/** Hidden known-answer items: a worker that lies on some items only cannot tell which of them are known here. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeResults, encodeResults } from '../../../node/compute/evaluate/results.ts'
import { seededRandom } from '../../../node/compute/evaluate/seeded-random.ts'
import { evaluateTask } from '../../../node/compute/tasks/evaluate-task.ts'
import { createKnownAnswers } from '../../../node/compute/tasks/known-answers.ts'
import type { TaskContext, TaskOutput } from '../../../node/compute/tasks/task.ts'
import { TEST_LOG } from '../../helpers/mesh.ts'
import { rejectsCode } from '../../helpers/throws.ts'

const DIMS = 8
const COUNT = 16
const unused = () => Promise.reject(new Error('not used here'))
const task = (start: number) =>
  evaluateTask.parseParams({ model: 'model', suite: 'similarity', start, count: COUNT })

/** What the model of these tests answers: for each item another direction. */
function vectorsOf(start: number, count: number): Float32Array {
  return Float32Array.from({ length: count * DIMS }, (_, index) => {
    const item = start + Math.floor(index / DIMS)
    return Math.sin(item * 7 + (index % DIMS) * (item + 2))
  })
}

function encode(start: number, count: number, vectors = vectorsOf(start, count)): TaskOutput {
  const bytes = encodeResults({ suite: 'similarity', start, count, dims: DIMS, vectors })
  return { bytes, stats: { dims: DIMS, items: count } }
}

/** An honest result but for one item. */
function lieOn(start: number, item: number): TaskOutput {
  const vectors = vectorsOf(start, COUNT)
  for (let i = 0; i < DIMS; i++) vectors[(item - start) * DIMS + i]! *= -1
  return encode(start, COUNT, vectors)
}

/** A node of its own: what it knows, and which items it answered itself. */
function owner(seed: number, fails = false): { context: TaskContext; answered: number[] } {
  const answered: number[] = []
  const run = async (_name: string, input: unknown) => {
    if (fails) throw new Error('no memory for a session')
    const { start, count } = input as { start: number; count: number }
    for (let item = start; item < start + count; item++) answered.push(item)
    return { bytes: encode(start, count).bytes }
  }
  const context: TaskContext = {
    artifacts: { fetch: unused, read: unused, has: unused, materialize: async () => '' },
    pool: { run: run as TaskContext['pool']['run'] },
    modelsDirectory: '',
    signal: new AbortController().signal,
    progress: () => undefined,
    known: createKnownAnswers({ random: seededRandom(seed) }),
    log: TEST_LOG,
  }
  return { context, answered }
}

const isCaught = async (context: TaskContext, start: number, output: TaskOutput) => {
  try {
    await evaluateTask.inspect(task(start), output, context)
    return false
  } catch {
    return true
  }
}

test('an honest result stands, at the cost of one item in eight', async () => {
  const { context, answered } = owner(1)
  for (const start of [0, 16, 32]) await evaluateTask.inspect(task(start), encode(start, COUNT), context)
  assert.is(answered.length, 6)
  assert.is(new Set(answered).size, 6)
  for (const item of answered) assert.ok(item < 48)
})

test('wherever a worker lies, some owners know the answer: no item is safe', async () => {
  const OWNERS = 60
  let caught = 0
  for (let item = 0; item < COUNT; item++) {
    let byItem = 0
    for (let seed = 0; seed < OWNERS; seed++)
      if (await isCaught(owner(item * OWNERS + seed).context, 0, lieOn(0, item))) byItem += 1
    assert.ok(byItem > 0, `a lie on item ${item} was never found out`)
    caught += byItem
  }
  const rate = caught / (COUNT * OWNERS)
  assert.ok(rate > 0.08 && rate < 0.18, `one item in eight is known, but the rate was ${rate}`)
})

test('replicas are held against the same answers, and later results against more of them', async () => {
  const { context, answered } = owner(2)
  const inspect = () => evaluateTask.inspect(task(0), encode(0, COUNT), context)
  for (let result = 0; result < 4; result++) await inspect()
  assert.is(answered.length, 2, 'four results cost no more than one')
  await inspect()
  assert.is(answered.length, 4, 'who was not found out has learned nothing that lasts')
  for (let result = 0; result < 40; result++) await inspect()
  assert.equal(
    [...answered].sort((a, b) => a - b),
    Array.from({ length: COUNT }, (_, item) => item),
    'each is answered once',
  )
  for (let item = 0; item < COUNT; item++) assert.ok(await isCaught(context, 0, lieOn(0, item)))
})

test('what this node answered for itself is known', async () => {
  const { context, answered } = owner(3)
  await evaluateTask.run(task(16), context)
  assert.is(answered.length, COUNT)
  for (let item = 16; item < 32; item++) assert.ok(await isCaught(context, 16, lieOn(16, item)))
  await evaluateTask.inspect(task(16), encode(16, COUNT), context)
  assert.is(answered.length, COUNT, 'nothing had to be answered again')
})

test('the answers of a full check are known, and a known lie is found before anything is answered', async () => {
  const { context, answered } = owner(4)
  const { exact } = await evaluateTask.verify(task(0), encode(0, COUNT), context, 'full', () => 0)
  assert.ok(exact)
  const before = answered.length
  await rejectsCode(
    evaluateTask.verify(task(0), lieOn(0, 5), context, 'spot', () => 0.99),
    'RESULT_INVALID',
  )
  assert.is(answered.length, before)
})

test('answers of one model or suite say nothing of another', async () => {
  const { context } = owner(5)
  await evaluateTask.run(task(0), context)
  const other = evaluateTask.parseParams({ ...task(0), model: 'another' })
  const flipped = encode(
    0,
    COUNT,
    vectorsOf(0, COUNT).map((value) => -value),
  )
  await rejectsCode(evaluateTask.inspect(other, flipped, context), 'RESULT_INVALID')
  const stranger = owner(5, true)
  for (let item = 0; item < COUNT; item++)
    stranger.context.known.put(`evaluate model similarity ${item}`, vectorsOf(item, 1))
  await evaluateTask.inspect(other, flipped, stranger.context)
})

test('a node that cannot answer blames nobody for it', async () => {
  const { context } = owner(6, true)
  await evaluateTask.inspect(task(0), encode(0, COUNT), context)
  context.known.put('evaluate model similarity 3', vectorsOf(3, 1))
  await evaluateTask.inspect(task(0), encode(0, COUNT), context)
  await rejectsCode(evaluateTask.inspect(task(0), lieOn(0, 3), context), 'RESULT_INVALID')
})

test('an answer with other dimensions is wrong', async () => {
  const { context } = owner(7)
  await evaluateTask.run(task(0), context)
  const { bytes } = encode(0, COUNT)
  const { vectors } = decodeResults(bytes)
  const wide = encodeResults({ suite: 'similarity', start: 0, count: 8, dims: DIMS * 2, vectors })
  const half = evaluateTask.parseParams({ model: 'model', suite: 'similarity', start: 0, count: 8 })
  await rejectsCode(
    evaluateTask.inspect(half, { bytes: wide, stats: { dims: DIMS * 2, items: 8 } }, context),
    'RESULT_INVALID',
  )
})

test('memory is bounded: the answers that came first go first', () => {
  const known = createKnownAnswers({ random: () => 0, maxBytes: 3 * DIMS * 4 })
  for (let item = 0; item < 5; item++) known.put(`${item}`, vectorsOf(item, 1))
  assert.equal(
    [0, 1, 2, 3, 4].map((item) => known.get(`${item}`) !== undefined),
    [false, false, true, true, true],
  )
  known.put('large', new Float32Array(4 * DIMS))
  assert.is(known.get('large'), undefined)
  assert.ok(known.get('2') !== undefined)
  const kept = vectorsOf(9, 1)
  known.put('kept', kept)
  kept.fill(0)
  assert.equal(known.get('kept')!.values, vectorsOf(9, 1), 'a copy')
})

test('choose gives each candidate at most once', () => {
  const known = createKnownAnswers({ random: seededRandom(8) })
  assert.equal(known.choose([1, 2, 3], 5).sort(), [1, 2, 3])
  assert.equal(known.choose([1, 2, 3], 0), [])
  assert.equal(known.choose([1, 2, 3], -1), [])
})

test.run()
