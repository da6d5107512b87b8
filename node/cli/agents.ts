/** `village agents` and `village tools` */
import type { CommandContext, CommandResult } from './command.ts'
import { printable, table } from './format.ts'

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

/** The first sentence: the rest is for models. */
const firstSentence = (text: string) => printable(/^.*?[.:](?=\s|$)/.exec(text)?.[0] ?? text)

export async function agents(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const document = await client.get<{
    model: string | null
    agents: readonly AgentView[]
    members: readonly OfferView[]
  }>('/api/v1/agents')
  const deciding = document.model === null ? 'rules (agents.model is not set)' : `the model ${document.model}`
  const parts = document.agents.map(
    ({ name, description, tools }) =>
      `${name}\n  ${printable(description)}\n  Tools: ${tools.map(printable).join(', ') || 'none'}`,
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
  const rows = document.tools.map(({ name, effect, scope, description }) => [
    name,
    effect,
    scope,
    firstSentence(description),
  ])
  const text =
    rows.length === 0 ? 'No tools for this key.' : table(['tool', 'effect', 'scope', 'what it does'], rows)
  return { document, text }
}
