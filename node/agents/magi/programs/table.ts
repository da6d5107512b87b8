/** The programs that Magi has at hand, a row each; the first that reads the sentence is taken. */
import { DATES } from './dates.ts'
import { FIGURES_OF_TEXT } from './figures.ts'
import { NUMBER_STATISTICS, SORT_LIST } from './lists.ts'
import { FACTORISE, FIBONACCI_NUMBERS, PRIMES } from './primes.ts'
import type { Program } from './program.ts'
import { CSV_STATISTICS, NUMBER_TABLE } from './tables.ts'

export const PROGRAMS: readonly Program[] = [
  CSV_STATISTICS,
  FIGURES_OF_TEXT,
  FACTORISE,
  PRIMES,
  FIBONACCI_NUMBERS,
  DATES,
  NUMBER_TABLE,
  SORT_LIST,
  NUMBER_STATISTICS,
]
