/** What begins with a slash is for the terminal, not for the agent. */

import type { Client } from '../../client.ts'
import { VillageError } from '../../errors.ts'
import { nearest } from '../../nearest.ts'
import { printable, printableLines, table, time } from '../format.ts'
import {
  type ConversationTurn,
  findConversation,
  forgetMemory,
  listConversations,
  type MemoryLine,
  readConversation,
  searchMemories,
} from './conversation-client.ts'

export interface ChatState {
  agent: string
  /** Null: rules; undefined: as configured. */
  model: string | null | undefined
  /** Null: the next message begins one. */
  conversation: string | null
}

export interface SlashContext {
  readonly client: Client
  readonly state: ChatState
  readonly columns: number
  write(line: string): void
  /** Asks for a line; null where nobody answers. */
  ask(prompt: string): Promise<string | null>
  /** Puts what was said into the history of the line editor. */
  remember(turns: readonly ConversationTurn[]): void
}

interface SlashCommand {
  readonly name: string
  readonly takes: string
  readonly doc: string
  run(given: string, context: SlashContext): Promise<'leave' | undefined>
}

const SHOWN_MEMORIES = 20
const SHOWN_CONVERSATIONS = 20

/** What was said, for who comes back to a conversation. */
export function turnsText(turns: readonly ConversationTurn[]): string {
  return turns
    .map(({ role, text, error }) => {
      const said = printableLines(text)
      if (role === 'user') return `> ${said.replaceAll('\n', '\n> ')}`
      return error === null
        ? said
        : `${said === '' ? '' : `${said}\n`}(${error.code}: ${printable(error.message)})`
    })
    .join('\n\n')
}

function memoriesText(memories: readonly MemoryLine[], columns: number): string {
  return table(
    ['Id', 'Kind', 'What'],
    memories.slice(0, SHOWN_MEMORIES).map(({ id, kind, text }) => [id, kind, text]),
    { columns, whole: [0, 1] },
  )
}

async function forget(given: string, { client, write, ask, columns }: SlashContext): Promise<undefined> {
  if (given === '') throw new VillageError('USAGE', '/forget takes the id of a memory, or words')
  const all = await searchMemories(client, null)
  const named = all.find(({ id }) => id === given)
  const candidates = named === undefined ? await searchMemories(client, given) : [named]
  const best = candidates[0]
  if (best === undefined) return void write('nothing like it is remembered')
  if (candidates.length > 1) write(memoriesText(candidates.slice(0, 5), columns))
  const answer = await ask(`erase "${printable(best.text)}"? [y/N, or an id] `)
  const chosen = /^y(es)?$/i.test(answer?.trim() ?? '') ? best : all.find(({ id }) => id === answer?.trim())
  if (chosen === undefined) return void write('nothing was erased')
  await forgetMemory(client, chosen.id)
  write('erased')
}

/** Models that can be talked to: those of GET /v1/models that are no agents. */
async function modelNames(client: Client): Promise<string[]> {
  const [{ data }, { models }] = await Promise.all([
    client.get<{ data: { id: string; owned_by: string }[] }>('/v1/models'),
    client.get<{ models: { id: string; kind: string }[] }>('/api/v1/models'),
  ])
  const encoders = new Set(models.filter(({ kind }) => kind === 'encoder').map(({ id }) => id))
  return data.filter(({ id, owned_by }) => owned_by !== 'village' && !encoders.has(id)).map(({ id }) => id)
}

async function chooseModel(given: string, { client, state, write }: SlashContext): Promise<undefined> {
  const names = given === 'none' || given === 'default' ? [] : await modelNames(client)
  if (given === 'none' || given === 'default') state.model = given === 'none' ? null : undefined
  else if (given !== '') {
    // What an endpoint has it need not list.
    const isOfEndpoint = names.some((name) => name.includes('/') && given.startsWith(name.split('/')[0]!))
    if (!names.includes(given) && !isOfEndpoint) {
      const near = nearest(given, names)
      const there = names.length === 0 ? 'no model here can be talked to' : `there are ${names.join(', ')}`
      throw new VillageError(
        'CHAT_MODEL_UNKNOWN',
        `There is no model ${given}; ${near === null ? there : `did you mean ${near}?`}`,
      )
    }
    state.model = given
  }
  const { model: configured } = await client.get<{ model: string | null }>('/api/v1/agents')
  const model = state.model === undefined ? configured : state.model
  const why =
    state.model !== undefined ? '' : model === null ? ' (agents.model is not set)' : ' (agents.model)'
  write(`${model === null ? 'rules decide' : `${printable(model)} decides`}${why}`)
  if (given === '' && names.length > 0) write(`there are ${names.map(printable).join(', ')}`)
  return undefined
}

