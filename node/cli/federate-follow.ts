/** Follows a federation by the events until it has ended: a line for each round, a bar in between. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '../client.ts'
import { VillageError } from '../errors.ts'
import type { CommandContext } from './command.ts'
import { attemptText, type FederationView, roundLine, waitingText } from './federation-text.ts'

const RETRY_MS = 1_000
const EVENT = 'federation:changed'

/** Ctrl-C ends the waiting, never the federation: it says so and throws ABORTED. */
export async function followFederation(
  context: CommandContext,
  client: Client,
  id: string,
): Promise<FederationView> {
  const read = () => client.get<FederationView>(`/api/v1/federations/${id}`)
  let view = await read()
  let told = 0
  let lastEventId: string | null = null
  const progress = context.progress(view.config.spec.name)
  const tell = () => {
    const rounds = view.rounds ?? []
    for (; told < rounds.length; told++) context.note(roundLine(rounds[told]!))
  }
  /** Once each: without a line nobody knows why nothing comes. */
  let said = ''
  const sayOnce = (line: string) => {
    if (line !== said) context.note(line)
    said = line
  }
  const say = ({ round, attempt, waiting }: { round?: unknown; attempt?: unknown; waiting?: unknown }) => {
    if (typeof waiting === 'number') sayOnce(`waits ${waitingText(view, waiting)}`)
    else if (Number(attempt) > 0)
      sayOnce(`round ${Number(round) + 1}: attempt ${attemptText(view, Number(attempt))}`)
  }
  try {
    while (view.state === 'running') {
      tell()
      say(view)
      for await (const event of client.events([EVENT], { lastEventId, signal: context.signal })) {
        lastEventId = event.id
        const { data, type } = event
        if (type === EVENT && data.federation !== id) continue
        const rounds = view.config.spec.rounds
        if (type === EVENT && data.state === 'running') say(data)
        if (type === EVENT && data.state === 'running' && data.round === told) {
          const share = Number(data.asked) === 0 ? 0 : Number(data.answered) / Number(data.asked)
          progress.update(
            (told + share) / rounds,
            `round ${told + 1} of ${rounds}: ${data.answered} of ${data.asked}`,
          )
          continue
        }
        view = await read()
        progress.update(view.round / rounds, `round ${Math.min(rounds, view.round + 1)} of ${rounds}`)
        tell()
        if (view.state !== 'running') break
      }
      // The daemon may end the stream of a slow reader; a daemon that is gone makes the next request throw.
      if (view.state === 'running') await sleep(RETRY_MS, undefined, { signal: context.signal })
    }
    tell()
    return view
  } catch (error) {
    if (context.signal.aborted)
      throw new VillageError(
        'ABORTED',
        `The federation ${id} goes on; \`village federations stop ${id}\` ends it`,
        {
          cause: error,
          fields: { federation: id },
        },
      )
    throw error
  } finally {
    progress.stop()
  }
}
