/** A program that Magi has at hand: words that ask for it, and the Python that does it. What the words give goes in as data, never as code. */
import type { JsonObject } from '../../../json.ts'

export interface Program {
  readonly name: string
  /** For people: what can be asked for. */
  readonly help: string
  /** Longer messages are not for it: looking through them would take long. 1,000 characters if absent. */
  readonly longest?: number
  /** What the words ask of it, or null where they do not. Pure. */
  read(sentence: string, todayIso: string): ProgramInput | null
  /** Reads `input.json`, writes its answer as text. Standard library only. */
  readonly source: string
}

export interface ProgramInput {
  readonly input: JsonObject
  /** Texts of granted folders that it reads. */
  readonly paths?: readonly string[]
}

/** Lists may be long. */
export const LONG_LIST = 32_000
export const INPUT_FILE = 'input.json'

/** What every program begins with. */
export const PRELUDE = `import json
data = json.load(open('${INPUT_FILE}'))
`

/** The numbers of a list in a sentence, as they are written; null where there are fewer than `least`, or more than 2,000. */
export function numbersIn(text: string, least: number): string[] | null {
  const found = text.match(/(?<![\w.])-?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,2})?(?![\w%])/g) ?? []
  return found.length < least || found.length > 2000 || found.some((one) => one.length > 40) ? null : found
}

/** A whole number of at most nine digits, with commas or not. */
export function countOf(text: string | undefined): number | null {
  const digits = text?.replaceAll(',', '') ?? ''
  return /^\d{1,9}$/.test(digits) ? Number(digits) : null
}
