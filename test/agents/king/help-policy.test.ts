import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createDecisions } from '../../../node/agents/king/decisions.ts'
import { asksForHelp, HELP_EXAMPLES, helpText } from '../../../node/agents/king/help-policy.ts'
import { createKing } from '../../../node/agents/king/king.ts'
import { planGoal } from '../../../node/agents/king/plan-goal.ts'
import { agentParts, OWNER, toolNamed } from '../../helpers/agent-parts.ts'
import { memorySealedStore } from '../../helpers/memory-sealed-store.ts'

test('greetings and questions for help are told from questions about documents', () => {
  for (const text of [
    'hello',
    'Hi!',
    'help',
    'Help me, please',
    'what can you do?',
    'Hello, what can you do?',
  ])
    assert.ok(asksForHelp(text), text)
  for (const text of [
    'help me compress encoder',
    'What can you do about a blocked drain?',
    'hello.txt',
    'What is this collection about?',
    'Who are the members?',
  ])
    assert.not.ok(asksForHelp(text), text)
})

test('its examples are goals that the rules plan whole', () => {
  const tools = [
    'knowledge_index',
    'knowledge_ask',
    'model_compress',
    'model_compare',
    'calculate',
    'model_evaluate',
  ]
  for (const example of HELP_EXAMPLES) {
    const { steps, notDone } = planGoal(example, tools)
    assert.ok(steps.length > 0, example)
    assert.equal(notDone, [], example)
  }
})

test('how the documents stand', () => {
  assert.match(helpText({ collections: [] }), /No documents are indexed yet/)
  assert.match(
    helpText({ collections: [{ documents: 2 }, { documents: 1 }] }),
    /2 collections with 3 documents/,
  )
  assert.not.match(helpText(null), /documents to ask about|indexed yet/)
})

test('King answers a greeting by what this node can do, and asks no document', async () => {
  const decisions = createDecisions({ store: memorySealedStore() }, { now: () => 1 })
  const collections = toolNamed('knowledge_collections', {
    run: async () => ({
      content: { collections: [{ collection: 'notes', documents: 3 }] },
      trust: 'untrusted',
      summary: '1 collection',
    }),
  })
  const asks = [toolNamed('agent_ask'), toolNamed('knowledge_ask')]
  const { agents } = agentParts({ rows: [createKing({ decisions })], tools: () => [collections, ...asks] })
  for (const content of ['hello', 'what can you do?']) {
    const { text } = await agents.ask(
      { agent: 'king', messages: [{ role: 'user', content }], asker: OWNER, approvals: 'refuse' },
      new AbortController().signal,
    )
    assert.match(text, /1 collection with 3 documents/)
    for (const example of HELP_EXAMPLES) assert.ok(text.includes(`- ${example}`))
  }
  assert.is(collections.calls.length, 2)
  for (const { calls } of asks) assert.equal(calls, [])
})

test.run()
