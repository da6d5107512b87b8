/** `village self-evolution …` */
import { VillageError } from '../errors.ts'
import { type CommandContext, type CommandResult, optionText } from './command.ts'
import { type HistoryView, historyText, type StatusView, statusText } from './self-evolution-text.ts'

const BASE = '/api/v1/self-evolution'
const goalPath = (goal: string): string => `${BASE}/${encodeURIComponent(goal)}`

export async function status(context: CommandContext): Promise<CommandResult> {
  const view = await (await context.client()).get<StatusView>(BASE)
  return { document: view, text: statusText(view) }
}

export async function history(context: CommandContext): Promise<CommandResult> {
  const view = await (await context.client()).get<HistoryView>(goalPath(context.args[0] ?? ''))
  return { document: view, text: historyText(view) }
}

export async function run(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const begun = await client.send<{ run: string }>('POST', `${goalPath(context.args[0] ?? '')}/run`)
  return {
    document: begun,
    text: `Run ${begun.run} has begun. Follow it: village rounds watch ${begun.run}`,
  }
}

export async function rollback(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const goal = context.args[0] ?? ''
  const to = optionText(context, 'to')
  if (to !== null && !/^[1-9]\d{0,9}$/.test(to))
    throw new VillageError('USAGE', '--to takes the number of a version')
  const body = to === null ? {} : { version: Number(to) }
  const view = await client.send<HistoryView>('POST', `${goalPath(goal)}/rollback`, body)
  const present = view.versions.find(({ isPresent }) => isPresent)
  return {
    document: view,
    text: `Version ${present?.version ?? '-'} of the ${view.target.kind} ${view.target.name} is back. The goal is paused: village self-evolution resume ${goal}`,
  }
}

export async function resume(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const goal = context.args[0] ?? ''
  const view = await client.send<HistoryView>('POST', `${goalPath(goal)}/resume`)
  return { document: view, text: `The goal ${goal} runs again when it is due.` }
}
