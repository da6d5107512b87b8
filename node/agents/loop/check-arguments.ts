/** Checks the arguments of a call against the schema of its tool. A tool's schema is compiled at its first call. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { nearest } from '../../nearest.ts'
import type { Tool } from '../tools/tool.ts'

const MAX_ARGUMENT_BYTES = 256 * 1024
const MAX_NAME = 64

type Declared = Pick<Tool, 'name' | 'parameters'>

export type CheckArguments = (tool: Declared, arguments_: JsonObject) => void

function sentence(validate: ValidateFunction): { field: string; message: string } {
  const error = validate.errors?.[0]
  const inside = error?.instancePath.slice(1).replaceAll('/', '.') ?? ''
  const { missingProperty, additionalProperty, allowedValues } = (error?.params ?? {}) as {
    missingProperty?: string
    additionalProperty?: string
    allowedValues?: readonly unknown[]
  }
  const join = (name: string) => (inside === '' ? name : `${inside}.${name}`)
  if (missingProperty !== undefined) {
    const field = join(missingProperty)
    return { field, message: `${field} is required` }
  }
  if (additionalProperty !== undefined) {
    const field = join(additionalProperty.slice(0, MAX_NAME))
    const known = Object.keys((error?.parentSchema as { properties?: object } | undefined)?.properties ?? {})
    const suggestion = nearest(additionalProperty, known)
    const hint = suggestion === null ? `known: ${known.join(', ')}` : `did you mean "${suggestion}"?`
    return { field, message: `${field} is not known; ${hint}` }
  }
  const field = inside === '' ? 'arguments' : inside
  if (allowedValues !== undefined)
    return { field, message: `${field} must be one of ${allowedValues.slice(0, 32).join(', ')}` }
  return { field, message: `${field} ${error?.message ?? 'is not valid'}` }
}

/** Whether a schema is one: made once, as compiling the schema of all schemas takes longer than most calls. */
let schemas: Ajv2020 | undefined

/** Throws TOOL_ARGUMENTS_INVALID, with `fields.field`; the value itself is not repeated. */
export function createArgumentCheck(): CheckArguments {
  const compiled = new WeakMap<Declared, ValidateFunction>()

  function compile(tool: Declared): ValidateFunction {
    const known = compiled.get(tool)
    if (known !== undefined) return known
    try {
      // One instance a tool: two servers may use one $id. A schema that names its draft is read as the latest.
      const { $schema: _draft, ...schema } = tool.parameters
      schemas ??= new Ajv2020({ strict: false, logger: false })
      schemas.validateSchema(schema, true)
      const options = {
        verbose: true,
        strict: false,
        logger: false,
        meta: false,
        validateSchema: false,
      } as const
      const validate = new Ajv2020(options).compile(schema)
      compiled.set(tool, validate)
      return validate
    } catch (error) {
      throw new VillageError('TOOL_ARGUMENTS_INVALID', `The schema of ${tool.name} cannot be used`, {
        cause: error,
        fields: { tool: tool.name },
      })
    }
  }

  return (tool, arguments_) => {
    if (Buffer.byteLength(JSON.stringify(arguments_)) > MAX_ARGUMENT_BYTES)
      throw new VillageError(
        'TOOL_ARGUMENTS_INVALID',
        `The arguments of ${tool.name} are larger than ${MAX_ARGUMENT_BYTES} bytes`,
        { fields: { tool: tool.name, field: 'arguments' } },
      )
    const validate = compile(tool)
    if (validate(arguments_)) return
    const { field, message } = sentence(validate)
    throw new VillageError('TOOL_ARGUMENTS_INVALID', `${tool.name}: ${message}`, {
      fields: { tool: tool.name, field },
    })
  }
}
