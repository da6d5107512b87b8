/** `village generate`: a prompt, and what a language model makes of it. */
import { readFile } from 'node:fs/promises'
import type { Client } from '../client.ts'
import { VillageError } from '../errors.ts'
import { isJsonObject, type JsonObject } from '../json.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { optionText } from './command.ts'
import { counted, printableLines } from './format.ts'
import { flagOf } from './option-names.ts'
import { readStdin } from './stdin.ts'

interface CompletionView {
  text: string
  finish: string
  usage: { promptTokens: number; cachedTokens: number; completionTokens: number; ms: number }
}

const MAX_PROMPT_BYTES = 4 * 2 ** 20

/** Options that are numbers, and the fields that they become. */
const NUMBERS = [
  'maxTokens',
  'temperature',
  'topK',
  'topP',
  'minP',
  'repetitionPenalty',
  'seed',
  'logProbabilities',
] as const

function numberOf(context: CommandContext, name: string): number | null {
  const text = optionText(context, name)
  if (text === null) return null
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value))
    throw new VillageError('USAGE', `${flagOf(name)} takes a number`)
  return value
}

const listOf = (value: CommandContext['options'][string]): readonly string[] =>
  Array.isArray(value) ? (value as readonly string[]) : []

async function readSchema(file: string): Promise<JsonObject> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new VillageError('FILE_UNREADABLE', `${file} cannot be read (${error.code})`, { cause: error })
  })
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    const { message } = error as SyntaxError
    throw new VillageError('FILE_UNREADABLE', `${file} is not JSON: ${message.slice(0, 200)}`, {
      cause: error,
    })
  }
  if (!isJsonObject(json)) throw new VillageError('USAGE', `${file} is not a JSON Schema`)
  return json
}

async function bodyOf(context: CommandContext): Promise<JsonObject> {
  const { options } = context
  const given = context.args[1]
  // A shell cannot write a line end into an argument easily: the one that ends a piped text is left out.
  const prompt =
    given === undefined || given === '-' ? (await readStdin(MAX_PROMPT_BYTES)).replace(/\r?\n$/, '') : given
  const body: Record<string, JsonObject[string]> = {}
  const system = optionText(context, 'system')
  if (options.chat === true)
    body.messages = [
      ...(system === null ? [] : [{ role: 'system', content: system }]),
      { role: 'user', content: prompt },
    ]
  else {
    if (system !== null) throw new VillageError('USAGE', '--system goes with --chat')
    body.prompt = prompt
  }
  for (const name of NUMBERS) {
    const value = numberOf(context, name)
    if (value !== null) body[name] = value
  }
  for (const [name, field] of [
    ['stop', 'stop'],
    ['choice', 'choices'],
  ] as const)
    if (listOf(options[name]).length > 0) body[field] = [...listOf(options[name])]
  if (options.anyJson === true) body.json = true
  const schema = optionText(context, 'schema')
  if (schema !== null) body.schema = await readSchema(schema)
  for (const name of ['pattern', 'adapter']) {
    const value = optionText(context, name)
    if (value !== null) body[name] = value
  }
  return body
}

/** Fields that bind the form of the text. */
const CONSTRAINTS = ['json', 'schema', 'choices', 'pattern'] as const

/** What takes the text for an answer of the form that was asked for must learn that it was cut off before its end. */
function warnIfCut(context: CommandContext, body: JsonObject, { finish, usage }: CompletionView): void {
  const isCut = finish === 'length' || finish === 'context'
  if (!isCut || !CONSTRAINTS.some((name) => body[name] !== undefined)) return
  const limit = finish === 'length' ? '--max-tokens' : 'the context of the model is full'
  const after = counted(usage.completionTokens, 'token')
  context.note(
    `warning: the text was cut off after ${after} (${limit}) and has not the form that was asked for`,
  )
}

/** Writes the text as it comes. */
async function follow(context: CommandContext, client: Client, target: string, body: JsonObject) {
  let isInLine = false
  try {
    for await (const event of client.stream(target, { ...body, stream: true })) {
      if (event.type === 'done') return event.data as JsonObject & CompletionView
      if (event.type !== 'token') throw client.problem(event.data)
      const text = printableLines(String(event.data.text))
      context.write(text)
      if (text !== '') isInLine = !text.endsWith('\n')
    }
  } catch (error) {
    // What went wrong is told on a line of its own.
    if (isInLine) context.write('\n')
    throw error
  }
  throw new VillageError('INTERNAL', 'The daemon ended the answer before it was complete')
}

export async function generate(context: CommandContext): Promise<CommandResult> {
  const target = `/api/v1/models/${encodeURIComponent(context.args[0] ?? '')}/generate`
  const client = await context.client()
  const body = await bodyOf(context)
  const streams = context.options.stream !== false && context.columns !== null && !context.json
  if (!streams) {
    const completion = await client.send<CompletionView>('POST', target, body)
    // A pipe gets the text as it is.
    const { text } = completion
    warnIfCut(context, body, completion)
    return { document: completion, text: context.columns === null ? text : printableLines(text) }
  }
  const completion = await follow(context, client, target, body)
  const { promptTokens, completionTokens, ms } = completion.usage
  context.write('\n')
  const rate = ms > 0 ? `, ${((completionTokens / ms) * 1000).toFixed(0)} tokens/s` : ''
  context.note(`${promptTokens} + ${completionTokens} tokens, ended by ${completion.finish}${rate}`)
  warnIfCut(context, body, completion)
  return { document: undefined, text: '' }
}
