/** Constrained text: whatever the logits are, what comes out is what was asked for. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '../../../node/compute/evaluate/seeded-random.ts'
import type { Grammars } from '../../../node/compute/generate/constraint.ts'
import { createGrammars } from '../../../node/compute/generate/grammars.ts'
import type { Constraint } from '../../../node/compute/generate/language-model.ts'
import { chooseToken, NEUTRAL_SAMPLING } from '../../../node/compute/generate/sampling.ts'
import type { LanguageCard } from '../../../node/compute/models/language-card.ts'
import { type LanguageTokenizer, loadLanguageTokenizer } from '../../../node/compute/models/tokenizer.ts'
import type { JsonObject } from '../../../node/json.ts'
import { writeTinyLanguageModel } from '../../helpers/language-models.ts'
import { rejectsCode } from '../../helpers/throws.ts'

const test = suite('constraints')
let directory = ''
let card: LanguageCard
let tokenizer: LanguageTokenizer
let grammars: Grammars
test.before(() => {
  directory = mkdtempSync(join(tmpdir(), 'village-constraints-'))
  card = writeTinyLanguageModel(directory, 'llama', { adapters: false }).card
  tokenizer = loadLanguageTokenizer(directory)
  grammars = createGrammars(card, tokenizer)
})
test.after(() => {
  grammars.dispose()
  rmSync(directory, { recursive: true, force: true })
})

const NODE = {
  type: 'object',
  properties: { value: { type: 'integer' }, next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] } },
  required: ['value', 'next'],
  additionalProperties: false,
}
const SCHEMAS: readonly JsonObject[] = [
  {},
  { type: 'boolean' },
  { type: ['string', 'null'] },
  { type: 'string', minLength: 2, maxLength: 4 },
  { type: 'string', pattern: '^[a-z]{2,5}(foo|bar)?\\d+$' },
  { type: 'string', format: 'uuid' },
  { type: 'integer', minimum: 0 },
  { type: 'integer', minimum: 1, maximum: 9999999 },
  { type: 'integer', minimum: -7, maximum: 116 },
  { type: 'integer', exclusiveMinimum: 16, exclusiveMaximum: 116 },
  { type: 'number' },
  { enum: ['a', 1, null, { x: [1] }, 'quo"te'] },
  { const: { a: 1 } },
  { type: 'array', items: { type: 'integer' }, minItems: 2, maxItems: 5 },
  { type: 'array', prefixItems: [{ type: 'integer' }, { type: 'boolean' }], items: false },
  { type: 'object', additionalProperties: { type: 'integer' } },
  {
    type: 'object',
    title: 'a person',
    properties: {
      name: { type: 'string', maxLength: 8 },
      age: { type: 'integer', minimum: 0, maximum: 150 },
      tags: { type: 'array', items: { enum: ['x', 'y'] }, maxItems: 3 },
    },
    required: ['name', 'age'],
  },
  { $defs: { node: NODE }, $ref: '#/$defs/node' },
  { allOf: [{ type: 'string', minLength: 3, maxLength: 9 }] },
]

/** Text by random logits under a constraint, or null where it did not end in time. The end is likely wherever it may be. */
async function drawText(constraint: Constraint, seed: number): Promise<string | null> {
  const matcher = await grammars.matcher(constraint)
  try {
    const random = seededRandom(seed)
    const tokens: number[] = []
    // Half characters by themselves are what no trained model writes: bytes are unlikely here, not impossible.
    const isByte = (piece: string) => /^<0x[89A-F]/.test(piece)
    const base = Float32Array.from(tokenizer.vocabularyStrings(), (piece) => (isByte(piece) ? -30 : 0))
    for (let step = 0; step < 250; step++) {
      const logits = base.map((value) => value + 2 * random())
      for (const token of card.eosTokens) logits[token] = 6
      if (step > 40)
        for (const piece of ['"', '}', ']', 'l', '0']) logits[tokenizer.tokenOf(piece) ?? 0]! += 4
      const settings = { ...NEUTRAL_SAMPLING, temperature: 1 }
      const history = { seen: new Set<number>(), generated: new Map<number, number>() }
      const token = chooseToken(logits, settings, history, await matcher.mask(), random())
      if (card.eosTokens.includes(token)) return tokenizer.decode(tokens)
      assert.is.not(token, -1)
      tokens.push(token)
      matcher.accept(token)
    }
    return null
  } finally {
    matcher.dispose()
  }
}

test('text under a schema is JSON that the schema allows', async () => {
  const ajv = new Ajv2020({ strict: false, validateFormats: false })
  let ended = 0
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: SCHEMAS.length - 1 }),
      fc.integer({ min: 0, max: 2 ** 31 }),
      async (index, seed) => {
        const schema = SCHEMAS[index]!
        const text = await drawText({ kind: 'json-schema', schema }, seed)
        if (text === null) return
        ended += 1
        assert.ok(ajv.validate(schema as object, JSON.parse(text)), `${text} for ${JSON.stringify(schema)}`)
      },
    ),
    { numRuns: 250 },
  )
  assert.ok(ended > 150, `only ${ended} texts ended`)
})

