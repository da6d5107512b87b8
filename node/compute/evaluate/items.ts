/**
 * Items of an evaluation as workers get them: what a model is asked, and nothing of what is right. A list of items is an
 * artifact of JSON lines that the owner of a job makes from data of a suite:
 *
 *     {"version":1,"items":2,"prefixes":1}
 *     {"text":"Beginnings of prompts that many items share."}
 *     {"type":"choice","prefix":0,"context":"…","choices":[" A"," B"]}
 *     {"type":"generate","prompt":"…","stop":["\n"],"maxTokens":32,"samples":1,"temperature":0,"seed":0}
 *     {"type":"text","text":"…","stride":null}
 *     {"type":"embed","text":"…"}
 *
 * The prompts are final, byte for byte: a worker adds nothing to them but what its tokenizer puts before every text.
 */
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import { type JsonLine, readJsonLines } from './json-lines.ts'

/** Which continuation does the model find most likely? */
export interface ChoiceItem {
  readonly type: 'choice'
  readonly context: string
  readonly choices: readonly string[]
}

/** What does the model write? */
export interface GenerateItem {
  readonly type: 'generate'
  readonly prompt: string
  /** The text ends before the first of these. */
  readonly stop: readonly string[]
  readonly maxTokens: number
  /** Texts that are drawn; 1 with temperature 0. */
  readonly samples: number
  /** 0 takes the most likely token. */
  readonly temperature: number
  /** Of the first sample; each further one has the next. */
  readonly seed: number
}

/** How likely does the model find this text? */
export interface TextItem {
  readonly type: 'text'
  readonly text: string
  /** Tokens that a window moves on by; null: the model's context, as far as it goes. */
  readonly stride: number | null
}

/** Where does an encoder put this text? */
export interface EmbedItem {
  readonly type: 'embed'
  readonly text: string
}

export type Item = ChoiceItem | GenerateItem | TextItem | EmbedItem

/** The beginning of a prompt is put in front of every item that shares it. */
export interface PreparedItem {
  readonly prefix: string
  readonly item: Item
}

interface ItemsHeader {
  readonly items: number
  readonly prefixes: number
}

const VERSION = 1
export const ITEM_LIMITS = {
  items: 100_000,
  prefixes: 10_000,
  lineBytes: 8 * 2 ** 20,
  fileBytes: 128 * 2 ** 20,
  /** Of one prompt or text, in characters, its prefix included. */
  textLength: 500_000,
  choices: 256,
  stops: 64,
  stopLength: 256,
  maxTokens: 8192,
  samples: 1024,
  temperature: 10,
} as const

function malformed(what: string, line?: number): VillageError {
  const at = line === undefined ? '' : ` in line ${line}`
  return new VillageError('EVALUATION_ITEMS_MALFORMED', `The list of evaluation items ${what}${at}`, {
    fields: { line: line ?? null },
  })
}

/** Equal items give equal bytes: the order of the members is fixed. */
export function encodeItems(items: readonly PreparedItem[]): Uint8Array {
  const prefixes = [...new Set(items.map(({ prefix }) => prefix))].filter((prefix) => prefix !== '')
  if (items.length === 0 || items.length > ITEM_LIMITS.items)
    throw malformed(`has ${items.length} items; it may have 1 to ${ITEM_LIMITS.items}`)
  const indexes = new Map(prefixes.map((prefix, index) => [prefix, index]))
  const lines = [
    JSON.stringify({ version: VERSION, items: items.length, prefixes: prefixes.length }),
    ...prefixes.map((text) => JSON.stringify({ text })),
    ...items.map(({ prefix, item }) => {
      const { type, ...rest } = item
      return JSON.stringify({ type, ...(prefix === '' ? {} : { prefix: indexes.get(prefix)! }), ...rest })
    }),
  ]
  const tooLong = lines.findIndex((line) => Buffer.byteLength(line) > ITEM_LIMITS.lineBytes)
  if (tooLong !== -1) throw malformed(`would have more than ${ITEM_LIMITS.lineBytes} bytes`, tooLong + 1)
  const bytes = new TextEncoder().encode(`${lines.join('\n')}\n`)
  if (bytes.length > ITEM_LIMITS.fileBytes)
    throw malformed(`would have ${bytes.length} bytes; ${ITEM_LIMITS.fileBytes} is the most`)
  return bytes
}

/**
 * Items `start` to `start + count`, with their prefixes in front. Only these and the prefixes are kept in memory. Throws
 * EVALUATION_ITEMS_MALFORMED naming the line.
 */
