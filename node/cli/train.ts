/** `village train`. */
import path from 'node:path'
import { VillageError } from '../errors.ts'
import type { JsonObject } from '../json.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { optionText } from './command.ts'
import { flagOf } from './option-names.ts'
import { submitJob } from './submit-job.ts'

/** Options that are numbers, and the parameters that they stand for. */
const NUMBERS: readonly (readonly [option: string, parameter: string])[] = [
  ['heldOut', 'heldOut'],
  ['rank', 'rank'],
  ['alpha', 'alpha'],
  ['steps', 'steps'],
  ['epochs', 'epochs'],
  ['batch', 'batch'],
  ['accumulation', 'accumulation'],
  ['length', 'length'],
  ['learningRate', 'learningRate'],
  ['warmup', 'warmup'],
  ['weightDecay', 'weightDecay'],
  ['clip', 'clip'],
  ['earlyStop', 'earlyStop'],
  ['minGain', 'minGain'],
  ['evaluateEvery', 'evaluateEvery'],
  ['checkpoint', 'checkpointSeconds'],
  ['seed', 'seed'],
]
const TEXTS = ['split', 'method', 'schedule', 'optimiser', 'id', 'from'] as const

function numbers(context: CommandContext): JsonObject {
  return Object.fromEntries(
    NUMBERS.flatMap(([option, parameter]): [string, number][] => {
      const text = optionText(context, option)
      if (text === null) return []
      const value = Number(text)
      if (text.trim() === '' || !Number.isFinite(value))
        throw new VillageError('USAGE', `${flagOf(option)} takes a number`)
      return [[parameter, value]]
    }),
  )
}

const listOption = (context: CommandContext, name: string): readonly string[] => {
  const value = context.options[name]
  return Array.isArray(value) ? value : []
}

/** The daemon reads the files itself: they are on this machine, and stay there. */
export async function train(context: CommandContext): Promise<CommandResult> {
  const model = context.args[0] ?? ''
  const data = listOption(context, 'data').map((file) => path.resolve(file))
  if (data.length === 0) throw new VillageError('USAGE', 'Say with --data what it is to learn from')
  if (optionText(context, 'steps') !== null && optionText(context, 'epochs') !== null)
    throw new VillageError('USAGE', 'Give one of --steps and --epochs')
  const modules = listOption(context, 'module')
  const isLora = optionText(context, 'method') === 'lora'
  for (const option of ['rank', 'alpha'])
    if (!isLora && optionText(context, option) !== null)
      throw new VillageError('USAGE', `${flagOf(option)} is for --method lora`)
  const texts = TEXTS.flatMap((name): [string, string][] => {
    const text = optionText(context, name)
    return text === null ? [] : [[name, text]]
  })
  return submitJob(context, {
    kind: 'train',
    title: `train ${model}`,
    params: {
      model,
      data,
      ...Object.fromEntries(texts),
      ...numbers(context),
      ...(modules.length === 0 ? {} : { modules }),
      ...(context.options.adapter === true ? { adapter: true } : {}),
      ...(context.options.geometry === true ? { geometry: true } : {}),
    },
  })
}
