/** A real daemon with a small local model, an encoder and an endpoint that plays a script, and OpenAI's own client of it. */
import { rm } from 'node:fs/promises'
import path from 'node:path'
import OpenAI, { APIError } from 'openai'
import type {
  ChatCompletionFunctionTool,
  ChatCompletionMessageParam,
} from 'openai/resources/chat/completions'
import * as assert from 'uvu/assert'
import { type Client, createClient, findDaemon } from '../../node/client.ts'
import { DEFAULT_CONFIG } from '../../node/config.ts'
import { createDaemon } from '../../node/daemon.ts'
import { temporaryDirectory } from './mesh.ts'
import { type ScriptedEndpoint, startScriptedEndpoint } from './scripted-endpoint.ts'

export const LOCAL = 'village-lm'
export const SCRIPTED = 'test/scripted'

export interface OpenAiWorld {
  readonly endpoint: ScriptedEndpoint
  /** The data directory. */
  readonly directory: string
  /** With the node's own token. */
  readonly admin: Client
  /** With a key of scope `ask`. */
  readonly openai: OpenAI
  /** A client with a key of its own. */
  withKey(body: object): Promise<OpenAI>
  close(): Promise<void>
}

export async function openAiWorld(): Promise<OpenAiWorld> {
  const ending = new AbortController()
  const root = await temporaryDirectory()
  const endpoint = await startScriptedEndpoint()
  const directory = path.join(root, 'data')
  const daemon = await createDaemon({
    ...DEFAULT_CONFIG,
    'data.dir': directory,
    'log.level': 'silent',
    'api.port': 0,
    'mesh.listen': ['/ip4/127.0.0.1/tcp/0'],
    'mesh.mdns': false,
    'agents.endpoints': [`test=${endpoint.url}`],
  })
  async function close(): Promise<void> {
    ending.abort()
    await daemon.stop()
    await endpoint.close()
    await rm(root, { recursive: true, force: true })
  }
  try {
    await daemon.start()
    const { url, token } = await findDaemon(directory)
    const admin = createClient({ url, token, directory, signal: ending.signal })
    await admin.send('POST', '/api/v1/models', { embedded: 'village-lm', id: LOCAL })
    await admin.send('POST', '/api/v1/models', { embedded: 'encoder', id: 'encoder' })
    async function withKey(body: object): Promise<OpenAI> {
      const { secret } = await admin.send<{ secret: string }>('POST', '/api/v1/keys', body)
      return new OpenAI({ baseURL: `${url}/v1`, apiKey: secret, maxRetries: 0 })
    }
    return {
      endpoint,
      directory,
      admin,
      openai: await withKey({ name: 'tests', scope: 'ask' }),
      withKey,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** What the client throws. */
export async function failure(work: PromiseLike<unknown>): Promise<APIError> {
  try {
    await work
  } catch (error) {
    if (error instanceof APIError) return error
    throw error
  }
  return assert.unreachable('nothing was thrown') as never
}

export const WEATHER: ChatCompletionFunctionTool = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather of a town.',
    parameters: {
      type: 'object',
      properties: { town: { type: 'string', enum: ['Oslo', 'Lima'] } },
      required: ['town'],
      additionalProperties: false,
    },
  },
}

export const user = (content: string): ChatCompletionMessageParam => ({ role: 'user', content })

/** The first words of a stream that does not go on. */
export const ONCE = `data: ${JSON.stringify({
  ...{ id: 'x', object: 'chat.completion.chunk', created: 0, model: 'scripted' },
  choices: [{ index: 0, delta: { role: 'assistant', content: 'Once' }, finish_reason: null }],
})}\n\n`
