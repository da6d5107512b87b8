/** External MCP servers as the configuration names them: `name=command arguments…` or `name=https://…`. */

export interface StdioServer {
  readonly kind: 'stdio'
  /** `[a-z][a-z0-9]{0,15}`. */
  readonly name: string
  readonly command: string
  readonly arguments: readonly string[]
}

export interface HttpServer {
  readonly kind: 'http'
  readonly name: string
  readonly url: string
}

export type McpServer = StdioServer | HttpServer

const MAX_SERVERS = 32
const MAX_ENTRY_UNITS = 4096
const ENTRY = /^([a-z][a-z0-9]{0,15})=(.+)$/s
const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/

/** Splits as a shell does, without its expansions: quotes keep what is between them together. Null: a quote is left open. */
function words(text: string): string[] | null {
  const found = [...text.matchAll(/\s+|(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"']+)+/gs)].map(([it]) => it)
  if (found.join('') !== text) return null
  return found
    .filter((it) => it.trim() !== '')
    .map((it) =>
      it.replace(/"((?:[^"\\]|\\.)*)"|'([^']*)'/gs, (_, double?: string, single?: string) =>
        double === undefined ? (single ?? '') : double.replace(/\\(.)/gs, '$1'),
      ),
    )
}

function httpServer(name: string, target: string): HttpServer | null {
  const url = URL.parse(target)
  // A token in the clear, or one that stands in the configuration, is nobody's secret any more.
  const isSafe =
    url !== null &&
    url.username === '' &&
    url.password === '' &&
    url.hash === '' &&
    (url.protocol === 'https:' || LOOPBACK.test(url.hostname))
  return isSafe ? { kind: 'http', name, url: url.href } : null
}

/** Null where it is none. */
export function parseMcpServer(entry: unknown): McpServer | null {
  if (typeof entry !== 'string' || entry.length > MAX_ENTRY_UNITS || entry.includes('\0')) return null
  const match = ENTRY.exec(entry)
  if (match === null) return null
  const [, name, target] = match as unknown as [string, string, string] // both groups always match
  if (/^https?:\/\//i.test(target.trim())) return httpServer(name, target.trim())
  const [command, ...rest] = words(target) ?? []
  return command === undefined || command === '' ? null : { kind: 'stdio', name, command, arguments: rest }
}

/** For the configuration table: what the value should be, or null when it is fine. */
export function checkMcpServers(value: unknown): string | null {
  const expected =
    'a list of servers such as files=npx -y @modelcontextprotocol/server-filesystem /srv/docs or docs=https://docs.example/mcp, each with a name of its own of small letters and digits'
  if (!Array.isArray(value) || value.length > MAX_SERVERS) return expected
  const servers = value.map(parseMcpServer)
  const names = servers.map((server) => server?.name)
  return servers.includes(null) || new Set(names).size !== names.length ? expected : null
}
