/** King, Sage and Magi as tools of MCP: a message in, an answer with its sources out. */
import type { CallToolResult, Tool as McpTool } from '@modelcontextprotocol/sdk/types.js'
import type { AgentAnswer, AgentEvent, AgentName } from '../../agents/agent.ts'
import type { Asker } from '../../agents/asker.ts'
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import type { AgentCalls } from './agent-calls.ts'

const PREFIX = 'ask_'
const MAX_MESSAGE_UNITS = 64 * 1024

/** Said to clients; each agent's row says what it may use. */
const AGENTS: Record<AgentName, string> = {
  king: 'Gives a goal to King, who plans the steps, has them done by the other agents and answers for the whole.',
  sage: 'Asks Sage, who searches the collections of documents and answers with citations, or says that it does not know.',
  magi: 'Gives a task to Magi, who calculates, runs code in the sandbox and drives models, jobs and rounds.',
}
const NAMES = Object.keys(AGENTS) as AgentName[]

const INPUT = {
  type: 'object' as const,
  properties: {
    message: {
      type: 'string',
      minLength: 1,
      maxLength: MAX_MESSAGE_UNITS,
      description: 'The goal or the question.',
    },
    model: {
      type: ['string', 'null'],
      maxLength: 256,
      description:
        'Id of the language model that decides; null: rules alone; absent: what the node is configured with.',
    },
    options: {
      type: 'object',
      description: 'Settings of the agent, such as {"collections": ["notes"]} for Sage and King.',
    },
  },
  required: ['message'],
  additionalProperties: false,
}

const OUTPUT = {
  type: 'object' as const,
  properties: {
    id: { type: 'string' },
    agent: { type: 'string', enum: NAMES },
    model: { type: ['string', 'null'] },
    text: { type: 'string' },
    finish: { type: 'string', enum: ['answer', 'turns', 'time', 'tokens', 'repeats'] },
    isFound: {
      type: ['boolean', 'null'],
      description: 'Whether the collections answer it; null where none was asked.',
    },
    confidence: { type: ['number', 'null'], minimum: 0, maximum: 1 },
    sources: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          number: { type: 'integer', description: 'What [n] in the text names.' },
          collection: { type: 'string' },
          document: { type: 'string' },
          title: { type: ['string', 'null'] },
          source: { type: 'string' },
          page: { type: ['integer', 'null'] },
          start: { type: 'integer' },
          end: { type: 'integer' },
          text: { type: 'string' },
        },
        required: ['number', 'collection', 'document', 'title', 'source', 'page', 'start', 'end', 'text'],
        additionalProperties: false,
      },
    },
    calls: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          tool: { type: 'string' },
          outcome: { type: 'string', enum: ['result', 'error', 'refused'] },
        },
        required: ['tool', 'outcome'],
        additionalProperties: false,
      },
    },
  },
  required: ['id', 'agent', 'model', 'text', 'finish', 'isFound', 'confidence', 'sources', 'calls'],
  additionalProperties: false,
}

/** The agent that a tool of this name asks, or null. */
export function agentOfTool(name: string): AgentName | null {
  return NAMES.find((agent) => `${PREFIX}${agent}` === name) ?? null
}

/** `changes`: whether the asker may change anything, so that an agent may do so on its behalf. */
export function agentToolViews(changes: boolean): McpTool[] {
  return NAMES.map((agent) => ({
    name: `${PREFIX}${agent}`,
    description: AGENTS[agent],
    inputSchema: INPUT,
    outputSchema: OUTPUT,
    annotations: {
      readOnlyHint: !changes || agent === 'sage',
      destructiveHint: changes && agent !== 'sage',
      openWorldHint: true,
    },
  }))
}

function answerView(answer: AgentAnswer): CallToolResult {
  const { id, agent, model, text, finish, evidence, observations } = answer
  const sources = (evidence?.items ?? []).map(
    ({ number, collection, document, title, source, page, start, end, text: passage }) => ({
      ...{ number, collection, document, title, source, page, start, end },
      text: passage,
    }),
  )
  const structured = {
    ...{ id, agent, model, text, finish, sources },
    isFound: evidence?.isFound ?? null,
    confidence: evidence?.confidence ?? null,
    calls: observations.map(({ call, outcome }) => ({ tool: call.tool, outcome: outcome.kind })),
  } satisfies JsonObject
  return { content: [{ type: 'text', text: JSON.stringify(structured) }], structuredContent: structured }
}

/** What of an agent's work is told to a client that wants progress. */
export function progressOf(event: AgentEvent): string | null {
  switch (event.kind) {
    case 'plan':
      return `planned: ${event.steps.map(({ tool }) => tool).join(', ')}`
    case 'call':
      return `${event.agent} calls ${event.tool}`
    case 'progress':
      return event.message
    case 'result':
      return `${event.state}: ${event.summary}`
    case 'approval':
      return `${event.tool} waits for an approval`
    case 'text':
      return null
  }
}

export interface AgentToolCall {
  readonly agent: AgentName
  readonly arguments: JsonObject
  readonly asker: Asker
  readonly signal: AbortSignal
  readonly progress: (message: string) => void
  /** Whether somebody can decide on an approval while the call waits; given what is asked for. */
  readonly approve: ((event: AgentEvent & { kind: 'approval' }) => void) | null
}

/** Throws INVALID_ARGUMENT and what the agent throws. */
export async function callAgent(
  agents: Pick<AgentCalls, 'ask'>,
  call: AgentToolCall,
): Promise<CallToolResult> {
  const { message, model, options, ...rest } = call.arguments
  const unknown = Object.keys(rest)[0]
  const invalid =
    unknown !== undefined
      ? `There is no argument "${unknown}"`
      : typeof message !== 'string' || message.trim() === '' || message.length > MAX_MESSAGE_UNITS
        ? `"message" must be a text of at most ${MAX_MESSAGE_UNITS} characters`
        : model !== undefined && model !== null && (typeof model !== 'string' || model.length > 256)
          ? '"model" must be the id of a model or null'
          : options !== undefined &&
              (typeof options !== 'object' || options === null || Array.isArray(options))
            ? '"options" must be an object'
            : null
  if (invalid !== null) throw new VillageError('INVALID_ARGUMENT', invalid)
  const { approve } = call
  const answer = await agents.ask(
    {
      agent: call.agent,
      messages: [{ role: 'user', content: message as string }],
      asker: call.asker,
      ...(model !== undefined && { model: model as string | null }),
      ...(options !== undefined && { options: options as JsonObject }),
      approvals: approve === null ? 'refuse' : 'wait',
    },
    call.signal,
    (event) => {
      if (event.kind === 'approval') approve?.(event)
      const line = progressOf(event)
      if (line !== null) call.progress(line)
    },
  )
  return answerView(answer)
}
