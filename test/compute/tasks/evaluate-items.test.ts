/** What the owner of an evaluation over items makes of results that peers hand in, on a pool that a script answers. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  decodeRecords,
  encodeRecords,
  type GenerateRecord,
  type ItemRecord,
} from '../../../node/compute/evaluate/item-records.ts'
import { evaluateTask } from '../../../node/compute/tasks/evaluate-task.ts'
import { createKnownAnswers } from '../../../node/compute/tasks/known-answers.ts'
import type { TaskContext, TaskOutput } from '../../../node/compute/tasks/task.ts'
import { VillageError } from '../../../node/errors.ts'
import { createLog } from '../../../node/log.ts'
import { rejectsCode, throwsCode } from '../../helpers/throws.ts'

const test = suite('results over items')
const COUNT = 16

const reading = (item: number): ItemRecord => ({
  type: 'text',
  logProbability: -10 - item,
  tokens: 4,
  windows: 1,
})
const written = (item: number): GenerateRecord => ({
  type: 'generate',
  promptTokens: 3,
  dropped: 0,
  samples: [{ finish: 'length', text: `t${item}`, tokens: [{ token: item, runnerUp: 99, gap: 2 }] }],
})
const honest = (item: number): ItemRecord => (item % 2 === 0 ? reading(item) : written(item))

const task = (start: number, more: object = {}) =>
  evaluateTask.parseParams({ model: 'm', items: 'i', start, count: COUNT, outputBytes: 10_000, ...more })
const output = (start: number, records: readonly ItemRecord[]): TaskOutput => ({
  bytes: encodeRecords({ start, records }),
  stats: { items: records.length },
})
const answers = (start: number) => Array.from({ length: COUNT }, (_, index) => honest(start + index))

/** `check` is what the model says of claimed records; it is asked nothing where `isBroken`. */
function owner(init: { isBroken?: boolean; check?: (records: readonly ItemRecord[]) => string | null } = {}) {
  const asked: string[] = []
  let step = 0
  const context = {
    artifacts: { materialize: async (cid: string) => cid },
    modelsDirectory: '/nowhere',
    signal: new AbortController().signal,
    known: createKnownAnswers({ random: () => (step++ * 0.37) % 1 }),
    log: createLog({ level: 'silent' }),
    progress: () => undefined,
    pool: {
      async run(name: string, input: { start: number; count: number; claimed: Uint8Array }) {
        if (init.isBroken === true) throw new VillageError('SESSION_FAILED')
        asked.push(name)
        if (name === 'evaluate.answer') {
          const records = Array.from({ length: input.count }, (_, index) => honest(input.start + index))
          return { bytes: encodeRecords({ start: input.start, records }) }
        }
        const { start, records } = decodeRecords(input.claimed)
        if (name === 'evaluate.shapes') {
          const at = records.findIndex(({ type }, index) => type !== honest(start + index).type)
          return at === -1 ? null : { item: start + at, why: 'another kind of answer' }
        }
        const why = init.check?.(records) ?? null
        return why === null ? null : { item: start, why }
      },
    },
    // The parts of a context that results are looked at with; the kind asks for nothing else.
  } as unknown as TaskContext
  return { context, asked }
}

test('one in eight items is known, and a lie on any of those is found', async () => {
  const { context } = owner()
  await evaluateTask.inspect(task(0), output(0, answers(0)), context)
  let caught = 0
  for (let item = 0; item < COUNT; item += 2) {
    const told = answers(0).map((record, index) =>
      index === item ? { ...record, logProbability: -1 } : record,
    ) as ItemRecord[]
    await evaluateTask.inspect(task(0), output(0, told), context).catch((error: VillageError) => {
      assert.is(error.code, 'RESULT_INVALID')
      caught += 1
    })
  }
  assert.ok(caught >= 1)
})

