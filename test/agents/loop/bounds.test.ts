import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { boundContent } from '../../../node/agents/loop/bound-content.ts'
import { createArgumentCheck } from '../../../node/agents/loop/check-arguments.ts'
import { createDeadline } from '../../../node/agents/loop/clock.ts'
import { createTokenBudget, narrowLimits } from '../../../node/agents/loop/limits.ts'
import { createOwnValues } from '../../../node/agents/loop/own-values.ts'
import type { JsonObject, JsonValue } from '../../../node/json.ts'
import { LIMITS, stillClock, toolNamed } from '../../helpers/agent-parts.ts'
import { throwsCode } from '../../helpers/throws.ts'

const bounds = suite('agents: bounds')

const sizeOf = (value: JsonValue) => Buffer.byteLength(JSON.stringify(value))

bounds('a result that fits is itself; one that does not is cut, fits, and says so', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), fc.integer({ min: 200, max: 2_000 }), (given, maxBytes) => {
      const value = given as JsonValue
      const cut = boundContent(value, maxBytes)
      assert.ok(sizeOf(cut) <= maxBytes)
      if (sizeOf(value) <= maxBytes) assert.is(cut, value)
      else assert.match(JSON.stringify(cut), /"cut":"cut: /)
    }),
    { numRuns: 300 },
  )
  const wide = Object.fromEntries(Array.from({ length: 5_000 }, (_, at) => [`key${at}`, at]))
  assert.ok(sizeOf(boundContent(wide, 1_024)) <= 1_024)
  const text = boundContent('𝄞'.repeat(5_000), 1_024) as JsonObject
  assert.not.match(String(text.content), /[\uD800-\uDBFF]…$/)
  const kept = boundContent({ model: 'town', log: 'x'.repeat(9_000) }, 1_024) as JsonObject
  assert.is(kept.model, 'town', 'the form is kept')
})

bounds('limits only narrow', () => {
  const limit = fc.integer({ min: 1, max: 2 ** 31 })
  const limits = fc.record({ turns: limit, ms: limit, tokens: limit, repeats: limit })
  const wish = fc.record({ turns: limit, ms: limit, tokens: limit, repeats: limit }, { requiredKeys: [] })
  fc.assert(
    fc.property(limits, wish, (given, wished) => {
      const narrowed = narrowLimits(given, wished)
      for (const name of ['turns', 'ms', 'tokens', 'repeats'] as const)
        assert.ok(narrowed[name] <= given[name] && narrowed[name] <= (wished[name] ?? given[name]))
    }),
  )
  for (const turns of [0, -1, 1.5, Number.NaN])
    throwsCode(() => narrowLimits(LIMITS, { turns }), 'INVALID_ARGUMENT')
})

bounds('tokens of a step are tokens of all above it', () => {
  const whole = createTokenBudget(100)
  const step = createTokenBudget(80, whole)
  step.take({ promptTokens: 30, cachedTokens: 30, completionTokens: 20 })
  assert.equal([step.left(), whole.left()], [30, 50])
  whole.take({ promptTokens: 40, cachedTokens: 0, completionTokens: 0 })
  assert.is(step.left(), 10)
})

bounds('a deadline stands still while it is paused, with all above it, and goes on where it was', () => {
  const clock = stillClock()
  const above = createDeadline(clock, 100)
  const deadline = createDeadline(clock, 50, above)
  clock.pass(20)
  const goOn = deadline.pause()
  const another = deadline.pause()
  clock.pass(1_000)
  goOn()
  goOn()
  clock.pass(1_000)
  another()
  assert.equal([deadline.leftMs(), above.leftMs()], [30, 80])
  clock.pass(29)
  assert.is(deadline.signal.aborted, false)
  clock.pass(1)
  assert.is(deadline.signal.reason.code, 'TIMEOUT')
  assert.is(above.signal.aborted, false)
  clock.pass(50)
  assert.is(above.signal.aborted, true)
  deadline.close()
  above.close()
  assert.is(clock.timers(), 0)
})

bounds('what is above ends what is below; a closed deadline never ends anything', () => {
  const clock = stillClock()
  const above = createDeadline(clock, 10)
  const below = createDeadline(clock, 1_000, above)
  const closed = createDeadline(clock, 5)
  const goOn = closed.pause()
  closed.close()
  goOn()
  clock.pass(10)
  assert.is(below.signal.aborted, true)
  assert.is(closed.signal.aborted, false)
  below.close()
  assert.is(clock.timers(), 0)
})

bounds(
  'arguments: named field, no value repeated, size, a schema of another draft, one that cannot be used',
  () => {
    const check = createArgumentCheck()
    const tool = toolNamed('x', {
      parameters: {
        $schema: 'http://json-schema.org/draft-07/schema#',
        type: 'object',
        properties: { path: { type: 'string', maxLength: 5 }, mode: { enum: ['a', 'b'] } },
        required: ['path'],
        additionalProperties: false,
      },
    })
    check(tool, { path: 'abc', mode: 'a' })
    const fails = (given: JsonObject) => throwsCode(() => check(tool, given), 'TOOL_ARGUMENTS_INVALID')
    assert.is(fails({}).fields.field, 'path')
    assert.is(fails({ path: 'secret-value' }).fields.field, 'path')
    assert.not.match(fails({ path: 'secret-value' }).message, 'secret-value')
    assert.match(fails({ path: 'a', mode: 'c' }).message, /one of a, b/)
    assert.is(fails({ path: 'a', more: 'x'.repeat(300_000) }).fields.field, 'arguments')
    const broken = toolNamed('y', { parameters: { type: 'no such type' } })
    throwsCode(() => check(broken, {}), 'TOOL_ARGUMENTS_INVALID')
  },
)

bounds('own values: texts and numbers, from anywhere inside, only so many', () => {
  const values = createOwnValues()
  values.add({ id: 'm1', list: [{ size: 12 }], isDone: true, nothing: null })
  assert.equal(['m1', 12, '12', true, null, 'm'].map(values.has), [true, true, false, false, false, false])
  values.add(Array.from({ length: 20_000 }, (_, at) => `v${at}`))
  assert.is(values.has('v19999'), false)
  assert.is(values.has('m1'), true)
})

bounds.run()
