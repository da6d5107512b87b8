/** `village chat`: talk with an agent of the node, on a terminal or through a pipe. */
import type { Readable } from 'node:stream'
import type { Client } from '../../client.ts'
import { toVillageError, VillageError } from '../../errors.ts'
import type { CommandContext, CommandResult } from '../command.ts'
import { optionText } from '../command.ts'
import { printable } from '../format.ts'
import { runTurn } from './chat-turn.ts'
import { createConversation, findConversation, isAnswering, readConversation } from './conversation-client.ts'
import { createLineInput, type LineInput } from './line-input.ts'
import { type ChatState, runSlash, type SlashContext, turnsText } from './slash-commands.ts'
import { type AnswerView, createTurnView } from './turn-view.ts'

type Input = Readable & { readonly isTTY?: boolean }

interface Said {
  readonly question: string
  readonly answer: AnswerView
}

const DEFAULT_COLUMNS = 80

export const chat = (context: CommandContext): Promise<CommandResult> => runChat(context, process.stdin)

async function stateOf(context: CommandContext, client: Client): Promise<ChatState> {
  const { options } = context
  const wanted = optionText(context, 'continue')
  if (wanted !== null && options.new === true)
    throw new VillageError('USAGE', 'Give one of --new and --continue')
  const model = optionText(context, 'model')
  return {
    agent: optionText(context, 'agent') ?? 'king',
    model: model === 'none' ? null : (model ?? undefined),
    conversation: wanted === null ? null : (await findConversation(client, wanted)).id,
  }
}

/** A chat on `input`; tests give their own. */
export async function runChat(context: CommandContext, input: Input): Promise<CommandResult> {
  const client = await context.client()
  const state = await stateOf(context, client)
  // A terminal may not say how wide it is.
  const isInteractive = input.isTTY === true && (context.columns !== null || context.styled) && !context.json
  const lines = createLineInput({
    ...{ input, isTerminal: isInteractive, columns: context.columns },
    write: (text) => context.write(text),
  })
  const stop = () => lines.close()
  context.signal.addEventListener('abort', stop, { once: true })
  try {
    return isInteractive
      ? await converse(context, client, state, lines)
      : await answerLines(context, client, state, lines)
  } finally {
    context.signal.removeEventListener('abort', stop)
    lines.close()
  }
}

/** From a pipe: each line is asked (one with a slash is obeyed, as on a terminal), each answer is written; the first that fails ends it. Nobody can approve anything. */
async function answerLines(
  context: CommandContext,
  client: Client,
  state: ChatState,
  lines: LineInput,
): Promise<CommandResult> {
  const said: Said[] = []
  // What they say goes beside the answers.
  const slash: SlashContext = {
    ...{ client, state, write: context.note, columns: DEFAULT_COLUMNS },
    ask: async () => null,
    remember: () => undefined,
  }
  for (let line = await lines.next(''); line !== null; line = await lines.next('')) {
    if (line.trim() === '') continue
    if (line.startsWith('/')) {
      if ((await runSlash(line, slash)) === 'leave') break
      continue
    }
    state.conversation ??= await createConversation(client)
    const screen = { write: context.json ? () => {} : context.write, styled: false, columns: null }
    const view = createTurnView(screen, context.note)
    const { agent, model, conversation } = state
    const answer = await runTurn(client, view, {
      ...{ conversation, signal: context.signal, input: null },
      question: { text: line, agent, model, approvals: 'refuse', whenLeft: 'cancel' },
    })
    if (answer === null) throw new VillageError('ABORTED')
    said.push({ question: line, answer })
  }
  context.signal.throwIfAborted()
  if (said.length === 0) throw new VillageError('USAGE', 'Standard input holds no question')
  return { document: context.json ? { conversation: state.conversation, turns: said } : undefined, text: '' }
}

async function converse(
  context: CommandContext,
  client: Client,
  state: ChatState,
  lines: LineInput,
): Promise<CommandResult> {
  const { styled } = context
  const columns = context.columns ?? DEFAULT_COLUMNS
  const write = (line: string) => context.write(`${line}\n`)
  const dim = (text: string) => (styled ? `\u001b[2m${text}\u001b[0m` : text)
  let turn: AbortController | null = null
  let isLeaving = false
  lines.onInterrupt(() => {
    if (turn !== null && !turn.signal.aborted) turn.abort()
    else if (!lines.clear()) {
      isLeaving = true
      lines.close()
    }
  })
  const slash: SlashContext = {
    ...{ client, state, write, columns },
    ask: (prompt) => lines.next(prompt),
    remember: (turns) => lines.remember(turns.filter(({ role }) => role === 'user').map(({ text }) => text)),
  }
  if (state.conversation !== null) {
    const turns = await readConversation(client, state.conversation)
    slash.remember(turns)
    write(turnsText(turns))
    if (await isAnswering(client, state.conversation))
      write(dim('the answer to the last message is still being made: come back for it later'))
  }
  write(dim(`${state.agent} answers; /help shows what else there is`))
  for (;;) {
    const line = await lines.next(`${state.agent}> `)
    if (line === null) break
    if (line.trim() === '') continue
    try {
      if (line.startsWith('/') && !line.includes('\n')) {
        if ((await runSlash(line, slash)) === 'leave') break
        continue
      }
      state.conversation ??= await createConversation(client)
      turn = new AbortController()
      const view = createTurnView({ write: context.write, styled, columns }, (note) => write(dim(note)))
      const { agent, model, conversation } = state
      const answer = await runTurn(client, view, {
        ...{ conversation, signal: turn.signal, input: lines },
        question: { text: line, agent, model, approvals: 'wait', whenLeft: 'finish' },
      })
      if (answer === null) write(dim('cancelled'))
    } catch (thrown) {
      const error = toVillageError(thrown)
      // Without the daemon there is nobody to talk to.
      if (error.code === 'DAEMON_NOT_RUNNING' || context.signal.aborted) throw error
      const fix = error.code === 'USAGE' ? '/help lists what can be typed here.' : error.fix
      write(`error ${error.code}: ${printable(error.message)}\nfix: ${fix}`)
    } finally {
      turn = null
    }
  }
  if (state.conversation !== null) {
    if (!isLeaving) write('')
    write(dim(`go on with it: village chat --continue ${state.conversation}`))
  }
  return { document: undefined, text: '' }
}
