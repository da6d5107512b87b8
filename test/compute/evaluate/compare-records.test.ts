/** Texts of two peers that part: what no near tie explains. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { difference, GAP_TOLERANCE } from '../../../node/compute/evaluate/compare-records.ts'
import {
  FINISHES,
  type GenerateRecord,
  type SampleAnswer,
} from '../../../node/compute/evaluate/item-records.ts'

const token = (id: number, gap = 5) => ({ token: id, runnerUp: id + 1, gap })
const record = (sample: SampleAnswer): GenerateRecord => ({
  type: 'generate',
  promptTokens: 9,
  dropped: 0,
  samples: [sample],
})
/** Both ways: comparing has no sides. */
function agree(a: SampleAnswer, b: SampleAnswer): boolean {
  const [there, back] = [difference(record(a), record(b)), difference(record(b), record(a))]
  assert.is(there, back)
  return there === null
}

const HONEST = { text: 'I do not know', tokens: [token(3), token(4)] }

test('a text goes on behind another only at a near tie with its end', () => {
  const longer = { ...HONEST, finish: 'length' as const, text: `${HONEST.text} yet` }
  const tied = { ...longer, tokens: [...HONEST.tokens, token(5, GAP_TOLERANCE / 2)] }
  const sure = { ...longer, tokens: [...HONEST.tokens, token(5, 2 * GAP_TOLERANCE)] }
  assert.ok(agree({ ...HONEST, finish: 'eos' }, tied))
  assert.not.ok(agree({ ...HONEST, finish: 'eos' }, sure))
  // Stops and limits come behind the same tokens on every machine.
  for (const finish of FINISHES)
    if (finish !== 'eos') assert.not.ok(agree({ ...HONEST, finish }, tied), finish)
})

test('a text that goes on begins with the same text', () => {
  const tokens = [...HONEST.tokens, token(5, 0)]
  assert.not.ok(agree({ ...HONEST, finish: 'eos' }, { finish: 'length', text: 'It is #### 42', tokens }))
  assert.not.ok(agree({ ...HONEST, finish: 'eos', text: '42' }, { ...HONEST, finish: 'length', tokens }))
  const half = { ...HONEST, finish: 'eos' as const, text: `${HONEST.text}\ufffd` }
  assert.ok(agree(half, { finish: 'length', text: `${HONEST.text}é`, tokens }), 'half a character')
  const cut = { finish: 'stop' as const, text: HONEST.text.slice(0, -2), tokens }
  assert.ok(agree({ ...HONEST, finish: 'eos' }, cut), 'a stop that had begun')
})

test.run()
