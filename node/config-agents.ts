/** Rows of the configuration table for agents, the Twin, and the programs that talk to them. */
import { boolean, integer, oneOf, textOrNull } from './config-checks.ts'
import { field } from './config-field.ts'
import { checkMcpServers } from './config-mcp-servers.ts'

const MAX_ORIGINS = 64

/** As a browser writes it: scheme, host, port where it is not the scheme's own. */
function isOrigin(value: unknown): boolean {
  return typeof value === 'string' && /^https?:/.test(value) && URL.parse(value)?.origin === value
}

const toolNames = (value: unknown) =>
  Array.isArray(value) &&
  value.length <= 256 &&
  value.every((item) => typeof item === 'string' && /^[a-z][a-z0-9_]{0,63}\*?$/.test(item))
    ? null
    : 'a list of tools such as file_write or mcp_*'

const AGENTS = ['king', 'sage', 'magi']
const offered = (value: unknown) =>
  Array.isArray(value) && new Set(value).size === value.length && value.every((name) => AGENTS.includes(name))
    ? null
    : `a list of ${AGENTS.join(', ')}`

const GRANT = /^[a-z][a-z0-9_-]{0,31}=\/[^\0]*$/
const folders = (value: unknown) => {
  const isList = Array.isArray(value) && value.length <= 64 && value.every((item) => typeof item === 'string')
  const names = isList ? (value as string[]).map((item) => item.split('=')[0]) : []
  return isList &&
    (value as string[]).every((item) => GRANT.test(item)) &&
    new Set(names).size === names.length
    ? null
    : 'a list of folders such as notes=/home/me/notes or work=/srv/work:rw, each with a name of its own'
}

