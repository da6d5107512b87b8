/** `village decisions` */
import type { CommandContext, CommandResult } from './command.ts'
import { facts, printable, table, timeOfSecond } from './format.ts'
import { pickId } from './pick.ts'

interface WayView {
  readonly id: string
  readonly score: number
  readonly marks: Readonly<Record<string, number>>
}

interface DecisionView {
  readonly id: string
  readonly timeMs: number
  readonly asked: string
  readonly model: string | null
  readonly steps: readonly {
    readonly id: number
    readonly tool: string
    readonly agent: string
    readonly state: string | null
    readonly reason: string
  }[]
  readonly notDone: readonly { readonly text: string; readonly why: string }[]
  readonly choices: readonly {
    readonly agent: string
    readonly ways: readonly WayView[]
    readonly chosen: string
    readonly why: string
    readonly tookMs: number | null
  }[]
  readonly endedAtMs: number | null
}

const SHOWN_UNITS = 60
const short = (text: string): string =>
  printable(text.length > SHOWN_UNITS ? `${text.slice(0, SHOWN_UNITS)}…` : text)

export async function decisions(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const limit = String(context.options.limit ?? '20')
  const document = await client.get<{ decisions: readonly DecisionView[] }>(
    `/api/v1/decisions?limit=${encodeURIComponent(limit)}`,
  )
  const [given] = context.args
  if (given !== undefined) {
    const id = pickId(
      document.decisions.map((one) => one.id),
      given,
      'decision',
      'start',
      'DECISION_UNKNOWN',
    )
    const one = await client.get<DecisionView>(`/api/v1/decisions/${id}`)
    return { document: one, text: wholeText(one) }
  }
  const rows = document.decisions.map(({ id, timeMs, asked, steps, model }) => [
    id.slice(0, 8),
    timeOfSecond(timeMs),
    short(asked),
    steps.map(({ tool }) => tool).join(', '),
    printable(model ?? 'rules'),
  ])
  const text =
    rows.length === 0
      ? 'King has decided nothing yet.'
      : table(['request', 'time (UTC)', 'asked', 'steps', 'by'], rows)
  return { document, text }
}

function wholeText(decision: DecisionView): string {
  const { id, timeMs, asked, model, steps, notDone, choices, endedAtMs } = decision
  const head = facts([
    ['request', id],
    ['time', `${timeOfSecond(timeMs)} UTC`],
    ['asked', printable(asked)],
    ['decided by', printable(model ?? 'rules')],
    ['took', endedAtMs === null ? 'not ended' : `${endedAtMs - timeMs} ms`],
  ])
  const planned = steps.map(({ id: step, tool, agent, state, reason }) => [
    String(step),
    printable(tool),
    agent,
    state ?? 'not taken',
    printable(reason),
  ])
  const left = notDone.map(({ text, why }) => `Not done: ${printable(text)}. ${printable(why)}`)
  const weighed = choices.map(
    ({ agent, ways, why, tookMs }) =>
      `${agent}: ${printable(why)}${tookMs === null ? '' : ` It took ${tookMs} ms.`}\n${ways
        .map(({ id: way, score, marks }) => `  ${printable(way)} ${score.toFixed(3)}: ${marksText(marks)}`)
        .join('\n')}`,
  )
  const plan = planned.length === 0 ? 'No steps.' : table(['step', 'tool', 'agent', 'state', 'why'], planned)
  return [head, plan, ...left, ...weighed].join('\n\n')
}

const marksText = (marks: WayView['marks']): string =>
  Object.entries(marks)
    .map(([name, mark]) => `${name} ${mark.toFixed(2)}`)
    .join(', ')
