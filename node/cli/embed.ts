/** `village embed`: vectors of texts. */
import { VillageError } from '../errors.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { table } from './format.ts'
import { readStdin } from './stdin.ts'

interface EmbeddingsView {
  model: string
  dimensions: number
  embeddings: { vector: number[]; tokens: number; truncated: boolean }[]
}

const MAX_STDIN_BYTES = 16 * 2 ** 20
const SHOWN_NUMBERS = 6
const SHOWN_UNITS = 40

async function textsOf(context: CommandContext): Promise<string[]> {
  const given = context.args.slice(1)
  if (given.length > 0 && !(given.length === 1 && given[0] === '-')) return [...given]
  const lines = (await readStdin(MAX_STDIN_BYTES)).split('\n').map((line) => line.replace(/\r$/, ''))
  const texts = lines.filter((line) => line.trim() !== '')
  if (texts.length === 0) throw new VillageError('USAGE', 'There is no text on standard input')
  return texts
}

export async function embed(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const texts = await textsOf(context)
  const answer = await client.send<EmbeddingsView>(
    'POST',
    `/api/v1/models/${encodeURIComponent(context.args[0] ?? '')}/embed`,
    { texts },
  )
  const rows = answer.embeddings.map(({ vector, tokens, truncated }, index) => [
    `${(texts[index] ?? '').slice(0, SHOWN_UNITS)}`,
    `${tokens}${truncated ? ' (cut)' : ''}`,
    `${vector
      .slice(0, SHOWN_NUMBERS)
      .map((value) => value.toFixed(4))
      .join(' ')} …`,
  ])
  return {
    document: answer,
    text: `${answer.dimensions} dimensions; --json has them all\n\n${table(['TEXT', 'TOKENS', 'VECTOR'], rows)}`,
  }
}
