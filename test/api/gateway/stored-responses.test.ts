import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createStoredResponses, RESPONSES_MAX_AGE_MS } from '../../../node/api/gateway/stored-responses.ts'
import { memorySealedStore } from '../../helpers/memory-sealed-store.ts'
import { rejectsCode } from '../../helpers/throws.ts'

const test = suite('stored responses')
const OWNER = { kind: 'owner', id: 'owner' } as const
const KEY = { kind: 'key', id: 'key_1' } as const
const idOf = (number: number) => `resp_${String(number).padStart(32, '0')}`
const stored = (number: number, previous: number | null = null) => ({
  response: {
    id: idOf(number),
    previous_response_id: previous === null ? null : idOf(previous),
    output: [{ type: 'message', role: 'assistant', content: [{ text: `out ${number}` }] }],
  },
  input: [{ type: 'message', role: 'user', content: [{ text: `in ${number}` }] }],
  isPrivate: number === 2,
})

test('a conversation is put together from its parts, oldest first, and ends where one is gone', async () => {
  const responses = createStoredResponses({ sealed: memorySealedStore() })
  for (const [number, previous] of [
    [1, null],
    [2, 1],
    [3, 2],
  ] as const)
    await responses.begin(KEY)(stored(number, previous))
  const texts = (await responses.conversation(KEY, idOf(3), false)).map(
    ({ content }) => (content as unknown as { text: string }[])[0]!.text,
  )
  assert.equal(texts, ['in 1', 'out 1', 'in 2', 'out 2', 'in 3', 'out 3'])
  const withheld = await rejectsCode(responses.conversation(KEY, idOf(3), true), 'PRIVATE_WITHHELD')
  assert.is(withheld.fields.field, 'previous_response_id')
  assert.is((await responses.conversation(KEY, idOf(1), true)).length, 2)
  await responses.remove(KEY, idOf(1))
  const error = await rejectsCode(responses.conversation(KEY, idOf(3), false), 'RESPONSE_UNKNOWN')
  assert.is(error.fields.field, 'previous_response_id')
  await rejectsCode(responses.remove(KEY, idOf(1)), 'RESPONSE_UNKNOWN')
})

test('each has its own, and one can be forgotten whole', async () => {
  const responses = createStoredResponses({ sealed: memorySealedStore() })
  await responses.begin(KEY)(stored(1))
  await responses.begin(OWNER)(stored(2))
  await rejectsCode(responses.need(OWNER, idOf(1)), 'RESPONSE_UNKNOWN')
  await rejectsCode(responses.remove(KEY, idOf(2)), 'RESPONSE_UNKNOWN')
  // An id cannot reach into what is another's.
  for (const id of ['', '../', `x/${idOf(2)}`, `../owner.owner/${idOf(2)}`, 'resp_'.padEnd(300, '0')])
    await rejectsCode(responses.need(KEY, id), 'RESPONSE_UNKNOWN')
  await responses.forget(KEY)
  await rejectsCode(responses.need(KEY, idOf(1)), 'RESPONSE_UNKNOWN')
  await responses.need(OWNER, idOf(2))
})

test('what was said is erased while its answer is made: it is not kept in the end', async () => {
  const sealed = memorySealedStore()
  const responses = createStoredResponses({ sealed })
  const keep = responses.begin(KEY)
  const others = responses.begin(OWNER)
  await responses.forget(KEY)
  await keep(stored(1))
  await others(stored(2))
  await responses.begin(KEY)(stored(3))
  assert.equal(
    sealed.list().map(({ id }) => id),
    [`owner.owner/${idOf(2)}`, `key.key_1/${idOf(3)}`],
  )
})

test('what is older than thirty days is gone, and its bytes with it', async () => {
  const sealed = memorySealedStore()
  let nowMs = Date.now()
  const responses = createStoredResponses({ sealed }, { now: () => nowMs })
  await responses.begin(KEY)(stored(1))
  nowMs += RESPONSES_MAX_AGE_MS + 10_000
  await rejectsCode(responses.need(KEY, idOf(1)), 'RESPONSE_UNKNOWN')
  assert.is(sealed.list().length, 0)
})
test.run()
