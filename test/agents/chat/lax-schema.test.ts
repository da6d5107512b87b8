import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { laxSchema } from '../../../node/agents/chat/lax-schema.ts'
import { checkSchema } from '../../../node/compute/generate/schema-check.ts'
import type { JsonValue } from '../../../node/json.ts'

const test = suite('lax schema')

const keyword = fc.constantFrom(
  'type',
  'properties',
  'required',
  'items',
  'enum',
  'const',
  'anyOf',
  'oneOf',
  'allOf',
  '$ref',
  'not',
  'pattern',
  'minimum',
  'maximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'additionalProperties',
  'patternProperties',
  'format',
)
const { schema } = fc.letrec<{ schema: JsonValue }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 4 },
    fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<JsonValue>,
    fc.constantFrom<JsonValue>('object', 'array', 'string', 'number', 'integer', ['string', 'null']),
    fc.dictionary(keyword, tie('schema'), { maxKeys: 6 }),
    fc.record({
      type: fc.constant('object'),
      properties: fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('schema')),
      required: fc.subarray(['a', 'b', 'z']),
    }) as fc.Arbitrary<JsonValue>,
    fc.array(tie('schema'), { maxLength: 3 }),
  ),
}))

test('a grammar takes whatever is left of any schema', () => {
  fc.assert(
    fc.property(schema, (given) => {
      checkSchema(laxSchema(given, { isClosed: true }))
    }),
    { numRuns: 500 },
  )
})

test('a small schema does not become a large one', () => {
  for (const types of [8, 64, 512]) {
    let given: JsonValue = { type: 'string' }
    for (let depth = 0; depth < 7; depth++)
      given = { type: Array.from({ length: types }, () => 'object'), properties: { a: given, b: given } }
    const { length } = JSON.stringify(laxSchema(given, { isClosed: true }))
    assert.ok(length < 2 ** 19, `${types} types: ${length}`)
  }
})

test('names, types and what must be there are kept; figures and patterns go', () => {
  assert.equal(
    laxSchema(
      {
        type: 'object',
        description: 'x',
        properties: {
          name: { type: 'string', minLength: 1, maxLength: 5_000, pattern: '.*' },
          share: { type: 'number', minimum: 0.1, maximum: 0.9 },
          kind: { type: 'string', enum: ['a', 'b'] },
          list: { type: 'array', items: { type: ['integer', 'null'] }, maxItems: 5_000 },
        },
        required: ['name', 'unknown'],
      },
      { isClosed: true },
    ),
    {
      type: 'object',
      properties: {
        name: { type: 'string' },
        share: { type: 'number' },
        kind: { enum: ['a', 'b'] },
        list: { type: 'array', items: { anyOf: [{ type: 'integer' }, { type: 'null' }] } },
      },
      required: ['name'],
      additionalProperties: false,
    },
  )
})

test.run()
