/** The names of what a node has: kept at hand, and meant by words of goals. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { planGoal } from '../../node/agents/king/plan-goal.ts'
import { createOwnNames, NO_NAMES, type OwnNames } from '../../node/agents/own-names.ts'
import { createEvents } from '../../node/events.ts'
import { KING_TOOLS } from '../../scripts/bench/grade-plan.ts'
import { TEST_LOG } from '../helpers/mesh.ts'

const kept = suite('own names')

kept('are read at the start and after each change, and the newest reading wins', async () => {
  const events = createEvents({ onError: (error) => assert.unreachable(String(error)) })
  let collections = ['garden']
  const waiting: ((value?: undefined) => void)[] = []
  const names = createOwnNames(
    {
      collections: {
        async list() {
          const found = collections.map((name) => ({ name }))
          if (found.length > 1) await new Promise<undefined>((resolve) => waiting.push(resolve))
          return found
        },
      },
      models: { list: async () => [{ id: 'encoder' }] },
      events,
      log: TEST_LOG,
    },
    { folders: () => [{ name: 'notes' }] },
  )
  assert.equal(names.current(), { ...NO_NAMES, folders: ['notes'] })
  await names.start(new AbortController().signal)
  assert.equal(names.current(), { collections: ['garden'], models: ['encoder'], folders: ['notes'] })
  collections = ['garden', 'letters']
  events.emit('collection:created', { collection: 'c', name: 'letters' })
  collections = ['letters']
  events.emit('collection:removed', { collection: 'c', name: 'garden' })
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(names.current().collections, ['letters'])
  for (const go of waiting) go(undefined)
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(names.current().collections, ['letters'], 'a reading that took longer is older')
  await names.stop()
})

const meant = suite('words that are names')
const OWN: OwnNames = {
  collections: ['garden', 'boiler-manuals', 'test'],
  models: ['town-llama', 'compress', 'encoder'],
  folders: ['projects'],
}
const steps = (goal: string, own = OWN) =>
  planGoal(goal, KING_TOOLS, own).steps.map(({ tool, arguments: given }) => [tool, given])

meant('a collection is asked and searched by its name alone, also in words', () => {
  assert.equal(steps('What does garden say about slugs?'), [
    ['knowledge_ask', { question: 'What does garden say about slugs?', collections: ['garden'] }],
  ])
  assert.equal(steps("search the boiler manuals for 'valve'"), [
    ['knowledge_search', { query: 'valve', collection: 'boiler-manuals' }],
  ])
})

meant('a model and a granted folder are, too', () => {
  assert.equal(steps('compress town llama with int4'), [
    ['model_compress', { model: 'town-llama', codec: 'int4' }],
  ])
  assert.equal(steps("what's in projects?"), [['file_list', { path: 'projects' }]])
})

meant('a name that is a word of every day orders and means nothing', () => {
  assert.equal(steps('compress encoder with int4'), steps('compress encoder with int4', NO_NAMES))
  assert.equal(steps('list the models of kind encoder')[0], ['model_list', { kind: 'encoder' }])
  assert.equal(steps('What is a garden?'), steps('What is a garden?', NO_NAMES))
})

kept.run()
meant.run()
