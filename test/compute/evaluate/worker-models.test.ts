import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createWorkerModels } from '../../../node/compute/evaluate/worker-models.ts'
import { VillageError } from '../../../node/errors.ts'
import { createScriptedModel } from '../../helpers/scripted-model.ts'
import { rejectsCode } from '../../helpers/throws.ts'

const test = suite('models of a worker')

function watched() {
  const opened: string[] = []
  const closed: string[] = []
  const models = createWorkerModels(
    {
      async open(modelDir) {
        if (modelDir === 'broken') throw new VillageError('SESSION_FAILED')
        opened.push(modelDir)
        return { ...createScriptedModel({ logit: () => 0 }), close: async () => void closed.push(modelDir) }
      },
    },
    { maxModels: 2, idleMs: 60_000 },
  )
  return { opened, closed, models }
}
const nothing = async () => undefined

test('the least recently used goes first, and a loaded one is not loaded again', async () => {
  const { opened, closed, models } = watched()
  await models.with('a', nothing)
  await models.with('b', nothing)
  await models.with('a', nothing)
  await models.with('c', nothing)
  assert.equal(opened, ['a', 'b', 'c'])
  assert.equal(closed, ['b'])
  assert.equal(models.loaded(), ['a', 'c'])
  await models.close()
  assert.equal(closed, ['b', 'a', 'c'])
})

test('one in use is never closed; it goes when it is not', async () => {
  const { closed, models } = watched()
  await models.with('a', async () => {
    await models.with('b', async () => {
      await models.with('c', nothing)
      assert.equal(closed, ['c'], 'the only one that nobody uses')
    })
    assert.equal(models.loaded(), ['a', 'b'])
  })
  await models.close()
})

test('two users share one model', async () => {
  const { opened, models } = watched()
  await Promise.all([models.with('a', nothing), models.with('a', nothing)])
  assert.equal(opened, ['a'])
  await models.close()
})

test('one that cannot be opened is tried again', async () => {
  const { models } = watched()
  await rejectsCode(models.with('broken', nothing), 'SESSION_FAILED')
  assert.equal(models.loaded(), [])
  await rejectsCode(models.with('broken', nothing), 'SESSION_FAILED')
  await rejectsCode(
    models.with('a', async () => {
      throw new VillageError('INVALID_ARGUMENT')
    }),
    'INVALID_ARGUMENT',
  )
  assert.equal(models.loaded(), ['a'], 'a request that failed says nothing of the model')
  await models.close()
})

test.run()
