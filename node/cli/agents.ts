/** `village agents` and `village tools` */
import type { CommandContext, CommandResult } from './command.ts'
import { printable, table } from './format.ts'
import { styleOf, wrapped } from './passage-text.ts'

interface AgentView {
  readonly name: string
  readonly description: string
  readonly tools: readonly string[]
}

interface OfferView {
  readonly peer: string
  readonly agents: readonly { readonly name: string; readonly model: boolean }[]
}

interface ToolView {
  readonly name: string
  readonly description: string
  readonly effect: string
  readonly scope: string
}

const COLUMNS = 80
/** A description gets so many at least, beside long names of tools of external servers. */
const LEAST_COLUMNS = 40

/** The first sentence: the rest is for models. */
const firstSentence = (text: string) => /^.*?\.(?=\s|$)/.exec(text)?.[0] ?? text

/** `indent` for all lines but the first, which begins with `head`. */
function hanging(head: string, text: string, indent: number): string {
  const init = { columns: Math.max(COLUMNS, indent + LEAST_COLUMNS), indent, style: styleOf(false) }
  return `${head.padEnd(indent)}${wrapped([{ text, isMarked: false }], init).trimStart()}`
}

export async function agents(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const document = await client.get<{
    model: string | null
    agents: readonly AgentView[]
    members: readonly OfferView[]
  }>('/api/v1/agents')
  const deciding = document.model === null ? 'rules (agents.model is not set)' : `the model ${document.model}`
  const parts = document.agents.map(({ name, description, tools }) =>
    [name, hanging('  ', description, 2), hanging('  ', `Tools: ${tools.join(', ') || 'none'}`, 2)].join(
      '\n',
    ),
  )
  const offers = document.members.flatMap(({ peer, agents: offered }) =>
    offered.map(({ name, model }) => [printable(name), model ? 'a model' : 'rules', printable(peer)]),
  )
  const members =
    offers.length === 0
      ? 'No connected member offers agents.'
      : table(['agent', 'decided by', 'member'], offers)
  return {
    document,
    text: [...parts, `What they do is decided by ${printable(deciding)}.`, members].join('\n\n'),
  }
}

export async function tools(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const document = await client.get<{ tools: readonly ToolView[] }>('/api/v1/tools')
  const head = ['tool', 'effect', 'scope', 'what it does'] as const
  const rows = [
    head,
    ...document.tools.map(
      ({ name, effect, scope, description }) => [name, effect, scope, firstSentence(description)] as const,
    ),
  ]
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => printable(row[column]!).length)))
  const indent = widths.reduce((sum, width) => sum + width + 2, 0)
  const lines = rows.map((row) => {
    const cells = widths.map((width, column) => printable(row[column]!).padEnd(width + 2))
    return hanging(cells.join(''), row[3], indent)
  })
  const text = document.tools.length === 0 ? 'No tools for this key.' : lines.join('\n')
  return { document, text }
}
