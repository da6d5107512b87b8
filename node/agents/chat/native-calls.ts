/**
 * Calls of tools in the forms that language models were trained on, told by the text of their chat template. A model writes whatever it likes: what
 * only looks like a call is text, and a call that is broken is handed on as it was written. Pure.
 *
 * `hermes`: `<tool_call>{"name": …, "arguments": {…}}</tool_call>` (Nous Hermes, Qwen 2.5 and later). `llama`: one JSON object with `name` and
 * `parameters` (Llama 3.1 and later). `mistral`: `[TOOL_CALLS]` and a list of objects, or a name, `[ARGS]` and an object. The markers of the last two
 * are special tokens, which decoding may leave out.
 */
import { isJsonObject, type JsonValue } from '../../json.ts'

export type CallForm = 'hermes' | 'llama' | 'mistral'

export interface WrittenCall {
  /** Empty where it cannot be told. */
  readonly name: string
  /** JSON of an object, or what stands in its place. */
  readonly arguments: string
}

export interface CallScanner {
  /** What of the text so far is certain to be text. */
  push(piece: string): string
  /** The rest of the text, and the calls. */
  end(): { readonly text: string; readonly calls: readonly WrittenCall[] }
}

const MARKERS: Readonly<Record<CallForm, string>> = {
  hermes: '<tool_call>',
  llama: '<|python_tag|>',
  mistral: '[TOOL_CALLS]',
}
const HERMES_END = '</tool_call>'
const MISTRAL_ARGUMENTS = '[ARGS]'
const NAME = /"name"\s*:\s*"([^"\\]{1,128})"/
const MAX_CALLS = 64

/** Null: the template has no form for calls that is known here. */
export function callFormOf(template: string): CallForm | null {
  if (!/\btools\b/.test(template)) return null
  if (template.includes(MARKERS.hermes)) return 'hermes'
  if (template.includes(MARKERS.mistral)) return 'mistral'
  if (template.includes('<|start_header_id|>')) return 'llama'
  return null
}

/** The end of the JSON value that begins at `from`, exclusive; null where the text ends before it does. */
export function endOfJson(text: string, from: number): number | null {
  let depth = 0
  let isText = false
  for (let at = from; at < text.length; at++) {
    const letter = text[at]!
    if (isText) {
      if (letter === '\\') at++
      else if (letter === '"') isText = false
    } else if (letter === '"') isText = true
    else if (letter === '{' || letter === '[') depth++
    else if (letter === '}' || letter === ']') {
      depth--
      if (depth <= 0) return at + 1
    }
  }
  return null
}

function parse(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue
  } catch {
    return undefined
  }
}

/** Undefined where the value is no call. */
function callIn(value: JsonValue | undefined): WrittenCall | undefined {
  if (!isJsonObject(value) || typeof value.name !== 'string') return undefined
  const given = value.arguments ?? value.parameters ?? {}
  return { name: value.name, arguments: typeof given === 'string' ? given : JSON.stringify(given) }
}

/** What stands where a call should: its name where that can be read. */
const brokenCall = (text: string): WrittenCall => ({
  name: NAME.exec(text)?.[1] ?? '',
  arguments: text.trim(),
})

/** JSON values one after the other; what is between them is passed over. */
function* valuesIn(text: string): Generator<string> {
  for (let at = 0, count = 0; count < MAX_CALLS; count++) {
    const from = text.slice(at).search(/[{[]/)
    if (from < 0) return
    const end = endOfJson(text, at + from)
    yield text.slice(at + from, end ?? text.length)
    if (end === null) return
    at = end
  }
}

function hermesCalls(text: string): WrittenCall[] {
  // The marker stands in front of each.
  return text
    .split(MARKERS.hermes)
    .slice(1, MAX_CALLS + 1)
    .map((part) => {
      const inner = part.split(HERMES_END, 1)[0]!
      return callIn(parse(inner)) ?? callIn(parse([...valuesIn(inner)][0] ?? '')) ?? brokenCall(inner)
    })
}

function mistralCalls(text: string): WrittenCall[] {
  if (text.includes(MISTRAL_ARGUMENTS))
    return text
      .split(MARKERS.mistral)
      .filter((part) => part.includes(MISTRAL_ARGUMENTS))
      .slice(0, MAX_CALLS)
      .map((part) => {
        const [name = '', ...rest] = part.split(MISTRAL_ARGUMENTS)
        return { name: name.trim(), arguments: rest.join(MISTRAL_ARGUMENTS).trim() }
      })
  const [list = ''] = valuesIn(text.replace(MARKERS.mistral, ''))
  const value = parse(list)
  if (Array.isArray(value))
    return (value as readonly JsonValue[])
      .slice(0, MAX_CALLS)
      .map((one) => callIn(one) ?? brokenCall(JSON.stringify(one)))
  return [callIn(value) ?? brokenCall(text)]
}

function llamaCalls(text: string): WrittenCall[] {
  return [...valuesIn(text)].map((value) => callIn(parse(value)) ?? brokenCall(value))
}

const PARSERS: Readonly<Record<CallForm, (text: string) => WrittenCall[]>> = {
  hermes: hermesCalls,
  llama: llamaCalls,
  mistral: mistralCalls,
}

/** Whether a text without a marker is a call: JSON that names a tool there is. */
function isUnmarkedCall(form: CallForm, text: string, tools: readonly string[]): boolean {
  if (form === 'hermes') return false
  const start = text.trimStart()
  if (
    !(form === 'llama' ? start.startsWith('{') : start.startsWith('[') || start.includes(MISTRAL_ARGUMENTS))
  )
    return false
  return PARSERS[form](text).some(({ name }) => tools.includes(name))
}

/** How much of the end of a text may be the beginning of a marker. */
function heldBack(text: string, marker: string): number {
  for (let length = Math.min(marker.length - 1, text.length); length > 0; length--)
    if (marker.startsWith(text.slice(-length))) return length
  return 0
}

/** `tools`: names of those that were offered. */
export function createCallScanner(form: CallForm, tools: readonly string[]): CallScanner {
  const marker = MARKERS[form]
  let text = ''
  let given = 0
  let markedAt = -1

  /** A text that begins as a call does without its marker is known when it has ended. */
  const mayBeCall = () => {
    if (form === 'hermes') return false
    const start = text.trimStart()
    return start === '' || start.startsWith(form === 'llama' ? '{' : '[')
  }

  return {
    push(piece) {
      text += piece
      if (markedAt < 0) markedAt = text.indexOf(marker, Math.max(0, given - marker.length))
      const until = markedAt >= 0 ? markedAt : mayBeCall() ? 0 : text.length - heldBack(text, marker)
      const out = text.slice(given, Math.max(given, until))
      given += out.length
      return out
    },
    end() {
      if (markedAt >= 0) {
        const calls = PARSERS[form](
          form === 'llama' ? text.slice(markedAt + marker.length) : text.slice(markedAt),
        )
        return { text: text.slice(given, Math.max(given, markedAt)), calls }
      }
      if (isUnmarkedCall(form, text, tools)) return { text: '', calls: PARSERS[form](text) }
      return { text: text.slice(given), calls: [] }
    },
  }
}