test('plain JSON, choices and patterns', async () => {
  for (let seed = 0; seed < 30; seed++) {
    const json = await drawText({ kind: 'json' }, seed)
    if (json !== null) JSON.parse(json)
    const choices = ['yes', 'no', 'per"haps \\ é', 'yes, but']
    assert.ok(choices.includes((await drawText({ kind: 'choice', choices }, seed)) ?? ''))
    const pattern = '[a-c]{2,4}-(x|yy)[0-9]'
    assert.match((await drawText({ kind: 'regex', pattern }, seed)) ?? '', /^[a-c]{2,4}-(x|yy)[0-9]$/)
  }
})

test('a range of whole numbers allows exactly its numbers', async () => {
  const ids = (text: string) => Array.from(text, (digit) => tokenizer.tokenOf(digit)!)
  for (const [minimum, maximum] of [
    [16, 116],
    [-7, 116],
    [0, 120],
  ] as const)
    for (let value = minimum - 12; value <= maximum + 12; value += 1) {
      const matcher = await grammars.matcher({
        kind: 'json-schema',
        schema: { type: 'integer', minimum, maximum },
      })
      let accepted = true
      for (const token of ids(`${value}`)) {
        const mask = await matcher.mask()
        accepted &&= ((mask![token >>> 5]! >>> (token & 31)) & 1) === 1
        if (accepted) matcher.accept(token)
      }
      const end = card.eosTokens[0]!
      if (accepted) accepted = (((await matcher.mask())![end >>> 5]! >>> (end & 31)) & 1) === 1
      matcher.dispose()
      assert.is(accepted, value >= minimum && value <= maximum, `${value} in ${minimum} to ${maximum}`)
    }
})

test('what cannot be honoured is refused by name', async () => {
  const refused: readonly (readonly [JsonObject, string])[] = [
    [{ not: { type: 'string' } }, '#/not'],
    [{ type: 'number', multipleOf: 3 }, '#/multipleOf'],
    [{ type: 'number', minimum: 1 }, '#/minimum'],
    [{ type: 'integer', minimum: -5 }, '#'],
    [{ type: 'array', uniqueItems: true }, '#/uniqueItems'],
    [{ type: 'object', patternProperties: {} }, '#/patternProperties'],
    [{ type: 'object', properties: { a: { oneOf: [{}] } } }, '#/properties/a/oneOf'],
    [{ type: 'object', required: ['a'] }, '#/required'],
    [{ type: 'object', properties: { a: {} }, additionalProperties: true }, '#/additionalProperties'],
    [{ type: 'string', pattern: '.*' }, '#/pattern'],
    [{ type: 'string', format: 'regex' }, '#/format'],
    [{ type: 'string', minLength: -1 }, '#/minLength'],
    [{ type: 'text' }, '#/type'],
    [{ minLength: 3 }, '#/minLength'],
    [{ anyOf: [{ type: 'string' }], type: 'string' }, '#'],
    [{ $ref: 'https://example.org/schema' }, '#/$ref'],
    [{ $ref: '#/$defs/none', $defs: {} }, '#/$ref'],
    [{ $ref: '#/$defs/50%', $defs: {} }, '#/$ref'],
    [{ $defs: { a: { $ref: '#/$defs/a' } } }, '#/$defs/a/$ref'],
    [
      { $defs: { a: { allOf: [{ $ref: '#/$defs/b' }] }, b: { anyOf: [{ $ref: '#/$defs/a' }] } } },
      '#/$defs/a/allOf/0/$ref',
    ],
    [{ type: 'integer', enum: ['a'] }, '#/enum'],
    [{ allOf: [{}, {}] }, '#/allOf'],
  ]
  for (const [schema, place] of refused) {
    const error = await rejectsCode(
      grammars.matcher({ kind: 'json-schema', schema }),
      'CONSTRAINT_UNSUPPORTED',
    )
    assert.is(error.fields.field, place, error.message)
  }
  // Of such a list the library would let -129 through.
  const list = { type: 'integer', minimum: -120, maximum: -20 }
  await rejectsCode(grammars.matcher({ kind: 'json-schema', schema: list }), 'CONSTRAINT_UNSUPPORTED')
  const numbers = Array.from({ length: 101 }, (_, index) => `${index - 120}`)
  for (let seed = 0; seed < 60; seed++)
    assert.ok(numbers.includes((await drawText({ kind: 'choice', choices: numbers }, seed)) ?? ''))
  for (const pattern of ['a(?=b)', '(a', '\\p{L}']) {
    const error = await rejectsCode(grammars.matcher({ kind: 'regex', pattern }), 'CONSTRAINT_UNSUPPORTED')
    assert.not.match(error.message, '/')
  }
  // The library would take seconds over these, and the model with it.
  const wide = { type: 'integer', minimum: 10, maximum: 2000 }
  const properties = Object.fromEntries(['a', 'b', 'c'].map((name) => [name, wide]))
  const endless: readonly Constraint[] = [
    { kind: 'json-schema', schema: { type: 'object', properties } },
    { kind: 'json-schema', schema: { type: 'string', pattern: '((a{200}){200}){200}' } },
    { kind: 'regex', pattern: '(((a{100}){100}){100}){100}' },
  ]
  for (const constraint of endless) await rejectsCode(grammars.matcher(constraint), 'CONSTRAINT_UNSUPPORTED')
  // The library aborts on these; the next request has a new one.
  assert.is(await drawText({ kind: 'choice', choices: ['on'] }, 1), 'on')
})

test.run()
