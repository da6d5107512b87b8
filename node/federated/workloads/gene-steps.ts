/** Genes as whole numbers: what travels is short, and decoding what was encoded gives the same number again. */
import { invalid } from '../../compute/tasks/read-params.ts'
import type { JsonValue } from '../../json.ts'

/** Which of so many equal intervals of [0, 1] a gene lies in. */
export function stepOf(gene: number, steps: number): number {
  return Math.min(steps - 1, Math.max(0, Math.floor(gene * steps)))
}

/** The middle of an interval. */
export const geneOfStep = (step: number, steps: number): number => (step + 0.5) / steps

/** A whole number from `least` to `most`, both included, by a gene. */
export function wholeOf(gene: number, least: number, most: number): number {
  return least + Math.round(Math.min(1, Math.max(0, gene)) * (most - least))
}

/** The gene of a whole number: `wholeOf` gives the number back. */
export const geneOfWhole = (value: number, least: number, most: number): number =>
  (value - least) / (most - least)

/** Throws INVALID_ARGUMENT naming the place. */
export function checkWhole(value: JsonValue | undefined, least: number, most: number, place: string): number {
  if (!Number.isInteger(value) || (value as number) < least || (value as number) > most)
    throw invalid(place, `a whole number from ${least} to ${most}`)
  return value as number
}

/** A list of so many. Throws INVALID_ARGUMENT naming the place. */
export function checkList(value: JsonValue | undefined, length: number, place: string): readonly JsonValue[] {
  if (!Array.isArray(value) || value.length !== length) throw invalid(place, `a list of ${length}`)
  return value as readonly JsonValue[]
}

/** Throws INVALID_ARGUMENT for members that a genome of this kind does not have. */
export function checkMembers(genome: Readonly<Record<string, JsonValue>>, names: readonly string[]): void {
  const stray = Object.keys(genome).find((name) => !names.includes(name))
  if (stray !== undefined) throw invalid(stray.slice(0, 40), 'left out: it is no gene')
}
