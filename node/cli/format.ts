/** Text for people: tables that fit the screen, sizes, times. */
import { columnsOfScreen } from './screen.ts'

const GAP = '  '

/**
 * Control and formatting characters (terminal escapes, text direction, line separators) in names that came from other
 * members could deceive a reader: they are shown escaped.
 */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  )
}

/**
 * Text of a model for a terminal: its lines, tabs and letters stay, and what a terminal would obey (escape sequences, moves of
 * the cursor) or what turns the direction of text round is shown escaped. A model may come from anybody, and say anything.
 */
export function printableLines(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/gu, printable)
}

function fit(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(1, width - 1))}…`
}

/**
 * Columns as wide as their longest cell; the widest columns give way until the line fits. Nothing is lost to scripts:
 * they read --json. `whole` names the columns that are never cut.
 */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  init: { columns?: number; whole?: readonly number[] } = {},
): string {
  const { columns = columnsOfScreen(), whole = [] } = init
  const lines = [head, ...rows.map((row) => row.map(printable))]
  const widths = head.map((_, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0)))
  const total = () => widths.reduce((sum, width) => sum + width, 0) + GAP.length * (widths.length - 1)
  while (total() > columns) {
    const narrowable = widths.map((width, index) => (whole.includes(index) ? 0 : width))
    const widest = narrowable.indexOf(Math.max(...narrowable))
    if (narrowable[widest]! <= 6) break
    widths[widest]! -= 1
  }
  return lines
    .map((line) =>
      line
        .map((cell, index) => fit(cell, widths[index]!).padEnd(widths[index]!))
        .join(GAP)
        .trimEnd(),
    )
    .join('\n')
}

/** Whether a table of these cells is cut nowhere on the screen. */
export function fitsScreen(head: readonly string[], rows: readonly (readonly string[])[]): boolean {
  const widths = head.map((title, index) =>
    Math.max(title.length, ...rows.map((row) => printable(row[index] ?? '').length)),
  )
  return widths.reduce((sum, width) => sum + width, GAP.length * (widths.length - 1)) <= columnsOfScreen()
}

/** `label  value` lines. */
export function facts(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([label]) => label.length))
  return rows.map(([label, value]) => `${label.padEnd(width)}${GAP}${printable(value)}`).join('\n')
}

export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  let value = count
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

export function duration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  if (seconds < 60) return `${Math.round(seconds)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`
}

/** `maxTokens` → `max tokens`: names of the API where nothing better is known. */
export const words = (key: string): string => key.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase()

/** `1 item`, `20 items` */
export const counted = (amount: number, noun: string): string =>
  `${amount.toLocaleString('en-GB')} ${noun}${amount === 1 ? '' : 's'}`

export const count = (value: number): string => value.toLocaleString('en-GB')
export const percent = (share: number): string => `${Math.round(share * 100)}%`
export const time = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace('T', ' ')
/** As `time`, for what happens several times a minute. */
export const timeOfSecond = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ')
/** Peer IDs and CIDs differ at their ends. */
export const short = (id: string): string => (id.length <= 14 ? id : `${id.slice(0, 4)}…${id.slice(-8)}`)