const ENDPOINT = /^[a-z][a-z0-9-]{0,31}=(.+)$/
/** In the clear only on this machine: keys and questions go with every request. */
function isEndpoint(item: unknown): boolean {
  const url = typeof item === 'string' ? URL.parse(ENDPOINT.exec(item)?.[1] ?? '') : null
  if (url === null || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    return false
  const isHere =
    url.hostname === 'localhost' || url.hostname === '[::1]' || /^127(\.\d+){3}$/.test(url.hostname)
  return url.protocol === 'https:' || (url.protocol === 'http:' && isHere)
}
const endpoints = (value: unknown) => {
  const isList = Array.isArray(value) && value.length <= 16 && value.every(isEndpoint)
  const names = isList ? (value as string[]).map((item) => item.split('=')[0]) : []
  return isList && new Set(names).size === names.length
    ? null
    : 'a list of servers such as home=http://127.0.0.1:8080/v1 or cloud=https://api.example/v1, each with a name of its own'
}

const CRITERIA = ['latency', 'energy', 'privacy', 'cost', 'quality']
const WEIGHT = /^([a-z]+)=(\d{1,4}(?:\.\d{1,4})?)$/
const weights = (value: unknown) => {
  const isList = Array.isArray(value) && value.every((item) => typeof item === 'string' && WEIGHT.test(item))
  const names = isList ? (value as string[]).map((item) => item.split('=')[0]!) : []
  return isList && names.every((name) => CRITERIA.includes(name)) && new Set(names).size === names.length
    ? null
    : `a list of weights such as privacy=3, of ${CRITERIA.join(', ')}, each once`
}

export const AGENTS_FIELDS = {
  'agents.model': field<string | null>({
    default: null,
    doc: 'The model that decides what agents do: a language model of the registry, or name/model of an endpoint; null: rules.',
    reload: 'live',
    check: textOrNull,
  }),
  'agents.maxRequests': field<number>({
    default: 8,
    unit: 'requests',
    doc: 'Requests to agents that may go on at once; further ones are refused.',
    reload: 'live',
    check: integer(1, 1_000),
  }),
  'agents.maxTurns': field<number>({
    default: 24,
    unit: 'turns',
    doc: 'Turns that an agent may take for a request; the request may ask for fewer.',
    reload: 'live',
    check: integer(1, 1_000),
  }),
  'agents.maxMs': field<number>({
    default: 3_600_000,
    unit: 'ms',
    doc: 'Time that a request to an agent may take, without the time that it waits for approval.',
    reload: 'live',
    check: integer(1_000, 604_800_000),
  }),
  'agents.maxTokens': field<number>({
    default: 200_000,
    unit: 'tokens',
    doc: 'Tokens of prompts and answers together that a request may use of a model.',
    reload: 'live',
    check: integer(1, 1_000_000_000),
  }),
  'agents.maxRepeats': field<number>({
    default: 2,
    unit: 'calls',
    doc: 'Equal calls (same tool, same arguments) that a request may make.',
    reload: 'live',
    check: integer(1, 100),
  }),
  'agents.maxResultBytes': field<number>({
    default: 32_768,
    unit: 'bytes',
    doc: 'What of the result of a tool an agent is given; the rest is cut, and the agent is told so.',
    reload: 'live',
    check: integer(1_024, 2 ** 24),
  }),
  'agents.denyTools': field<readonly string[]>({
    ownerOnly: true,
    default: [],
    unit: 'tools',
    doc: 'Tools that no agent and no client may call; a star at the end stands for any rest.',
    reload: 'live',
    check: toolNames,
  }),
  'agents.approvalMs': field<number>({
    default: 600_000,
    unit: 'ms',
    doc: 'How long a call waits for approval before it is refused.',
    reload: 'live',
    check: integer(1_000, 86_400_000),
  }),
  'agents.weights': field<readonly string[]>({
    default: ['latency=1', 'energy=1', 'privacy=3', 'cost=1', 'quality=2'],
    doc: 'How much each counts when King chooses who does a step, this node or a member that offers the agent.',
    reload: 'live',
    check: weights,
  }),
  'agents.decisionRecords': field<number>({
    default: 1_000,
    unit: 'requests',
    doc: 'Requests that the decision log of King keeps; the oldest go first.',
    check: integer(1, 100_000),
  }),
  'agents.auditRecords': field<number>({
    default: 10_000,
    unit: 'calls',
    doc: 'Calls of tools that the audit log keeps; the oldest go first.',
    check: integer(1, 1_000_000),
  }),
  'agents.endpoints': field<readonly string[]>({
    ownerOnly: true,
    default: [],
    unit: 'servers',
    doc: 'Servers that speak the chat completions of OpenAI’s API, as name=URL; the key of one is the environment variable VILLAGE_ENDPOINT_KEY_NAME. On this machine by HTTP, elsewhere by HTTPS.',
    check: endpoints,
  }),
  'agents.endpointsMaySee': field<string>({
    ownerOnly: true,
    default: 'nothing-private',
    doc: 'Whether private collections, granted files and the Twin may go to an endpoint that is on another machine: nothing-private or all.',
    reload: 'live',
    check: oneOf('nothing-private', 'all'),
  }),
  'agents.folders': field<readonly string[]>({
    ownerOnly: true,
    default: [],
    unit: 'folders',
    doc: 'Folders of this machine that agents may read, as name=/path; with :rw at the end they may write there too.',
    reload: 'live',
    check: folders,
  }),
  'agents.offer': field<readonly string[]>({
    ownerOnly: true,
    default: [],
    unit: 'agents',
    doc: 'Agents of this node that answer requests of other members: king, sage, magi. They see what the village sees, and change nothing.',
    reload: 'live',
    check: offered,
  }),
  'agents.offerRequestsByHour': field<number>({
    default: 60,
    unit: 'requests/h',
    doc: 'Requests to its agents that one member may make in an hour.',
    reload: 'live',
    check: integer(1, 100_000),
  }),
  'agents.offerTurns': field<number>({
    default: 8,
    unit: 'turns',
    doc: 'Turns that an agent may take for the request of a member.',
    reload: 'live',
    check: integer(1, 1_000),
  }),
  'agents.offerMs': field<number>({
    default: 120_000,
    unit: 'ms',
    doc: 'Time that the request of a member may take.',
    reload: 'live',
    check: integer(1_000, 3_600_000),
  }),
  'agents.offerTokens': field<number>({
    default: 20_000,
    unit: 'tokens',
    doc: 'Tokens of prompts and answers together that the request of a member may use of a model.',
    reload: 'live',
    check: integer(1, 100_000_000),
  }),
  'agents.offerCode': field<boolean>({
    ownerOnly: true,
    default: false,
    doc: 'Whether members may have code that they send run here, in the sandbox.',
    reload: 'live',
    check: boolean,
  }),
  'api.corsOrigins': field<readonly string[]>({
    ownerOnly: true,
    default: [],
    unit: 'origins',
    doc: 'Web pages of other origins that may call the API with a key, each written whole; none: only the dashboard.',
    reload: 'live',
    check: (value) =>
      Array.isArray(value) && value.length <= MAX_ORIGINS && value.every(isOrigin)
        ? null
        : 'a list of origins such as https://app.example or http://localhost:3000, without a path',
  }),
  'twin.enabled': field<boolean>({
    default: true,
    doc: 'Whether this node remembers what its owner tells it to, encrypted and for their own requests only.',
    reload: 'live',
    check: boolean,
  }),
  'twin.learn': field<boolean>({
    default: false,
    doc: 'Whether the Twin also picks what its owner says about themselves from conversations, and keeps summaries of these.',
    reload: 'live',
    check: boolean,
  }),
  'twin.maxRecords': field<number>({
    default: 2_000,
    unit: 'memories',
    doc: 'Memories that the Twin keeps; further ones are refused.',
    check: integer(1, 100_000),
  }),
  'agents.conversations': field<number>({
    default: 500,
    unit: 'conversations',
    doc: 'Conversations that are kept, encrypted; the oldest are erased first.',
    check: integer(1, 100_000),
  }),
  'agents.mcpServers': field<readonly string[]>({
    ownerOnly: true,
    default: [],
    unit: 'servers',
    doc: 'MCP servers whose tools agents may use, each `name=command arguments…` or `name=https://…`. Tokens come from the environment: VILLAGE_MCP_TOKEN_<NAME>, VILLAGE_MCP_ENV_<NAME>_<VARIABLE>.',
    check: checkMcpServers,
  }),
} as const
