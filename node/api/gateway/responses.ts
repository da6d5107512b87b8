/** POST /v1/responses: a turn of a conversation that the gateway can keep. */
import { randomBytes } from 'node:crypto'
import type { Config } from '../../config.ts'
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject } from '../../json.ts'
import type { RawReply } from '../routes/route.ts'
import { beginStream } from './begin-stream.ts'
import type { GatewayRequest } from './chat-completions.ts'
import { checkFields, RESPONSE_FIELDS } from './field-rules.ts'
import { openAiError } from './openai-error.ts'
import { flagOf, objectOf, textOf, wrong } from './read-fields.ts'
import { readFormat, readSampling, readTools } from './read-tools.ts'
import { messagesOf, readInput } from './response-input.ts'
import { createResponseEvents } from './response-view.ts'
import { isAgentName, runTurn, type Turn, type TurnComponents } from './run-turn.ts'
import type { StoredResponses } from './stored-responses.ts'
import { type AgentWish, APPROVALS_HEADER, readAgentWish } from './village-field.ts'

export interface ResponseComponents extends TurnComponents {
  readonly responses: StoredResponses
  readonly config: Pick<Config, 'agents.model' | 'agents.endpointsMaySee'>
}

const MAX_METADATA = { pairs: 16, nameLength: 64, textLength: 512 }

const newId = (prefix: string) => `${prefix}_${randomBytes(16).toString('hex')}`

function checkMetadata(value: JsonObject[string] | undefined): void {
  if (value === undefined) return
  const pairs = Object.entries(isJsonObject(value) ? value : wrong('metadata', 'must be an object'))
  if (pairs.length > MAX_METADATA.pairs) wrong('metadata', `may hold ${MAX_METADATA.pairs} pairs at most`)
  for (const [name, text] of pairs) {
    const isFine = name.length <= MAX_METADATA.nameLength && typeof text === 'string'
    if (!isFine || text.length > MAX_METADATA.textLength)
      wrong(
        'metadata',
        `must be texts of ${MAX_METADATA.textLength} by names of ${MAX_METADATA.nameLength} characters at most`,
      )
  }
}

interface ReadResponse {
  readonly turn: Turn
  readonly body: JsonObject
  readonly input: readonly JsonObject[]
  readonly isPrivate: boolean
  readonly isStored: boolean
  readonly isStreamed: boolean
}

/** Whether what is private must not reach the model that answers: of an agent the one behind it. Throws CHAT_MODEL_UNKNOWN. */
async function leavesNode(
  { chatModels, config }: ResponseComponents,
  named: string,
  { model: wished, options }: AgentWish,
): Promise<boolean> {
  // Another member sees no private collection either, whatever endpoints may see.
  if (options?.node !== undefined) return true
  if (config['agents.endpointsMaySee'] === 'all') return false
  const model = !isAgentName(named) ? named : wished === undefined ? config['agents.model'] : wished
  return model !== null && (await chatModels.need(model)).place === 'remote'
}

async function readRequest(
  components: ResponseComponents,
  { body, headers, principal }: GatewayRequest,
): Promise<ReadResponse> {
  const model = textOf(body.model, 'model')
  const given = checkFields(RESPONSE_FIELDS, body, isAgentName(model))
  const wish = readAgentWish(given, headers[APPROVALS_HEADER], isAgentName(model))
  const leaves = await leavesNode(components, model, wish)
  checkMetadata(given.metadata)
  const input = readInput(given.input, newId)
  const previous = given.previous_response_id
  const before =
    previous === undefined
      ? []
      : await components.responses.conversation(principal, textOf(previous, 'previous_response_id'), leaves)
  const text = given.text === undefined ? {} : objectOf(given.text, 'text', ['format', 'verbosity'])
  if (text.verbosity !== undefined && text.verbosity !== 'medium')
    throw new VillageError('CHAT_FIELD_UNSUPPORTED', 'text.verbosity: only medium is honoured', {
      fields: { field: 'text.verbosity' },
    })
  const format = readFormat(text.format, 'text.format', false)
  const instructions = given.instructions === undefined ? [] : [textOf(given.instructions, 'instructions')]
  return {
    turn: {
      model,
      request: {
        messages: [
          ...instructions.map((content) => ({ role: 'system', content }) as const),
          ...messagesOf([...before, ...input]),
        ],
        ...readTools(given, false),
        ...(format !== undefined && { format }),
        sampling: readSampling(given, ['max_output_tokens']),
      },
      wish,
      principal,
    },
    body: given,
    input,
    isPrivate: isAgentName(model) && !leaves,
    isStored: flagOf(given.store, 'store') ?? true,
    isStreamed: flagOf(given.stream, 'stream') ?? false,
  }
}

export async function respond(
  components: ResponseComponents,
  request: GatewayRequest,
): Promise<object | RawReply> {
  const store = components.responses.begin(request.principal)
  const { turn, body, input, isPrivate, isStored, isStreamed } = await readRequest(components, request)
  const head = { id: newId('resp'), createdAt: Math.floor(Date.now() / 1000), body, newId }

  // Before the client hears of it: it may come back to the response at once.
  async function keep(response: JsonObject): Promise<void> {
    if (isStored) await store({ response, input, isPrivate })
  }

  if (!isStreamed) {
    const events = createResponseEvents(head, () => undefined)
    const result = await runTurn(components, turn, request.signal)
    // The answer alone: what was said on the way to it is for those who follow the stream.
    if (result.text !== '') events.add({ kind: 'text', text: result.text })
    for (const [index, { id, name, arguments: text }] of result.toolCalls.entries()) {
      events.add({ kind: 'call', index, id, name })
      events.add({ kind: 'arguments', index, text })
    }
    const response = events.finish(result)
    await keep(response)
    return response
  }

  let said: ReturnType<typeof createResponseEvents> | undefined
  return beginStream(request.signal, {
    begin(stream) {
      said = createResponseEvents(head, (event) => stream.send(event.type, event))
      said.begin()
    },
    async run(stream, began) {
      const result = await runTurn(components, turn, stream.signal, (delta) => {
        began()
        said?.add(delta)
      })
      began()
      const response = said!.finish(result)
      await keep(response)
      said!.done(response)
    },
    fail: (_stream, error) => said?.fail(openAiError(error)),
  })
}