export const SLASH_COMMANDS: readonly SlashCommand[] = [
  {
    name: 'agent',
    takes: '[king|sage|magi]',
    doc: 'Who answers from here on.',
    async run(given, { client, state, write }) {
      const { agents } = await client.get<{ agents: { name: string; description: string }[] }>(
        '/api/v1/agents',
      )
      if (given === '') {
        for (const { name, description } of agents)
          write(`${name === state.agent ? '*' : ' '} ${name}  ${printable(description)}`)
        return undefined
      }
      if (!agents.some(({ name }) => name === given))
        throw new VillageError(
          'AGENT_UNKNOWN',
          `There is no agent ${given}; there are ${agents.map(({ name }) => name).join(', ')}`,
        )
      state.agent = given
      write(`${given} answers`)
    },
  },
  {
    name: 'model',
    takes: '[id|none|default]',
    doc: 'The model that decides; none: rules.',
    run: chooseModel,
  },
  {
    name: 'new',
    takes: '',
    doc: 'Begin a new conversation.',
    async run(_given, { state, write }) {
      state.conversation = null
      write('a new conversation')
      return undefined
    },
  },
  {
    name: 'history',
    takes: '[id|last]',
    doc: 'List conversations, or go on with one.',
    async run(given, { client, state, write, columns, remember }) {
      if (given === '') {
        const rows = (await listConversations(client)).slice(0, SHOWN_CONVERSATIONS)
        if (rows.length === 0) write('no conversation yet')
        else
          write(
            table(
              ['Id', 'Last', 'Messages', 'Title'],
              rows.map(({ id, updatedAtMs, messages, title }) => [
                id,
                time(updatedAtMs),
                String(messages),
                title,
              ]),
              { columns, whole: [0, 1, 2] },
            ),
          )
        return undefined
      }
      const { id } = await findConversation(client, given)
      const turns = await readConversation(client, id)
      state.conversation = id
      remember(turns)
      write(turnsText(turns))
      return undefined
    },
  },
  {
    name: 'twin',
    takes: '[words]',
    doc: 'What the node remembers of you.',
    async run(given, { client, write, columns }) {
      const memories = await searchMemories(client, given === '' ? null : given)
      write(memories.length === 0 ? 'nothing is remembered' : memoriesText(memories, columns))
      return undefined
    },
  },
  { name: 'forget', takes: '<id|words>', doc: 'Erase one memory.', run: forget },
  {
    name: 'help',
    takes: '',
    doc: 'This list.',
    async run(_given, { write }) {
      write(helpText())
      return undefined
    },
  },
  { name: 'quit', takes: '', doc: 'Leave; also Ctrl-D.', run: async () => 'leave' },
]

function helpText(): string {
  const rows = SLASH_COMMANDS.map(({ name, takes, doc }) => [`/${name} ${takes}`.trim(), doc] as const)
  const width = Math.max(...rows.map(([usage]) => usage.length))
  const keys =
    'A line that ends in \\ goes on in the next. Ctrl-C cancels an answer; on an empty line it leaves.'
  return `${rows.map(([usage, doc]) => `${usage.padEnd(width)}  ${doc}`).join('\n')}\n${keys}`
}

/** Throws USAGE for one that is not known, and what the daemon answers. */
export async function runSlash(line: string, context: SlashContext): Promise<'leave' | undefined> {
  const [, name = '', given = ''] = /^\/(\S*)\s*(.*)$/s.exec(line.trim()) ?? []
  const command = SLASH_COMMANDS.find((row) => row.name === name)
  if (command !== undefined) return command.run(given.trim(), context)
  const suggestion = nearest(
    name,
    SLASH_COMMANDS.map((row) => row.name),
  )
  throw new VillageError(
    'USAGE',
    `There is no /${name}; ${suggestion === null ? '/help lists what there is' : `did you mean /${suggestion}?`}`,
  )
}
