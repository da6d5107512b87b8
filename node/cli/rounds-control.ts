/** `village rounds start|pause|resume|stop|join|leave` */
import type { CommandContext, CommandResult, CommandRun } from './command.ts'
import { pickRun } from './run-view.ts'

const TEXTS = {
  start: 'begins with the next block, with the members that have joined.',
  pause: 'stands still from the next block on.',
  resume: 'goes on with the next block.',
  stop: 'ends with the next block.',
  join: 'is joined as soon as what it needs is here.',
  leave: 'is left with the next block.',
} as const

function control(action: keyof typeof TEXTS): CommandRun {
  return async (context: CommandContext): Promise<CommandResult> => {
    const client = await context.client()
    const run = await pickRun(client, context.args[0] ?? '')
    await client.send('POST', `/api/v1/runs/${run}/control`, { action })
    return { document: { run, action }, text: `Run ${run} ${TEXTS[action]}` }
  }
}

export const start = control('start')
export const pause = control('pause')
export const resume = control('resume')
export const stop = control('stop')
export const join = control('join')
export const leave = control('leave')
