/** `village rounds start|pause|resume|stop|join|leave|rm` */
import type { CommandContext, CommandResult, CommandRun } from './command.ts'
import { isOver, pickRun, type RunView, readRun } from './run-view.ts'

const TEXTS = {
  start: 'begins with the next block, with the members that have joined.',
  pause: 'stands still from the next block on.',
  resume: 'goes on with the next block.',
  stop: 'ends with the next block.',
  join: 'is joined as soon as what it needs is here.',
  leave: 'is left with the next block.',
} as const

/** What is so already is no failure, but should not read as if something happened. */
function already(action: keyof typeof TEXTS, view: RunView): string | null {
  if (action === 'pause' && view.isPaused) return 'stands still already.'
  if (action === 'resume' && !view.isPaused && !isOver(view)) return 'is not paused.'
  if (action === 'start' && view.startedAtMs !== null && !isOver(view)) return 'has begun already.'
  return null
}

function control(action: keyof typeof TEXTS): CommandRun {
  return async (context: CommandContext): Promise<CommandResult> => {
    const client = await context.client()
    const run = await pickRun(client, context.args[0] ?? '')
    const text = already(action, await readRun(client, run))
    if (text !== null) return { document: { run, action }, text: `Run ${run} ${text}` }
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

export async function remove(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const run = await pickRun(client, context.args[0] ?? '')
  await client.send('DELETE', `/api/v1/runs/${run}`)
  return { document: { removed: run }, text: `Run ${run} is removed from this node.` }
}
