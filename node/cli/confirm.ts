/** Asks before something is done that cannot be undone. */
import { createInterface } from 'node:readline/promises'
import { VillageError } from '../errors.ts'
import type { CommandContext } from './command.ts'
import { printable } from './format.ts'

/** Throws CONFIRMATION_NEEDED where nobody can be asked and --yes was not given, and ABORTED for a no. */
export async function confirm(context: CommandContext, question: string): Promise<void> {
  if (context.options.yes === true) return
  if (context.json || !process.stdin.isTTY)
    throw new VillageError('CONFIRMATION_NEEDED', `${question} Say --yes to do it`)
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await terminal.question(`${printable(question)} [y/N] `, { signal: context.signal })
    if (!/^y(es)?$/i.test(answer.trim())) throw new VillageError('ABORTED', 'Nothing was removed')
  } finally {
    terminal.close()
  }
}
