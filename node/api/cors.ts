/**
 * Pages of other origins that the configuration names (api.corsOrigins) may call the API with a key of their own (Fetch standard,
 * sections 3.3.2 to 3.3.4). None by default. Never `*`, and never with credentials: there are no cookies that a browser could add, so
 * what a page can do is what its key can do.
 */
import type { IncomingHttpHeaders } from 'node:http'

const ALLOWED_HEADERS = [
  'authorization',
  'content-type',
  'accept',
  'a2a-version',
  'last-event-id',
  'mcp-protocol-version',
  'mcp-session-id',
  'x-village-approvals',
].join(', ')
const EXPOSED_HEADERS = [
  'retry-after',
  'www-authenticate',
  'mcp-session-id',
  ...['limit', 'remaining', 'reset'].flatMap((name) =>
    ['requests', 'tokens'].map((of) => `x-ratelimit-${name}-${of}`),
  ),
].join(', ')
const PREFLIGHT_SECONDS = 600

/** The SDKs of OpenAI, MCP and others send headers of their own (`x-stainless-…`): names that are plain words are let through. */
function askedHeaders(asked: string | undefined): string {
  const names = (asked ?? '').split(',').map((name) => name.trim().toLowerCase())
  const own = names.filter((name) => /^x-stainless-[a-z0-9-]{1,64}$/.test(name)).slice(0, 32)
  return [ALLOWED_HEADERS, ...own].join(', ')
}

/** What goes with every answer to such a page; null: not one of them. */
export function corsHeaders(
  headers: IncomingHttpHeaders,
  origins: readonly string[],
): Record<string, string> | null {
  const { origin } = headers
  if (origin === undefined || !origins.includes(origin)) return null
  return {
    'access-control-allow-origin': origin,
    'access-control-expose-headers': EXPOSED_HEADERS,
    'cross-origin-resource-policy': 'cross-origin',
    vary: 'origin',
  }
}

/** The answer to what a browser asks before it sends a request, or null for an ordinary request. */
export function preflightHeaders(
  method: string,
  headers: IncomingHttpHeaders,
): Record<string, string> | null {
  if (method !== 'OPTIONS' || headers['access-control-request-method'] === undefined) return null
  return {
    'access-control-allow-methods': 'GET, POST, PUT, DELETE',
    'access-control-allow-headers': askedHeaders(headers['access-control-request-headers']),
    'access-control-max-age': String(PREFLIGHT_SECONDS),
    ...(headers['access-control-request-private-network'] === 'true' && {
      'access-control-allow-private-network': 'true',
    }),
  }
}
