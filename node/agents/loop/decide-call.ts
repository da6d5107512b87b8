/**
 * Whether a call runs, waits for approval, or neither: pure, over what the asker's own words ask for and over whether text that nobody
 * vouches for has been read. A model that does what such text says gets no further than the asker's own request.
 */
import { canonicalJson, isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import type { Tool } from '../tools/tool.ts'
import type { IntendedCall } from './intended-call.ts'
import type { OwnValues } from './own-values.ts'

export type Decision =
  /** `read`: changes nothing; `asked`: the asker's own words ask for it. */
  | { readonly kind: 'run'; readonly by: 'read' | 'asked' }
  /** `reason`: one sentence for the person who decides. */
  | { readonly kind: 'ask'; readonly reason: string }

export interface CallGround {
  readonly intended: readonly IntendedCall[]
  /** What the asker wrote, as it is. */
  readonly words: string
  /** Whether the agent had seen untrusted text when it chose the call. */
  readonly isTainted: boolean
  /** All of it is what this node answered before, in a conversation that it keeps. */
  readonly isOwnHistory: boolean
  /** Tools that it used before it saw any. */
  readonly usedBefore: ReadonlySet<string>
  readonly own: OwnValues
}

/** Delegation is no deed of its own: every call that it leads to is decided by itself, on the same ground. */
export const DELEGATION = 'agent_ask'

/** Arguments of reading tools that say what is sought, not whose or where. Where they may go is another matter: see staysHere. */
const SOUGHT = new Set(['query', 'question', 'text', 'texts', 'expression', 'prompt', 'task', 'steps'])

/** Arguments that make more of a call than what was asked for, also before anything was read: they must be the asker's own. */
const WIDENING = new Set(['replace', 'watch', 'paths', 'recipe'])

const isPathSafe = (path: string) => !path.split(/[\\/]/).includes('..')
const trimmed = (value: JsonValue): JsonValue =>
  typeof value === 'string' ? value.trim().replace(/(?<=[^/])\/+$/, '') : value
const isEqual = (a: JsonValue, b: JsonValue) => canonicalJson(trimmed(a)) === canonicalJson(trimmed(b))

/** Whether a text stands in the asker's words, not as a part of a longer word. */
function isInWords(text: string, words: string): boolean {
  const sought = text.trim()
  if (sought === '') return true
  const isBorder = (unit: string | undefined) =>
    unit === undefined || /[\s"'`“”‘’«»()[\]{}<>,;:!?]/.test(unit)
  for (let at = words.indexOf(sought); at >= 0; at = words.indexOf(sought, at + 1)) {
    const after = words.slice(at + sought.length)
    if (isBorder(words[at - 1]) && (isBorder(after[0]) || /^\.(\s|$)/.test(after))) return true
  }
  return false
}

function schemaOf(tool: Tool, name: string): JsonObject {
  const properties = tool.parameters.properties
  const schema = isJsonObject(properties) ? properties[name] : undefined
  return isJsonObject(schema) ? schema : {}
}

/** Every value inside that is not a list or an object. */
function leavesOf(value: JsonValue): JsonValue[] {
  if (Array.isArray(value)) return value.flatMap(leavesOf)
  return isJsonObject(value) ? Object.values(value).flatMap(leavesOf) : [value]
}

/** A value that no text that was read can have brought in: the asker's, this node's own, or what stands for nothing at all. */
function isHarmless(value: JsonValue, schema: JsonObject, ground: CallGround): boolean {
  if (schema.default !== undefined && isEqual(schema.default, value)) return true
  return leavesOf(value).every((leaf) => {
    if (leaf === null || ground.own.has(leaf)) return true
    return (typeof leaf === 'string' || typeof leaf === 'number') && isInWords(String(leaf), ground.words)
  })
}

/** Null where the call is the intended one; else the argument that is not. */
function strangeArgument(
  tool: Tool,
  arguments_: JsonObject,
  intended: IntendedCall,
  ground: CallGround,
): string | null {
  // What the words gave is there, not only not another: leaving out what narrows a call makes it another.
  for (const [name, value] of Object.entries(intended.arguments)) {
    const isUsual = isEqual(schemaOf(tool, name).default ?? null, value!)
    if (arguments_[name] === undefined && !isUsual) return name
  }
  for (const [name, value] of Object.entries(arguments_)) {
    const given = intended.arguments[name]
    if (given !== undefined) {
      if (!isEqual(given, value)) return name
    } else if (intended.made.includes(name)) {
      if (!leavesOf(value).every((leaf) => ground.own.has(leaf))) return name
    } else if (intended.open.includes(name)) continue
    else if (name === 'id' && !ground.isTainted && isDerived(value, intended.arguments)) continue
    else if (!ground.isTainted && (value === false || !(WIDENING.has(name) || name === 'id'))) continue
    else if (!isHarmless(value, schemaOf(tool, name), ground)) return name
  }
  return null
}

/** A new name that begins with what the words name: `alpha-int4` of `alpha`, `name-small` of `owner/name`. */
function isDerived(id: JsonValue, given: JsonObject): boolean {
  if (typeof id !== 'string') return false
  return leavesOf(given).some((leaf) => {
    if (typeof leaf !== 'string') return false
    const name = leaf.slice(leaf.lastIndexOf('/') + 1)
    return name !== '' && (id === name || id.startsWith(`${name}-`)) && id !== leaf
  })
}

function isBelow(given: JsonValue | undefined, value: string): boolean {
  return typeof given === 'string' && value.startsWith(`${String(trimmed(given))}/`) && isPathSafe(value)
}

/** Reading goes on after untrusted text was read, but only where the asker pointed. */
function strangeTarget(
  tool: Tool,
  arguments_: JsonObject,
  intended: readonly IntendedCall[],
  ground: CallGround,
): string | null {
  const isFrom = (name: string, leaf: JsonValue): boolean => {
    if (typeof leaf !== 'string') return true
    const schema = schemaOf(tool, name)
    if (Array.isArray(schema.enum) && schema.enum.includes(leaf)) return true
    return (
      isHarmless(leaf, schema, ground) ||
      intended.some(({ arguments: given }) => {
        const value = given[name]
        return (
          (value !== undefined && leavesOf(value).some((it) => isEqual(it, leaf))) || isBelow(value, leaf)
        )
      })
    )
  }
  const isOpen = (name: string) => SOUGHT.has(name) || intended.some(({ open }) => open.includes(name))
  for (const [name, value] of Object.entries(arguments_))
    if (!isOpen(name) && !leavesOf(value).every((leaf) => isFrom(name, leaf))) return name
  return null
}

/** Texts, numbers and names of a call, but for those that stand in the tool's own schema. */
function sayingsOf(tool: Tool, arguments_: JsonObject): string[] {
  return Object.entries(arguments_).flatMap(([name, value]) => {
    const { enum: known, default: usual } = schemaOf(tool, name)
    const isKnown = (leaf: JsonValue) =>
      leaf === null ||
      typeof leaf === 'boolean' ||
      leaf === usual ||
      (Array.isArray(known) && known.includes(leaf))
    // A number of one figure says nothing.
    const isSmall = (leaf: JsonValue) =>
      typeof leaf === 'number' && Number.isInteger(leaf) && Math.abs(leaf) < 100
    return [
      ...namesIn(value),
      ...leavesOf(value)
        .filter((leaf) => !isKnown(leaf) && !isSmall(leaf))
        .map(String),
    ]
  })
}

/** Of the schemas of tools that ask others: names of what stands in lists. */
const DECLARED = new Set(['field', 'test', 'value'])

function namesIn(value: JsonValue): string[] {
  if (Array.isArray(value)) return value.flatMap(namesIn)
  if (!isJsonObject(value)) return []
  return Object.entries(value).flatMap(([name, inner]) => [
    ...(DECLARED.has(name) ? [] : [name]),
    ...namesIn(inner!),
  ])
}

const tokensOf = (text: string): string[] =>
  text
    .normalize('NFKC')
    .toLowerCase()
    .match(/[\p{L}\p{N}]+/gu) ?? []

/**
 * Whether what a call says must stay on this node: text was read before it, and not every word of it is the asker's. A query with a
 * sentence of a private document in it would bring that to whoever is asked.
 */
export function staysHere(tool: Tool, arguments_: JsonObject, { isTainted, words }: CallGround): boolean {
  if (!isTainted) return false
  const known = new Set(tokensOf(words))
  return sayingsOf(tool, arguments_).some((text) => tokensOf(text).some((token) => !known.has(token)))
}

/** Whoever calls it chooses what comes back: its results are no values of this node. */
export const answersWords = ({ parameters }: Tool): boolean =>
  isJsonObject(parameters.properties) && Object.keys(parameters.properties).some((name) => SOUGHT.has(name))

/** Looks at what this node has and does, and says nothing to anybody: its arguments are ids and numbers, or only what is sought. */
function isLookHere({ scope, cost, parameters }: Tool): boolean {
  if (cost.leavesNode) return false
  if (scope === 'read') return true
  const properties = isJsonObject(parameters.properties) ? Object.entries(parameters.properties) : []
  const isNumber = (schema: JsonValue) =>
    isJsonObject(schema) && (schema.type === 'integer' || schema.type === 'number')
  return (
    scope === 'ask' &&
    properties.length > 0 &&
    parameters.additionalProperties === false &&
    properties.every(([name, schema]) => SOUGHT.has(name) || isNumber(schema!))
  )
}

const UNASKED = 'The request did not ask for it in so many words'
const AFTER_READING = 'It was chosen after text that nobody vouches for had been read'

export function decideCall(tool: Tool, arguments_: JsonObject, ground: CallGround): Decision {
  const intended = ground.intended.filter((call) => call.tool === tool.name)
  if (tool.effect === 'read') {
    if (!ground.isTainted || (ground.isOwnHistory && isLookHere(tool))) return { kind: 'run', by: 'read' }
    const isExpected = intended.length > 0 || ground.usedBefore.has(tool.name) || tool.name === DELEGATION
    if (!isExpected)
      return { kind: 'ask', reason: `${AFTER_READING}, and the request did not ask for ${tool.name}` }
    const strange = strangeTarget(tool, arguments_, intended, ground)
    if (strange === null) return { kind: 'run', by: 'read' }
    return { kind: 'ask', reason: `${AFTER_READING}, and its "${strange}" is not from the request` }
  }
  if (intended.length === 0) return { kind: 'ask', reason: UNASKED }
  const strange = intended.map((call) => strangeArgument(tool, arguments_, call, ground))
  if (strange.includes(null)) return { kind: 'run', by: 'asked' }
  return { kind: 'ask', reason: `The request asked for ${tool.name}, but not with this "${strange[0]}"` }
}
