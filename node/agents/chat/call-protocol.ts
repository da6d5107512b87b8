/**
 * Calls of tools for models that were trained on no form for them: first one word that says what comes next (`answer`, or a tool), then its
 * arguments as JSON, each held by a grammar, so that nothing malformed can come. Pure.
 */
import type { Constraint } from '../../compute/generate/language-model.ts'
import { isJsonObject, type JsonObject } from '../../json.ts'
import type { ChatMessage, ToolDeclaration } from './chat-model.ts'
import { laxSchema } from './lax-schema.ts'

export const ANSWER = 'answer'
const MAX_DESCRIPTION_UNITS = 160

/** `model_compress(model, ratio?, …): Compresses …` */
function signature({ name, description, parameters }: ToolDeclaration): string {
  const properties = isJsonObject(parameters.properties) ? Object.keys(parameters.properties) : []
  const required = Array.isArray(parameters.required) ? parameters.required : []
  const names = properties.map((property) => (required.includes(property) ? property : `${property}?`))
  return `${name}(${names.join(', ')}): ${description.slice(0, MAX_DESCRIPTION_UNITS)}`
}

/** With what the model is told of the tools, behind the system's own words. */
export function withTools(
  messages: readonly ChatMessage[],
  tools: readonly ToolDeclaration[],
): ChatMessage[] {
  const said = `You can use these tools, one at a time:\n${tools.map(signature).join('\n')}`
  const [first, ...rest] = messages
  return first?.role === 'system'
    ? [{ role: 'system', content: `${first.content}\n\n${said}` }, ...rest]
    : [{ role: 'system', content: said }, ...messages]
}

export function choosing(messages: readonly ChatMessage[], canAnswer: boolean): ChatMessage[] {
  const words = canAnswer
    ? `Say \`${ANSWER}\` if you can answer now, else the name of one tool.`
    : 'Say the name of one tool.'
  return [...messages, { role: 'user', content: words }]
}

export const choiceOf = (tools: readonly ToolDeclaration[], canAnswer: boolean): Constraint => ({
  kind: 'choice',
  choices: [...(canAnswer ? [ANSWER] : []), ...tools.map(({ name }) => name)],
})

export const arguing = (messages: readonly ChatMessage[], name: string): ChatMessage[] => [
  ...messages,
  { role: 'assistant', content: name },
  { role: 'user', content: `Say the arguments of ${name} as JSON.` },
]

export const argumentsConstraint = ({ parameters }: ToolDeclaration): Constraint => ({
  kind: 'json-schema',
  schema: laxSchema(parameters, { isClosed: true }),
})

/** One object that names a tool and its arguments, in the words of the model's own form. */
export function callConstraint(tools: readonly ToolDeclaration[], argumentsName: string): Constraint {
  const options = tools.map(
    ({ name, parameters }): JsonObject => ({
      type: 'object',
      properties: { name: { const: name }, [argumentsName]: laxSchema(parameters, { isClosed: true }) },
      required: ['name', argumentsName],
      additionalProperties: false,
    }),
  )
  return { kind: 'json-schema', schema: options.length === 1 ? options[0]! : { anyOf: options } }
}
