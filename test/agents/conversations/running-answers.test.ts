/** Answers that are being made: one at a time, told of, cancelled, and ended with their conversation or the daemon. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Turn } from '../../../node/agents/conversations/conversation.ts'
import { KEY, NEVER, OWNER, conversationVillage as village } from '../../helpers/conversation-village.ts'
import { rejectsCode } from '../../helpers/throws.ts'

const said = (turns: readonly Turn[]) => turns.map(({ role, text }) => `${role}: ${text}`)

const test = suite('running answers')

test('one answer at a time; erased while it is waited for, it is cancelled and not written again', async () => {
  const asked = Promise.withResolvers<void>()
  const { conversations, store, eraseAll } = village({
    ask: (_request, signal, onEvent) =>
      new Promise((_, reject) => {
        onEvent({ kind: 'text', text: 'begun' })
        signal.addEventListener('abort', () => reject(signal.reason))
        asked.resolve()
      }),
  })
  const { id } = await conversations.create(OWNER)
  const answer = conversations.ask(OWNER, id, { text: 'wait' }, NEVER)
  await asked.promise
  await rejectsCode(conversations.ask(OWNER, id, { text: 'too' }, NEVER), 'CONVERSATION_BUSY')
  await eraseAll(OWNER)
  await rejectsCode(answer, 'ABORTED')
  assert.equal(store.list(), [])
  assert.equal(conversations.list(OWNER), [])
})

test('an answer that is being made is told as far as it has come; cancelled, its open calls have failed', async () => {
  const begun = Promise.withResolvers<void>()
  const { conversations } = village({
    ask: (_request, signal, onEvent) =>
      new Promise((_, reject) => {
        onEvent({ kind: 'text', text: 'I look. ' })
        for (const call of ['c1', 'c2'])
          onEvent({ kind: 'call', call, agent: 'king', tool: 'model_compress', arguments: {} })
        onEvent({ kind: 'result', call: 'c1', state: 'done', summary: 'made' })
        onEvent({ kind: 'text', text: 'So far' })
        const asks = { call: 'c2', tool: 'model_compress', arguments: {}, expiresAtMs: 9 }
        onEvent({ kind: 'approval', approval: 'a2', ...asks })
        signal.addEventListener('abort', () => reject(signal.reason))
        begun.resolve()
      }),
  })
  const { id } = await conversations.create(OWNER)
  assert.is(conversations.answering(OWNER, id), null)
  const answer = rejectsCode(conversations.ask(OWNER, id, { text: 'compress it' }, NEVER), 'ABORTED')
  await begun.promise
  const going = conversations.answering(OWNER, id)
  assert.equal(
    [going?.agent, going?.text, going?.approvals, going?.calls.map(({ state }) => state)],
    ['king', 'So far', ['a2'], ['done', 'running']],
  )
  await rejectsCode(conversations.cancel(KEY, id), 'NOT_FOUND')
  assert.throws(() => conversations.answering(KEY, id), /no such conversation/)
  await conversations.cancel(OWNER, id)
  await answer
  assert.is(conversations.answering(OWNER, id), null)
  const last = (await conversations.need(OWNER, id)).turns.at(-1)
  assert.ok(last?.role === 'assistant')
  assert.equal([last.text, last.error?.code], ['I look. So far', 'ABORTED'])
  assert.equal(
    last.calls.map(({ state, summary }) => [state, summary]),
    [
      ['done', 'made'],
      ['failed', 'cut off'],
    ],
  )
  await conversations.cancel(OWNER, id)
})

test('a stop ends what is waited for and keeps what had come', async () => {
  const asked = Promise.withResolvers<void>()
  const { conversations } = village({
    ask: (_request, signal, onEvent) =>
      new Promise((_, reject) => {
        onEvent({ kind: 'text', text: 'begun' })
        signal.addEventListener('abort', () => reject(signal.reason))
        asked.resolve()
      }),
  })
  const { id } = await conversations.create(OWNER)
  const answer = rejectsCode(conversations.ask(OWNER, id, { text: 'wait' }, NEVER), 'SHUTTING_DOWN')
  await asked.promise
  await conversations.stop()
  await answer
  assert.equal(said((await conversations.need(OWNER, id)).turns), ['user: wait', 'assistant: begun'])
})

test.run()
