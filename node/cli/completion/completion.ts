/** `village completion SHELL`: prints what makes a shell complete the commands and options of this program. */
import { VillageError } from '../../errors.ts'
import type { CommandContext, CommandResult } from '../command.ts'
import { COMMANDS, SHARED_OPTIONS } from '../commands.ts'
import { bashScript, fishScript, placesOf, zshScript } from './shells.ts'

const SHELLS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const

export async function completion({ args }: CommandContext): Promise<CommandResult> {
  const [shell = ''] = args
  if (!Object.hasOwn(SHELLS, shell))
    throw new VillageError('USAGE', `The shells are ${Object.keys(SHELLS).join(', ')}; not "${shell}"`)
  const script = SHELLS[shell as keyof typeof SHELLS](placesOf(COMMANDS, SHARED_OPTIONS))
  return { document: { shell, script }, text: script.trimEnd() }
}
