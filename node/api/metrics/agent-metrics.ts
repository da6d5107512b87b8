/** Metrics of agents: requests, turns, calls of tools and tokens, without a word of what was said. */
import { type MetricRow, type Sample, single } from './metric.ts'

/** Tools of external servers are named by those servers: they are counted together. */
const toolLabel = (tool: string) => (tool.startsWith('mcp_') ? 'mcp' : tool)

function summed(samples: readonly Required<Sample>[]): Sample[] {
  const sums = new Map<string, Required<Sample>>()
  for (const { labels, value } of samples) {
    const key = JSON.stringify(labels)
    sums.set(key, { labels, value: (sums.get(key)?.value ?? 0) + value })
  }
  return [...sums.values()]
}

export const AGENT_METRICS: readonly MetricRow[] = [
  single(
    'gauge',
    'village_agent_active_requests',
    'Requests to agents that go on, delegated ones too.',
    ({ agents }) => agents.stats().running,
  ),
  single(
    'gauge',
    'village_agent_approvals',
    'Calls of agents that wait for a decision.',
    ({ agents }) => agents.stats().waitingApprovals,
  ),
  single(
    'counter',
    'village_agent_turns_total',
    'Turns that agents took.',
    ({ agents }) => agents.stats().turns,
  ),
  {
    type: 'histogram',
    name: 'village_agent_turn_duration_seconds',
    help: 'Turns of agents with the calls of tools that they made, by agent; waiting for approval is part of it.',
    labels: ['agent'],
    read: ({ agents }) => agents.stats().turnSeconds,
  },
  {
    type: 'counter',
    name: 'village_agent_requests_total',
    help: 'Requests to agents by how they ended.',
    labels: ['agent', 'finish'],
    read: ({ agents }) => agents.stats().requests.map(({ count, ...labels }) => ({ labels, value: count })),
  },
  {
    type: 'histogram',
    name: 'village_agent_request_duration_seconds',
    help: 'Requests to agents, from the question to the answer, by agent.',
    labels: ['agent'],
    read: ({ agents }) => agents.stats().requestSeconds,
  },
  {
    type: 'counter',
    name: 'village_agent_calls_total',
    help: 'Calls of tools by what came of them; tools of external servers are `mcp`.',
    labels: ['tool', 'outcome'],
    read: ({ agents }) =>
      summed(
        agents.stats().calls.map(({ tool, outcome, count }) => ({
          labels: { tool: toolLabel(tool), outcome },
          value: count,
        })),
      ),
  },
  {
    type: 'counter',
    name: 'village_agent_tokens_total',
    help: 'Tokens that agents used, by model of the configuration or the registry.',
    labels: ['model', 'kind'],
    read: ({ agents }) =>
      agents.stats().tokens.flatMap(({ model, promptTokens, completionTokens }) => [
        { labels: { model, kind: 'prompt' }, value: promptTokens },
        { labels: { model, kind: 'completion' }, value: completionTokens },
      ]),
  },
]
