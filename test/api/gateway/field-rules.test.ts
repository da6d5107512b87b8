/** The tables of fields against the types of the official client, and what each row promises. */
import { readFile } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  CHAT_FIELDS,
  checkFields,
  EMBEDDING_FIELDS,
  type FieldRule,
  type FieldTable,
  LABELS,
  RESPONSE_FIELDS,
} from '../../../node/api/gateway/field-rules.ts'
import type { JsonValue } from '../../../node/json.ts'
import { throwsCode } from '../../helpers/throws.ts'

const test = suite('fields of the gateway')

/** The names of an interface of a declaration file: members stand four columns in. */
async function fieldsOf(file: string, name: string): Promise<string[]> {
  const text = await readFile(new URL(`resources/${file}`, import.meta.resolve('openai')), 'utf8')
  const start = text.indexOf(`export interface ${name} {`)
  assert.ok(start >= 0, `${file} has no ${name}`)
  const body = text.slice(start, text.indexOf('\n}\n', start))
  return [...body.matchAll(/^ {4}([a-z_]+)\??:/gm)].map((match) => match[1]!)
}

const TABLES: [name: string, file: string, of: string, table: FieldTable, least: number][] = [
  ['chat', 'chat/completions/completions.d.ts', 'ChatCompletionCreateParamsBase', CHAT_FIELDS, 35],
  ['responses', 'responses/responses.d.ts', 'ResponseCreateParamsBase', RESPONSE_FIELDS, 30],
  ['embeddings', 'embeddings.d.ts', 'EmbeddingCreateParams', EMBEDDING_FIELDS, 5],
]

for (const [name, file, of, table, least] of TABLES) {
  test(`${name}: a row for every field of the client, and none besides but our own`, async () => {
    const fields = await fieldsOf(file, of)
    assert.ok(fields.length >= least, `only ${fields.length} were found`)
    assert.equal(
      Object.keys(table)
        .filter((field) => field !== 'village')
        .sort(),
      fields.sort(),
    )
  })

  for (const [field, row] of Object.entries(table)) {
    const rules: [FieldRule, boolean][] = [[row, false]]
    if (row.agent !== undefined) rules.push([row.agent, true])
    for (const [rule, isAgent] of rules)
      test(`${name}: ${field} is ${rule.rule}${isAgent ? ' for agents' : ''}`, () => {
        const check = (value: JsonValue) => checkFields(table, { [field]: value }, isAgent)
        assert.equal(check(null), {})
        if (rule.rule === 'honoured') {
          assert.equal(check('anything'), { [field]: 'anything' })
          return
        }
        if (rule.rule === 'label') {
          assert.equal(check('me'), { [field]: 'me' })
          for (const value of [17, true, ['x'], { x: 1 }, 'x'.repeat(513)])
            assert.is(throwsCode(() => check(value), 'INVALID_ARGUMENT').fields.field, field)
          return
        }
        const allowed = rule.rule === 'only' ? rule.values : []
        for (const value of allowed) assert.equal(check(value), { [field]: value })
        for (const value of ['x', 17, true, ['x'], { x: 1 }]) {
          const error = throwsCode(() => check(value), 'CHAT_FIELD_UNSUPPORTED')
          assert.is(error.fields.field, field)
          assert.ok(error.message.startsWith(`${field}: `))
        }
      })
  }
}
test('what a response shows of labels are the rows of that rule', () => {
  const labels = Object.entries(RESPONSE_FIELDS).filter(([, row]) => row.rule === 'label')
  assert.equal(labels.map(([name]) => name).sort(), [...LABELS])
})

test.run()
