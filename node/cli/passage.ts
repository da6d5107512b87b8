/** `village passage`: the text that a hit or a citation names, wherever in the village it lies. */
import { VillageError } from '../errors.ts'
import { type CommandContext, type CommandResult, optionText } from './command.ts'
import { printable, printableLines } from './format.ts'
import { type MissingView, noteGaps } from './knowledge-scope.ts'

interface PassageView {
  readonly segment: string
  readonly chunk: number
  readonly title: string
  readonly headings: readonly string[]
  readonly text: string
  readonly page: number | null
  readonly start: number
  readonly end: number
  readonly record: { readonly source: string; readonly title: string | null }
}

const ADDRESS = /^([0-9a-f]+)\/(\d+)$/

/** As `search --explain` prints it and this command takes it. */
export const passageAddress = ({ segment, chunk }: { segment: string; chunk: number }): string =>
  `${segment}/${chunk}`

export async function passage(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const found = ADDRESS.exec(context.args[0] ?? '')
  if (found === null)
    throw new VillageError('USAGE', 'A passage is SEGMENT/NUMBER, as `village search --explain` prints it')
  const [, segment, chunk] = found
  const around = optionText(context, 'around') ?? '0'
  if (!/^\d{1,2}$/.test(around)) throw new VillageError('USAGE', '--around is a whole number')
  const answer = await client.get<{ passages: PassageView[]; missing: MissingView[] }>(
    `/api/v1/passages/${segment}/${chunk}?around=${around}`,
  )
  const [first] = answer.passages
  const last = answer.passages.at(-1)
  noteGaps(context, { missing: answer.missing, warnings: [] })
  if (first === undefined || last === undefined) return { document: answer, text: '' }
  const head = [
    printable(first.record.title ?? (first.title === '' ? first.record.source : first.title)),
    printable(first.record.source),
    ...(first.page === null ? [] : [`page ${first.page}`]),
    ...(first.headings.length === 0 ? [] : [printable(first.headings.join(' › '))]),
    `characters ${first.start} to ${last.end}`,
  ]
  return {
    document: answer,
    text: `${head.join(' · ')}\n\n${answer.passages.map(({ text }) => printableLines(text)).join('\n\n')}`,
  }
}
