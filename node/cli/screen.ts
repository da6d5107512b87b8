/**
 * How wide text may be: the terminal's columns, or what COLUMNS says, as ps(1) takes it. It goes with the command that runs, through
 * whatever makes its text, instead of through the arguments of each of them.
 */
import { AsyncLocalStorage } from 'node:async_hooks'

/** Where nobody says it: a file, a pipe. */
const DEFAULT_COLUMNS = 80
/** Narrower ones have no room for a table of two columns. */
const LEAST_COLUMNS = 40

const screens = new AsyncLocalStorage<number | null>()

/** Of the terminal (null: none) and the environment; null where neither says it. */
export function screenColumns(terminal: number | null, variable: string | undefined): number | null {
  const given = /^\d{1,5}$/.test(variable ?? '') ? Number(variable) : 0
  const columns = given > 0 ? given : terminal
  return columns === null ? null : Math.max(LEAST_COLUMNS, columns)
}

/** Runs a command whose text fits so many columns. */
export const onScreen = <T>(columns: number | null, run: () => T): T => screens.run(columns, run)

/** Of the command that runs. */
export const columnsOfScreen = (): number => screens.getStore() ?? DEFAULT_COLUMNS
