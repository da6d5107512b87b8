/** The options that `search` and `ask` share, and what they say at the end about what was left out. */
import { VillageError } from '../errors.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import type { CommandContext } from './command.ts'
import { optionText } from './command.ts'
import type { CommandOption } from './commands.ts'
import { counted, printable, short } from './format.ts'
import { flagOf } from './option-names.ts'

export const SCOPE_OPTIONS: readonly CommandOption[] = [
  {
    flags: '--collection <name>',
    doc: 'Only this collection: a name, `name@member` of another member’s, or an id; by default all that this node may search.',
    repeatable: true,
  },
  { flags: '--local', doc: 'Ask no other member: only what lies on this node.' },
  {
    flags: '--mode <mode>',
    doc: 'hybrid (words and vectors, the default), lexical or vectors.',
    values: ['hybrid', 'lexical', 'vectors'],
  },
  {
    flags: '--filter <condition>',
    doc: 'Only documents with this: language=de, mediaType=text/html, source^=notes/, year>1990; all must hold.',
    repeatable: true,
  },
  { flags: '--feedback', doc: 'Search a second time with words of the best passages (RM3).' },
  { flags: '--per-document <number>', doc: 'Passages of one document at most.' },
  {
    flags: '--language <code>',
    doc: 'Language of the query (ISO 639-1); by default those of the collections.',
  },
  { flags: '--deadline <ms>', doc: 'Answer by then with what has come, and say what is missing.' },
]

/** Throws USAGE. */
export function numberOption(context: CommandContext, name: string): number | null {
  const text = optionText(context, name)
  if (text === null) return null
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value))
    throw new VillageError('USAGE', `${flagOf(name)} takes a number`)
  return value
}

const listOf = (value: CommandContext['options'][string]): readonly string[] =>
  Array.isArray(value) ? (value as readonly string[]) : []

/** Throws USAGE. */
export function scopeBody(context: CommandContext): JsonObject {
  const { options } = context
  const body: Record<string, JsonValue> = {}
  if (listOf(options.collection).length > 0) body.collections = listOf(options.collection)
  if (listOf(options.filter).length > 0) body.filters = listOf(options.filter)
  if (options.local === true) body.local = true
  if (options.feedback === true) body.feedback = true
  for (const name of ['mode', 'language']) {
    const value = optionText(context, name)
    if (value !== null) body[name] = value
  }
  const perDocument = numberOption(context, 'perDocument')
  if (perDocument !== null) body.perDocument = perDocument
  const deadlineMs = numberOption(context, 'deadline')
  if (deadlineMs !== null) body.deadlineMs = deadlineMs
  return body
}

export interface MissingView {
  collection: string
  segments: number
  chunks: number
  reason: string
}

export interface WarningView {
  code: string
  message: string
}

/**
 * On standard error, after the text. That a collection has no vectors is worth a word to whoever asked for a mode that needs them; the
 * mode that was taken is told anyhow.
 */
export function noteGaps(
  context: CommandContext,
  { missing, warnings }: { missing: readonly MissingView[]; warnings: readonly WarningView[] },
): void {
  const isModeGiven = optionText(context, 'mode') !== null
  for (const { code, message } of warnings)
    if (isModeGiven || code !== 'NO_VECTORS') context.note(`warning: ${printable(message)}`)
  for (const { collection, segments, chunks, reason } of missing)
    context.note(
      `missing: ${printable(collection)}, ${counted(segments, 'segment')} with ${counted(chunks, 'passage')} (${printable(reason)})`,
    )
}

/** `this node`, or the peers that stand behind a passage. */
export function vouchers(peers: readonly string[], self: string): string {
  const names = peers.map((peer) => (peer === self ? 'this node' : short(printable(peer))))
  return names.length === 0 ? 'nobody' : names.join(', ')
}

/** `notes@12D3…vcqHZpKz`: the whole is in `--json`. */
export const shortLabel = (label: string): string => {
  const at = label.lastIndexOf('@')
  return at <= 0 ? label : `${label.slice(0, at)}@${short(label.slice(at + 1))}`
}

/** A search takes milliseconds: in tenths of seconds they would all be nought. */
export const milliseconds = (ms: number): string => `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
