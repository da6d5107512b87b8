/** `village rounds watch`: follows a run by the events until it is over. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { CommandContext, CommandResult } from './command.ts'
import { EXIT_CODES } from './exit-codes.ts'
import { runText } from './rounds.ts'
import { isOver, pickRun, type RunView, readRun, stateText } from './run-view.ts'

const RETRY_MS = 1_000

const line = (view: RunView): string => {
  const best = view.best === null ? '' : `, best ${view.best.mean.toFixed(4)} (candidate ${view.best.id})`
  // What comes after the last generation is none: the checks of the winner, and the end.
  const isGeneration = !isOver(view) && view.generation < view.generations
  const generation = isGeneration ? `generation ${view.generation}  ` : ''
  return `${new Date().toISOString().slice(11, 19)}  ${generation}${stateText(view)}${best}`
}

export async function watch(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const run = await pickRun(client, context.args[0] ?? '')
  let view = await readRun(client, run)
  let lastEventId: string | null = null
  let told = ''
  const tell = () => {
    const text = `${view.generation} ${stateText(view)}`
    if (text !== told) context.note(line(view))
    told = text
  }
  tell()
  while (!isOver(view)) {
    for await (const event of client.events(['round:changed'], { lastEventId, signal: context.signal })) {
      lastEventId = event.id
      if (event.type === 'round:changed' && event.data.run !== run) continue
      view = await readRun(client, run)
      tell()
      if (isOver(view)) break
    }
    // The daemon may end the stream of a slow reader; a daemon that is gone makes the next request throw.
    if (!isOver(view)) await sleep(RETRY_MS, undefined, { signal: context.signal })
  }
  const exitCode = view.phase === 'published' ? EXIT_CODES.ok.code : EXIT_CODES.jobFailed.code
  return { document: view, text: runText(view), exitCode }
}
