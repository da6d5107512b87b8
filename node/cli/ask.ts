/** `village ask`: a question, and what the documents say to it, or the village about itself. */
import { VillageError } from '../errors.ts'
import type { JsonObject } from '../json.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { optionText } from './command.ts'
import { percent, printable } from './format.ts'
import {
  type MissingView,
  milliseconds,
  noteGaps,
  numberOption,
  scopeBody,
  shortLabel,
  vouchers,
  type WarningView,
} from './knowledge-scope.ts'
import { piecesOf, type Style, styleOf, wrapped } from './passage-text.ts'

interface SourceView {
  number: number
  collection: string
  title: string | null
  source: string
  page: number | null
  headings: string[]
  start: number
  end: number
  snippet: { text: string; highlights: { start: number; end: number }[] }
  vouchedBy: string[]
}

interface AnswerView {
  peer: string
  text: string
  sentences: { citation: number; start: number; end: number }[]
  sources: SourceView[]
  /** Null where no document was asked. */
  confidence: number | null
  threshold: number | null
  queries: string[]
  steps: { agent: string; tool: string }[]
  village: string | null
  isFound: boolean
  missingWords: string[]
  generated: { model: string; text: string; citations: number[] } | null
  missing: MissingView[]
  warnings: WarningView[]
  tookMs: number
}

const NEAREST = 3

/** What is asked of a language model: one that was named, none, or what is configured. */
function modelOf(context: CommandContext): JsonObject {
  const { generate } = context.options
  if (generate === false) return { model: null }
  const model = optionText(context, 'generate')
  return model === null ? {} : { model }
}

function sourceText(
  source: SourceView,
  { sentences, peer, isFound }: AnswerView,
  init: { columns: number | null; style: Style },
): string {
  const cited = sentences.filter(({ citation }) => citation === source.number)
  const start = cited.length === 0 ? source.start : Math.min(...cited.map((sentence) => sentence.start))
  const end = cited.length === 0 ? source.end : Math.max(...cited.map((sentence) => sentence.end))
  const parts = [
    ...(source.title === null ? [] : [source.title]),
    source.source,
    ...(source.page === null ? [] : [`page ${source.page}`]),
    ...(source.headings.length === 0 ? [] : [source.headings.join(' › ')]),
    `characters ${start} to ${end}`,
    `in ${shortLabel(source.collection)}, by ${vouchers(source.vouchedBy, peer)}`,
  ]
  const text = wrapped([{ text: `[${source.number}] ${parts.join(' · ')}`, isMarked: false }], {
    ...init,
    indent: 2,
  })
  if (cited.length > 0) return text
  // Nobody opens a file to see why it might be near.
  const { snippet } = source
  const near = isFound ? [] : [wrapped(piecesOf(snippet.text, snippet.highlights), { ...init, indent: 4 })]
  return [init.style.faint(text), ...near].join('\n')
}

/** What was read and is cited by nobody is of interest to whoever asked for it, or where there is no answer: a few then. */
function shownSources({ sources, sentences, generated, isFound }: AnswerView, all: boolean): SourceView[] {
  if (all) return sources
  if (!isFound) return sources.slice(0, NEAREST)
  const cited = new Set([...sentences.map(({ citation }) => citation), ...(generated?.citations ?? [])])
  return sources.filter(({ number }) => cited.has(number))
}

/** Where it comes from, in a line: what the documents say for it, what was searched, or which tools were asked instead. */
function howItWasMade({ confidence, threshold, queries, steps, tookMs }: AnswerView): string {
  const took = milliseconds(tookMs)
  if (confidence === null || threshold === null)
    return `by ${[...new Set(steps.map(({ tool }) => printable(tool)))].join(', ')}, not from documents; ${took}`
  const searched =
    queries.length > 1 ? `; searched for ${queries.map((one) => `“${printable(one)}”`).join(', ')}` : ''
  return `evidence ${percent(confidence)} (how well the passages cover the question, not whether the answer is right; answers from ${percent(threshold)})${searched}, ${took}`
}

function answerText(answer: AnswerView, context: CommandContext): string {
  const style = styleOf(context.styled)
  const init = { columns: context.columns, style }
  const { isFound, generated, text } = answer
  const paragraph = (given: string) => wrapped([{ text: given, isMarked: false }], { ...init, indent: 0 })
  const lines: string[] = []
  if (generated !== null)
    lines.push(
      style.strong(`${printable(generated.model)} (experimental):`),
      paragraph(generated.text),
      '',
      style.strong('The documents:'),
    )
  // Only code has lines of its own.
  const extract = text.includes('\n') ? text.split('\n').map(printable).join('\n') : paragraph(text)
  lines.push(isFound ? extract : style.strong(text))
  const shown = shownSources(answer, optionText(context, 'sources') !== null)
  if (shown.length > 0)
    lines.push(
      '',
      style.strong(isFound ? 'Sources' : 'What comes nearest'),
      ...shown.map((source) => sourceText(source, answer, init)),
    )
  if (answer.missingWords.length > 0)
    lines.push(
      '',
      `Not in the best sentence, nor around it: ${answer.missingWords.map(printable).join(', ')}`,
    )
  if (answer.village !== null)
    lines.push('', style.strong('The village itself:'), answer.village.split('\n').map(printable).join('\n'))
  lines.push('', style.faint(howItWasMade(answer)))
  return lines.join('\n')
}

export async function ask(context: CommandContext): Promise<CommandResult> {
  const question = context.args.join(' ')
  if (question.trim() === '') throw new VillageError('USAGE', 'The question is empty')
  const client = await context.client()
  const body: Record<string, JsonObject[string]> = {
    ...scopeBody(context),
    ...modelOf(context),
    question,
  }
  // The daemon answers without it and says so; who names one here wants its words, or to know that there are none.
  if (typeof body.model === 'string') await client.get(`/api/v1/models/${encodeURIComponent(body.model)}`)
  for (const name of ['sources', 'sentences', 'threshold']) {
    const value = numberOption(context, name)
    if (value !== null) body[name] = value
  }
  const answer = await client.send<AnswerView>('POST', '/api/v1/ask', body)
  const text = answerText(answer, context)
  noteGaps(context, answer)
  return { document: answer, text }
}
