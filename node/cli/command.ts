/** What a command is given and what it returns. */

import type { Client } from '../client.ts'
import type { Config } from '../config.ts'
import type { ConfigSources } from '../config-sources.ts'
import type { Progress } from './progress.ts'

export interface CommandContext {
  /** Positional arguments in their order; a variadic one is the rest. */
  readonly args: readonly string[]
  readonly options: Readonly<Record<string, string | boolean | readonly string[] | undefined>>
  /** Aborts at the first Ctrl-C. */
  readonly signal: AbortSignal
  /** Calls the listener at a SIGHUP instead of ending the program, until the function that it returns is called. */
  readonly onHangup: (listener: () => void) => () => void
  readonly json: boolean
  /** Where the configuration is read from. */
  readonly sources: ConfigSources
  config(): Promise<Config>
  /** Throws DAEMON_NOT_RUNNING. */
  client(): Promise<Client>
  progress(title: string): Progress
  /** Width of the terminal; null when standard output is none. */
  readonly columns: number | null
  /** Whether standard output shows bold and colours: a terminal, and NO_COLOR is not set. */
  readonly styled: boolean
  /** Writes to standard output at once, for a command that goes on; one that ends returns its text instead. */
  write(text: string): void
  /** One line for people on standard error; nothing with --json. */
  note(line: string): void
}

export interface CommandResult {
  /** What --json prints: one JSON document; undefined when the command has written its output already. */
  readonly document: unknown
  /** What people read. */
  readonly text: string
  readonly exitCode?: number
}

export type CommandRun = (context: CommandContext) => Promise<CommandResult>

/** An option's text, or null when it was not given. */
export function optionText(context: Pick<CommandContext, 'options'>, name: string): string | null {
  const value = context.options[name]
  return typeof value === 'string' ? value : null
}
