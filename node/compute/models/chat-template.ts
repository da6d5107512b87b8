/**
 * Chat templates: how a conversation becomes the text that a model was trained on. A template is text from a stranger, run by
 * an interpreter (@huggingface/jinja) that reaches nothing but its variables, and bounded in steps, sizes and time.
 *
 * As transformers do it: `chat_template.jinja`, or `chat_template` of tokenizer_config.json (a text, or a list of named ones:
 * `default`, and `tool_use` where tools are given); blocks trimmed; `tools` and `documents` are none where there are none;
 * special tokens by name; raise_exception and strftime_now.
 */
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import { type JinjaTemplate, parseJinja, TemplateRefusal } from './bounded-jinja.ts'
import { CHAT_TEMPLATE_FILE, TOKENIZER_CONFIG_FILE } from './model-files.ts'
import { strftime } from './strftime.ts'
import { OutOfTime } from './within-time.ts'

const MAX_TEMPLATE_BYTES = 256 * 1024
const MAX_CONFIG_BYTES = 16 * 2 ** 20
const DEFAULT = 'default'
const FOR_TOOLS = 'tool_use'
const SPECIAL_TOKEN = /^[a-z][a-z0-9_]*_token$/

export interface ChatMessage extends JsonObject {
  readonly role: string
}

export interface ChatRequest {
  readonly messages: readonly ChatMessage[]
  /** JSON schemas of functions, as OpenAI's `tools`. */
  readonly tools?: readonly JsonValue[]
  /** Ends with what begins an answer of the assistant. */
  readonly addGenerationPrompt: boolean
}

export interface ChatTemplate {
  /** Throws CHAT_TEMPLATE_FAILED where the template is wrong, refuses the conversation, or takes too much. */
  render(request: ChatRequest): string
  /** Throws CHAT_TEMPLATE_FAILED where one of the templates does not parse. */
  check(): void
}

interface Init {
  readonly now?: () => Date
}

/** The chat template of a model directory, or null where it has none; CHAT_TEMPLATE_FAILED where it cannot be read. */
export function loadChatTemplate(modelDir: string, init: Init = {}): ChatTemplate | null {
  const config = readTokenizerConfig(modelDir)
  const sources = readSources(modelDir, config)
  if (sources.size === 0) return null
  const tokens = specialTokens(config)
  const parsed = new Map<string, JinjaTemplate>()

  function choose(request: ChatRequest): JinjaTemplate {
    const wanted = request.tools !== undefined && sources.has(FOR_TOOLS) ? FOR_TOOLS : DEFAULT
    const name = sources.has(wanted) ? wanted : sources.keys().next().value!
    const known = parsed.get(name)
    if (known !== undefined) return known
    const template = parseJinja(sources.get(name)!)
    parsed.set(name, template)
    return template
  }

  return {
    check() {
      try {
        for (const source of sources.values()) parseJinja(source)
      } catch (error) {
        throw failed(error)
      }
    },
    render(request) {
      const { messages, tools = null, addGenerationPrompt } = request
      const functions = {
        raise_exception(message: unknown) {
          throw new TemplateRefusal(String(message).slice(0, 500))
        },
        strftime_now: (format: unknown) => strftime((init.now ?? (() => new Date()))(), String(format)),
      }
      const variables = {
        ...tokens,
        messages,
        tools,
        documents: null,
        add_generation_prompt: addGenerationPrompt,
      }
      try {
        return choose(request).render(variables, functions)
      } catch (error) {
        throw failed(error)
      }
    },
  }
}

function failed(error: unknown): VillageError {
  if (error instanceof TemplateRefusal || error instanceof OutOfTime)
    return new VillageError('CHAT_TEMPLATE_FAILED', `The chat template refuses: ${error.message}`, {
      cause: error,
      fields: { field: 'chat_template' },
    })
  const reason = error instanceof Error ? error.message.slice(0, 500) : 'no reason given'
  return new VillageError('CHAT_TEMPLATE_FAILED', `The chat template cannot be run: ${reason}`, {
    cause: error,
    fields: { field: 'chat_template' },
  })
}

const unreadable = (field: string, problem: string, cause?: unknown) =>
  new VillageError('CHAT_TEMPLATE_FAILED', `${field} ${problem}`, { cause, fields: { field } })

/** Text of a file of the model, or null where it is not there. */
function readText(modelDir: string, name: string, maxBytes: number): string | null {
  const file = join(modelDir, name)
  const stats = statSync(file, { throwIfNoEntry: false })
  if (stats === undefined) return null
  if (!stats.isFile() || stats.size > maxBytes) throw unreadable(name, `is larger than ${maxBytes} bytes`)
  return readFileSync(file, 'utf8')
}

function readTokenizerConfig(modelDir: string): JsonObject {
  const text = readText(modelDir, TOKENIZER_CONFIG_FILE, MAX_CONFIG_BYTES)
  if (text === null) return {}
  try {
    const json: unknown = JSON.parse(text)
    if (isJsonObject(json)) return json
  } catch (error) {
    throw unreadable(TOKENIZER_CONFIG_FILE, 'is not JSON', error)
  }
  throw unreadable(TOKENIZER_CONFIG_FILE, 'is not an object')
}

function readSources(modelDir: string, config: JsonObject): Map<string, string> {
  const file = readText(modelDir, CHAT_TEMPLATE_FILE, MAX_TEMPLATE_BYTES)
  if (file !== null) return new Map([[DEFAULT, file]])
  const given = config.chat_template ?? null
  if (given === null) return new Map()
  const check = (text: unknown): string => {
    if (typeof text !== 'string') throw unreadable('chat_template', 'is not a text')
    if (text.length > MAX_TEMPLATE_BYTES)
      throw unreadable('chat_template', `is longer than ${MAX_TEMPLATE_BYTES} characters`)
    return text
  }
  if (!Array.isArray(given)) return new Map([[DEFAULT, check(given)]])
  return new Map(
    given.map((one: JsonValue) => {
      if (!isJsonObject(one) || typeof one.name !== 'string')
        throw unreadable('chat_template', 'has no names')
      return [one.name, check(one.template)]
    }),
  )
}

/** `bos_token`, `eos_token` and the like, as texts. */
function specialTokens(config: JsonObject): Record<string, string> {
  const tokens: Record<string, string> = {}
  for (const [name, value] of Object.entries(config)) {
    if (!SPECIAL_TOKEN.test(name)) continue
    const text = isJsonObject(value) ? value.content : value
    if (typeof text === 'string') tokens[name] = text
  }
  return tokens
}