test('a known text that took another way is a question for the model', async () => {
  const other = answers(0).map((record, index) =>
    index === 1 ? { ...written(1), samples: [{ ...written(1).samples[0]!, text: 'else' }] } : record,
  )
  for (const verdict of [null, 'a token that the model does not take']) {
    const { context, asked } = owner({ check: () => verdict })
    await evaluateTask.run(task(0), context)
    const looked = evaluateTask.inspect(task(0), output(0, other), context)
    if (verdict === null) await looked
    else await rejectsCode(looked, 'RESULT_INVALID')
    assert.is(asked.filter((name) => name === 'evaluate.check').length, 1)
  }
})

test('a node that cannot ask the model blames nobody for it', async () => {
  const { context } = owner({ isBroken: true })
  await evaluateTask.inspect(task(0), output(0, answers(0)), context)
  context.known.put('evaluate m i 1', encodeRecords({ start: 0, records: [honest(3)] }))
  await evaluateTask.inspect(task(0), output(0, answers(0)), context)
  context.known.put('evaluate m i 2', encodeRecords({ start: 0, records: [reading(9)] }))
  await rejectsCode(evaluateTask.inspect(task(0), output(0, answers(0)), context), 'RESULT_INVALID')
})

test('a check asks the model, about all items or a sample', async () => {
  const seen: number[] = []
  const { context } = owner({
    check: (records) => {
      seen.push(records.length)
      return null
    },
  })
  const full = await evaluateTask.verify(task(0), output(0, answers(0)), context, 'full', () => 0.5)
  const spot = await evaluateTask.verify(task(0), output(0, answers(0)), context, 'spot', () => 0.99)
  assert.equal([full.exact, spot.exact, seen], [true, false, [COUNT, 2]])
})

test('results of other items, damaged ones, and false statistics are refused', async () => {
  const { context } = owner()
  const wrong: TaskOutput[] = [
    output(1, answers(1)),
    output(0, answers(0).slice(1)),
    output(0, [...answers(0)].reverse()),
    { ...output(0, answers(0)), stats: { items: 3 } },
    { ...output(0, answers(0)), bytes: output(0, answers(0)).bytes.slice(0, -1) },
  ]
  for (const one of wrong) await rejectsCode(evaluateTask.inspect(task(0), one, context), 'RESULT_INVALID')
})

test('two results agree within the tolerance; of texts that part the model decides', () => {
  const agree = (a: readonly ItemRecord[], b: readonly ItemRecord[]) =>
    evaluateTask.agree(output(0, a), output(0, b))
  assert.ok(agree(answers(0), answers(0)))
  assert.ok(agree([reading(0)], [{ ...reading(0), logProbability: -10.05 } as ItemRecord]))
  assert.not.ok(agree([reading(0)], [{ ...reading(0), logProbability: -9 } as ItemRecord]))
  const text = (token: number, runnerUp: number, gap: number): GenerateRecord => ({
    ...written(1),
    samples: [{ finish: 'length', text: `${token}`, tokens: [{ token, runnerUp, gap }] }],
  })
  assert.is(agree([text(5, 6, 0.05)], [text(6, 5, 0.02)]), null, 'a near tie')
  assert.is(agree([text(5, 5, 0)], [text(6, 6, 0)]), null, 'two draws')
  assert.is(agree([text(5, 5, 0)], [text(5, 5, 0)]), true, 'the same draw')
  assert.is(agree([reading(0), text(5, 5, 0)], [reading(2), text(6, 6, 0)]), false, 'a lie beside two draws')
  assert.not.ok(agree([text(5, 6, 1)], [text(6, 5, 0.02)]))
  assert.not.ok(agree([text(5, 7, 0.05)], [text(6, 5, 0.02)]))
  assert.not.ok(agree([reading(0)], [written(0)]))
  assert.not.ok(
    evaluateTask.agree({ ...output(0, [reading(0)]), bytes: new Uint8Array(3) }, output(0, [reading(0)])),
  )
})

test('parameters are bounded', () => {
  for (const more of [
    { count: 0 },
    { start: -1 },
    { outputBytes: 2 ** 40 },
    { suite: 'mmlu' },
    { items: '' },
  ])
    throwsCode(() => task(0, more), 'INVALID_ARGUMENT')
  assert.equal(evaluateTask.inputs(task(0)), ['m', 'i'])
  assert.is(evaluateTask.estimate(task(0)).maxOutputBytes, 10_000)
})

test.run()
