/** What holds for every row of the table of tools. */
import { Ajv2020 } from 'ajv/dist/2020.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { SCOPES } from '../../../node/agents/asker.ts'
import { laxSchema } from '../../../node/agents/chat/lax-schema.ts'
import { createArgumentCheck } from '../../../node/agents/loop/check-arguments.ts'
import { checkSchema } from '../../../node/compute/generate/schema-check.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../../node/json.ts'
import { throwsCode } from '../../helpers/throws.ts'
import { createToolServices } from '../../helpers/tool-services.ts'

const test = suite('table of tools')
const { tools } = createToolServices()
const check = createArgumentCheck()

/** A value that the schema of an argument takes. */
function sample(schema: JsonValue | undefined): JsonValue {
  const { type, items, minimum, enum: values } = schema as JsonObject
  if (Array.isArray(values)) return values[0] as JsonValue
  if (type === 'array')
    return [sample(items), ...(((schema as JsonObject).minItems as number) > 1 ? [sample(items)] : [])]
  if (type === 'integer' || type === 'number') return (minimum as number | undefined) ?? 1
  if (type === 'boolean') return true
  return type === 'object' ? {} : 'x'
}

test('names are unique, and the ones that are known by', () => {
  const names = tools.map(({ name }) => name)
  assert.equal([...new Set(names)], names)
  for (const name of [
    ...[
      'knowledge_search',
      'knowledge_index',
      'knowledge_collections',
      'model_list',
      'model_inspect',
      'model_add',
    ],
    ...[
      'model_pull',
      'model_compress',
      'model_evaluate',
      'model_compare',
      'model_merge',
      'model_train',
      'model_generate',
    ],
    ...[
      'text_embed',
      'job_list',
      'job_show',
      'job_wait',
      'job_cancel',
      'round_list',
      'round_show',
      'evolve_start',
    ],
    ...['geometry_measure', 'file_list', 'file_read', 'file_write', 'time_now', 'member_list', 'node_status'],
    ...['calculate', 'code_run', 'twin_recall', 'twin_remember'],
  ])
    assert.ok(names.includes(name), name)
})

for (const tool of tools)
  test(`${tool.name}: its row`, () => {
    const { name, description, parameters, effect, scope, cost } = tool
    assert.match(name, /^[a-z][a-z0-9_]{0,63}$/)
    assert.ok(description.length > 20 && description.length < 400 && description.endsWith('.'), description)
    assert.is(parameters.type, 'object')
    assert.is(parameters.additionalProperties, false)
    const validate = new Ajv2020({ strict: true, strictTypes: false }).compile(parameters)
    assert.not.ok(validate({ nothingOfThisName: 1 }))
    assert.ok(SCOPES.includes(scope))
    assert.ok(['read', 'change', 'outside'].includes(effect))
    // Whoever may only look or ask changes nothing.
    if (effect !== 'read') assert.ok(['operate', 'admin'].includes(scope), `${effect} with ${scope}`)
    assert.ok(cost.latencyMs >= 0 && cost.cpuSeconds >= 0)
    checkSchema(laxSchema(parameters, { isClosed: true }))
  })

for (const tool of tools)
  test(`${tool.name}: bad arguments are refused`, () => {
    const properties = isJsonObject(tool.parameters.properties) ? tool.parameters.properties : {}
    const required = (tool.parameters.required ?? []) as readonly string[]
    const good = Object.fromEntries(required.map((name) => [name, sample(properties[name])]))
    check(tool, good)
    throwsCode(() => check(tool, { ...good, other: 1 }), 'TOOL_ARGUMENTS_INVALID')
    for (const name of required) {
      const { [name]: _, ...rest } = good
      throwsCode(() => check(tool, rest), 'TOOL_ARGUMENTS_INVALID')
    }
    for (const [name, schema] of Object.entries(properties)) {
      const wrong: JsonValue = (schema as JsonObject).type === 'string' ? 7 : 'seven'
      throwsCode(() => check(tool, { ...good, [name]: wrong }), 'TOOL_ARGUMENTS_INVALID')
      if ((schema as JsonObject).type === 'string' && (schema as JsonObject).enum === undefined) {
        const { maxLength, pattern = '' } = schema as { maxLength?: number; pattern?: string }
        // A pattern bounds what it matches where it is anchored and repeats nothing without end.
        const isBounded = maxLength !== undefined || /^\^[^*+]+\$$/.test(pattern)
        assert.ok(isBounded, `${name} has no bound`)
      }
    }
  })

test.run()
