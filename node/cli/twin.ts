/** `village twin …`: what the node remembers of its owner. */
import { writeFile } from 'node:fs/promises'
import { VillageError } from '../errors.ts'
import type { JsonObject } from '../json.ts'
import { forgetMemory, type MemoryLine } from './chat/conversation-client.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { optionText } from './command.ts'
import { confirm } from './confirm.ts'
import { percent, printable, table, time } from './format.ts'

const memories = (amount: number): string => (amount === 1 ? '1 memory' : `${amount} memories`)

export async function list(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const words = context.args.join(' ').trim()
  const query = words === '' ? '' : `?query=${encodeURIComponent(words)}`
  const found = await client.get<{
    isEnabled: boolean
    memories: MemoryLine[]
    total: number
    damaged: number
    vectorsFailed: string | null
  }>(`/api/v1/twin${query}`)
  if (!found.isEnabled)
    context.note('the Twin is switched off (twin.enabled): nothing new is remembered or recalled')
  if (found.damaged > 0) context.note(`${memories(found.damaged)} cannot be read any more`)
  if (found.vectorsFailed !== null) context.note(`searched by words alone (${found.vectorsFailed})`)
  const rows = found.memories.map(({ id, kind, text, source, confidence, updatedAtMs }) => [
    ...[id, kind, text, source.kind, percent(confidence), time(updatedAtMs).slice(0, 10)],
  ])
  const head = ['Id', 'Kind', 'What', 'From', 'Sure', 'Since']
  const columns = context.columns ?? undefined
  const nothing = found.total === 0 ? 'Nothing is remembered yet.' : 'Nothing fits.'
  return {
    document: found,
    text:
      rows.length === 0
        ? nothing
        : table(head, rows, { whole: [0, 1, 3, 4, 5], ...(columns === undefined ? {} : { columns }) }),
  }
}

export async function add(context: CommandContext): Promise<CommandResult> {
  if (context.args.join(' ').trim() === '') throw new VillageError('USAGE', 'There is nothing to remember')
  const client = await context.client()
  const kind = optionText(context, 'kind')
  const made = await client.send<{ memory: MemoryLine; replaced: MemoryLine[]; isNew: boolean }>(
    'POST',
    '/api/v1/twin',
    { text: context.args.join(' '), ...(kind === null ? {} : { kind }) },
  )
  const replaced = made.replaced.map(({ text }) => `In place of: ${printable(text)}`)
  const what = made.isNew ? `Remembered as ${made.memory.id}.` : `Known already, as ${made.memory.id}.`
  return { document: made, text: [what, ...replaced].join('\n') }
}

export async function edit(context: CommandContext): Promise<CommandResult> {
  const [id = '', ...words] = context.args
  const client = await context.client()
  const memory = await client.send<MemoryLine>('PUT', `/api/v1/twin/${encodeURIComponent(id)}`, {
    text: words.join(' '),
  })
  return { document: memory, text: 'Changed; what it said before is overwritten.' }
}

export async function forget(context: CommandContext): Promise<CommandResult> {
  const [id = ''] = context.args
  const client = await context.client()
  await forgetMemory(client, id)
  return { document: { id }, text: 'Erased.' }
}

export async function exportTwin(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const document = await client.get<JsonObject & { memories: MemoryLine[] }>('/api/v1/twin/export')
  const [file] = context.args
  const text = JSON.stringify(document, null, 2)
  if (file === undefined) return { document, text }
  // What it says is private: nobody else may read it, and nothing is overwritten.
  await writeFile(file, `${text}\n`, { mode: 0o600, flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'EEXIST' ? 'is there already' : `cannot be written (${error.code})`
    throw new VillageError('FILE_UNWRITABLE', `${file} ${why}`, { cause: error })
  })
  return { document: { file }, text: `${memories(document.memories.length)} written to ${file}.` }
}

export async function erase(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  await confirm(
    context,
    'Erase everything that the Twin knows, and all your conversations, stored responses and logged calls?',
  )
  const { total } = await client.get<{ total: number }>('/api/v1/twin?limit=1')
  await client.send('DELETE', '/api/v1/twin')
  return {
    document: { memories: total },
    text: `Erased: ${memories(total)}, and all conversations, stored responses and logged calls.`,
  }
}
