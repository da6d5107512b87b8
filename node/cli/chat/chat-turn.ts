/** One message of `village chat`: the agent's work on the screen, approvals asked in line, Ctrl-C to cancel. */

import type { Client, ServerEvent } from '../../client.ts'
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject } from '../../json.ts'
import { printable } from '../format.ts'
import { askInConversation, cancelAnswer, decideApproval, type TurnQuestion } from './conversation-client.ts'
import type { LineInput } from './line-input.ts'
import type { AnswerView, TurnView } from './turn-view.ts'

export interface ChatTurnInit {
  readonly conversation: string
  readonly question: TurnQuestion
  readonly signal: AbortSignal
  /** Null: nobody is there to ask. */
  readonly input: LineInput | null
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/** The whole arguments of a call, for who wants to see more than a line. */
function shown(given: JsonObject): string {
  return Object.entries(given)
    .map(
      ([name, value]) =>
        `  ${printable(name)}: ${printable(typeof value === 'string' ? value : JSON.stringify(value))}`,
    )
    .join('\n')
}

async function askApproval(
  client: Client,
  view: TurnView,
  input: LineInput,
  event: JsonObject,
  signal: AbortSignal,
): Promise<void> {
  const given = isJsonObject(event.arguments) ? event.arguments : {}
  const tool = printable(textOf(event.tool))
  view.line(
    `${tool} needs your approval${event.reason === undefined ? '' : `: ${printable(textOf(event.reason))}`}`,
  )
  view.line(shown(given))
  for (;;) {
    const answer = (await input.next(`allow ${tool}? [y/n/show] `))?.trim().toLowerCase() ?? 'n'
    // Who cancels the request has decided about all of it.
    if (signal.aborted) return
    if (answer === 'show' || answer === 's') {
      view.line(JSON.stringify(given, null, 2).split('\n').map(printable).join('\n'))
      continue
    }
    if (!['y', 'yes', 'n', 'no', ''].includes(answer)) {
      view.line('y, n or show')
      continue
    }
    try {
      await decideApproval(client, textOf(event.approval), answer.startsWith('y') ? 'approve' : 'deny')
    } catch (error) {
      // It was decided elsewhere, or its time was over: the agent goes on either way.
      if (!(error instanceof VillageError) || error.code !== 'APPROVAL_UNKNOWN') throw error
      view.line('it was decided elsewhere, or its time was over')
    }
    return
  }
}

async function show(
  client: Client,
  view: TurnView,
  { input, signal }: Pick<ChatTurnInit, 'input' | 'signal'>,
  { type, data }: ServerEvent,
) {
  const call = textOf(data.call)
  if (type === 'text') view.text(textOf(data.text))
  else if (type === 'call')
    view.call(call, textOf(data.tool), isJsonObject(data.arguments) ? data.arguments : {})
  else if (type === 'progress') view.progress(call, textOf(data.message))
  else if (type === 'result') {
    const { state } = data
    view.result(call, state === 'done' || state === 'refused' ? state : 'failed', textOf(data.summary))
  } else if (type === 'approval' && input !== null) await askApproval(client, view, input, data, signal)
}

/** Null: it was cancelled. Throws what the daemon answers. */
export async function runTurn(
  client: Client,
  view: TurnView,
  init: ChatTurnInit,
): Promise<AnswerView | null> {
  const { conversation, question, signal, input } = init
  const events = askInConversation(client, conversation, question, signal)
  const giveUp = () => input?.cancel()
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    for (;;) {
      const step = await events.next()
      if (step.done === true) {
        view.finish(step.value)
        return step.value
      }
      await show(client, view, { input, signal }, step.value)
    }
  } catch (error) {
    view.end()
    if (!signal.aborted) throw error
    if (question.whenLeft === 'finish') await cancelAnswer(client, conversation)
    return null
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}