export function readItems(path: string, start: number, count: number): Item[] {
  const prefixes: string[] = []
  const items: Item[] = []
  let found: ItemsHeader | null = null
  /** Lines from 1: the header, the prefixes, the items. */
  const firstLine = ({ prefixes: count }: ItemsHeader) => 2 + count
  const lines = readJsonLines(path, {
    maxLineBytes: ITEM_LIMITS.lineBytes,
    maxFileBytes: ITEM_LIMITS.fileBytes,
    error: malformed,
    isPassedOver: (number) =>
      found !== null && number >= firstLine(found) && number < firstLine(found) + start,
  })
  for (const line of lines) {
    if (found === null) {
      found = header(line)
      if (start < 0 || count < 1 || start + count > found.items)
        throw malformed(`has ${found.items} items, not ${start + count}`)
      continue
    }
    if (line.number < firstLine(found)) prefixes.push(text(line, 'text', true))
    else items.push(parseItem(line, prefixes))
    if (items.length === count) return items
  }
  throw malformed(found === null ? 'is empty' : 'ends before its last item')
}

function header(line: JsonLine): ItemsHeader {
  const value = objectOf(line)
  if (value.version !== VERSION) throw malformed(`is not of version ${VERSION}`, line.number)
  return {
    items: whole(value, 'items', 1, ITEM_LIMITS.items, line),
    prefixes: whole(value, 'prefixes', 0, ITEM_LIMITS.prefixes, line),
  }
}

function parseItem(line: JsonLine, prefixes: readonly string[]): Item {
  const value = objectOf(line)
  const prefix =
    value.prefix === undefined ? '' : prefixes[whole(value, 'prefix', 0, prefixes.length - 1, line)]!
  const withPrefix = (name: string): string => {
    const own = text(line, name, true)
    if (prefix.length + own.length > ITEM_LIMITS.textLength)
      throw malformed(`has a "${name}" too long`, line.number)
    return prefix + own
  }
  switch (value.type) {
    case 'choice': {
      const choices = texts(value, 'choices', ITEM_LIMITS.choices, ITEM_LIMITS.textLength, line)
      if (choices.length === 0) throw malformed('has an item without choices', line.number)
      return { type: 'choice', context: withPrefix('context'), choices }
    }
    case 'generate':
      return {
        type: 'generate',
        prompt: withPrefix('prompt'),
        stop: texts(value, 'stop', ITEM_LIMITS.stops, ITEM_LIMITS.stopLength, line),
        maxTokens: whole(value, 'maxTokens', 1, ITEM_LIMITS.maxTokens, line),
        samples: whole(value, 'samples', 1, ITEM_LIMITS.samples, line),
        temperature: number(value, 'temperature', 0, ITEM_LIMITS.temperature, line),
        seed: whole(value, 'seed', 0, 2 ** 32 - 1, line),
      }
    case 'text':
      return {
        type: 'text',
        text: withPrefix('text'),
        stride: value.stride === null ? null : whole(value, 'stride', 1, 2 ** 24, line),
      }
    case 'embed':
      return { type: 'embed', text: withPrefix('text') }
    default:
      throw malformed('has an item of an unknown type', line.number)
  }
}

function objectOf({ value, number }: JsonLine): JsonObject {
  if (!isJsonObject(value)) throw malformed('has something else than an object', number)
  return value
}

function text(line: JsonLine, name: string, mayBeEmpty: boolean): string {
  const value = objectOf(line)[name]
  if (typeof value !== 'string' || value.length > ITEM_LIMITS.textLength || (value === '' && !mayBeEmpty))
    throw malformed(`has no proper "${name}"`, line.number)
  return value
}

function texts(value: JsonObject, name: string, most: number, maxLength: number, line: JsonLine): string[] {
  const list: JsonValue | undefined = value[name]
  const isText = (one: JsonValue): one is string =>
    typeof one === 'string' && one.length > 0 && one.length <= maxLength
  if (!Array.isArray(list) || list.length > most || !list.every(isText))
    throw malformed(`has no proper "${name}"`, line.number)
  return list as string[]
}

function number(value: JsonObject, name: string, min: number, max: number, line: JsonLine): number {
  const given = value[name]
  if (typeof given !== 'number' || !(given >= min && given <= max))
    throw malformed(`has no proper "${name}"`, line.number)
  return given
}

function whole(value: JsonObject, name: string, min: number, max: number, line: JsonLine): number {
  const given = number(value, name, min, max, line)
  if (!Number.isInteger(given)) throw malformed(`has no proper "${name}"`, line.number)
  return given
}
