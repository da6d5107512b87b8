import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type CallForm,
  callFormOf,
  createCallScanner,
  endOfJson,
  type WrittenCall,
} from '../../../node/agents/chat/native-calls.ts'

const test = suite('native calls')
const FORMS: readonly CallForm[] = ['hermes', 'llama', 'mistral']
const TOOLS = ['find', 'add_up']

function scan(form: CallForm, text: string, places: readonly number[] = []) {
  const scanner = createCallScanner(form, TOOLS)
  const ends = [...[...places].map((one) => one % (text.length + 1)).sort((a, b) => a - b), text.length]
  let said = ''
  let from = 0
  for (const end of ends) {
    said += scanner.push(text.slice(from, end))
    from = end
  }
  const rest = scanner.end()
  return { text: said + rest.text, calls: rest.calls }
}

const call = fc.record({
  name: fc.constantFrom(...TOOLS),
  arguments: fc.dictionary(
    fc.string({ maxLength: 8 }),
    fc.oneof(fc.string({ maxLength: 12 }), fc.integer(), fc.constant({ deep: ['}', '"'] })),
  ),
})
const words = fc.string({ maxLength: 30 }).map((text) => text.replaceAll(/[<>[\]{}|]/g, '_'))

const written = (calls: readonly { name: string; arguments: object }[]): WrittenCall[] =>
  calls.map(({ name, arguments: given }) => ({ name, arguments: JSON.stringify(given) }))

test('calls come out as they were written, however the text is cut', () => {
  fc.assert(
    fc.property(
      fc.array(call, { minLength: 1, maxLength: 4 }),
      words,
      fc.array(fc.nat(), { maxLength: 30 }),
      (calls, before, places) => {
        const hermes = `${before}${calls.map((one) => `<tool_call>\n${JSON.stringify(one)}\n</tool_call>`).join('\n')}`
        // A marker inside of an argument ends the call there: the model would have to escape it, and the tokenizer makes one token of it.
        if (!JSON.stringify(calls).includes('tool_call')) {
          assert.equal(scan('hermes', hermes, places), { text: before, calls: written(calls) })
        }
        const mistral = `[TOOL_CALLS]${JSON.stringify(calls)}`
        assert.equal(scan('mistral', mistral, places), { text: '', calls: written(calls) })
        assert.equal(scan('mistral', mistral.replace('[TOOL_CALLS]', ' '), places).calls, written(calls))
        const llama = calls
          .map(({ name, arguments: parameters }) => JSON.stringify({ name, parameters }))
          .join('; ')
        assert.equal(scan('llama', llama, places), { text: '', calls: written(calls) })
        assert.equal(scan('llama', `<|python_tag|>${llama}`, places), { text: '', calls: written(calls) })
      },
    ),
  )
})

test('text stays text, whole and in order', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...FORMS),
      words,
      fc.array(fc.nat(), { maxLength: 20 }),
      (form, text, places) => {
        assert.equal(scan(form, text, places), { text, calls: [] })
      },
    ),
  )
})

test('nothing that a model may write throws, and the cut changes nothing', () => {
  const piece = fc.constantFrom(
    '<tool_call>',
    '</tool_call>',
    '[TOOL_CALLS]',
    '[ARGS]',
    '<|python_tag|>',
    '{"name":',
    '"find"',
    ',"arguments":{',
    '}',
    ']',
    '[',
    '{',
    '"',
    '\\',
    'find',
    ' ',
  )
  fc.assert(
    fc.property(
      fc.constantFrom(...FORMS),
      fc.array(piece, { maxLength: 20 }),
      fc.array(fc.nat(), { maxLength: 20 }),
      (form, pieces, places) => {
        const text = pieces.join('')
        assert.equal(scan(form, text, places), scan(form, text))
      },
    ),
  )
})

test('a broken call keeps its name and what was written', () => {
  const { calls } = scan(
    'hermes',
    'Well. <tool_call>{"name": "find", "arguments": {"query": "cats</tool_call>',
  )
  assert.equal(calls, [{ name: 'find', arguments: '{"name": "find", "arguments": {"query": "cats' }])
  assert.equal(scan('hermes', '<tool_call>nonsense').calls, [{ name: '', arguments: 'nonsense' }])
})

test('JSON that names no tool there is stays an answer', () => {
  const json = '{"name": "Ada", "parameters": {"age": 36}}'
  assert.equal(scan('llama', json), { text: json, calls: [] })
  assert.equal(scan('mistral', '[{"name": "Ada"}]'), { text: '[{"name": "Ada"}]', calls: [] })
})

test('a newer form of mistral has a name and its arguments', () => {
  assert.equal(scan('mistral', '[TOOL_CALLS]find[ARGS]{"query": "a"}[TOOL_CALLS]add_up[ARGS]{}').calls, [
    { name: 'find', arguments: '{"query": "a"}' },
    { name: 'add_up', arguments: '{}' },
  ])
})

test('the form is told by the template', () => {
  assert.is(callFormOf('{% if tools %}<tool_call>{% endif %}'), 'hermes')
  assert.is(callFormOf('{% if tools %}[TOOL_CALLS]{% endif %}'), 'mistral')
  assert.is(callFormOf('<|start_header_id|>{% if tools %}'), 'llama')
  assert.is(callFormOf('<|start_header_id|>{{ content }}'), null)
  assert.is(callFormOf('{% if tools %}<other>{% endif %}'), null)
})

test('the end of a JSON value is where its own brackets close', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.array(fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue())),
      fc.string(),
      (value, after) => {
        const text = JSON.stringify(value)
        assert.is(endOfJson(text + after, 0), text.length)
      },
    ),
  )
})

test.run()
