/** Follows a run of evolution by the events until it has ended: a line for each generation, a bar in between. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '../client.ts'
import type { CommandContext } from './command.ts'
import { generationLine } from './evolve-text.ts'
import type { ReportView } from './evolve-view.ts'

const RETRY_MS = 1_000
const EVENT = 'round:changed'

/** The parts of a run that are followed. */
export interface RunView {
  readonly run: string
  readonly name: string
  readonly phase: string
  readonly generation: number
}

export const runPath = (run: string): string => `/api/v1/runs/${encodeURIComponent(run)}`

const isOver = ({ phase }: RunView): boolean => phase === 'published' || phase === 'ended'

/** Notes every generation that has ended since the last time. */
function createTeller(context: Pick<CommandContext, 'note'>) {
  let told = 0
  return ({ generations }: Pick<ReportView, 'generations'>): void => {
    for (; told < generations.length; told++)
      context.note(generationLine(generations[told]!, generations[told - 1]))
  }
}

/** The report of the run when it is over. Throws ABORTED where the signal of the context aborts. */
export async function followRun(
  context: Pick<CommandContext, 'note' | 'signal' | 'progress'>,
  client: Client,
  run: string,
): Promise<ReportView> {
  const readRun = async () => (await client.get<{ run: RunView }>(runPath(run))).run
  const readReport = () => client.get<ReportView>(`${runPath(run)}/report`)
  const tell = createTeller(context)
  let view = await readRun()
  const progress = context.progress(view.name)
  let lastEventId: string | null = null
  const show = () => progress.update(0, `generation ${view.generation}, ${view.phase}`)
  try {
    while (!isOver(view)) {
      show()
      tell(await readReport())
      for await (const event of client.events([EVENT], { lastEventId })) {
        lastEventId = event.id
        const isOther = event.type === EVENT && event.data.run !== run
        if (isOther) continue
        const before = view.generation
        view = await readRun()
        show()
        if (isOver(view)) break
        if (view.generation !== before) tell(await readReport())
      }
      // The daemon may end the stream of a slow reader; a daemon that is gone makes the next request throw.
      if (!isOver(view)) await sleep(RETRY_MS, undefined, { signal: context.signal })
    }
  } finally {
    progress.stop()
  }
  const report = await readReport()
  tell(report)
  return report
}
