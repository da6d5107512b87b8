import { VillageError } from '../errors.ts'
import type { JsonValue } from '../json.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { optionText } from './command.ts'
import { submitJob } from './submit-job.ts'

/** `blockSize=64` → a parameter: numbers, true and false as such, anything else as text. */
function parameter(text: string): [string, JsonValue] {
  const at = text.indexOf('=')
  if (at < 1) throw new VillageError('USAGE', '--set takes key=value')
  const value = text.slice(at + 1)
  if (value === 'true' || value === 'false') return [text.slice(0, at), value === 'true']
  return [text.slice(0, at), value !== '' && Number.isFinite(Number(value)) ? Number(value) : value]
}

export async function compress(context: CommandContext): Promise<CommandResult> {
  const model = context.args[0] ?? ''
  const codec = optionText(context, 'codec') ?? ''
  const bits = optionText(context, 'bits')
  const id = optionText(context, 'id')
  const set = Array.isArray(context.options.set) ? context.options.set : []
  return submitJob(context, {
    kind: 'compress',
    title: `compress ${model}`,
    params: {
      model,
      codec,
      params: Object.fromEntries([...(bits === null ? [] : [`bits=${bits}`]), ...set].map(parameter)),
      ...(id === null ? {} : { id }),
      ...(context.options.force === true ? { force: true } : {}),
    },
  })
}
