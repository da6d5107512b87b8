/** MCP over streamable HTTP: one path, three methods. What they mean is in ../mcp/. */
import { RPC_MESSAGE, rpcErrorBody } from '../json-rpc.ts'
import { type Route, type RouteRequest, route } from './route.ts'

const tag = 'mcp'
const path = '/mcp'
const EVENTS = { kind: 'raw', status: 200, mediaType: 'text/event-stream' } as const

type Any = RouteRequest<Record<string, never>, Record<string, never>, unknown>

const given = (method: 'GET' | 'POST' | 'DELETE', { headers, body, principal, signal }: Any) => ({
  ...{ method, headers, body, signal },
  asker: principal,
})

export const MCP_ROUTES: readonly Route[] = [
  route<Record<string, never>, Record<string, never>, unknown>({
    method: 'POST',
    path,
    scope: 'read',
    tag,
    errorBody: rpcErrorBody,
    id: 'sendMcp',
    summary:
      'A message of the Model Context Protocol. `initialize` opens a session, which the Mcp-Session-Id header names from then on.',
    body: { kind: 'json', schema: RPC_MESSAGE },
    response: EVENTS,
    errors: ['API_TOO_MANY_CLIENTS'],
    slow: true,
    handle: (request, { mcp }) => mcp.handle(given('POST', request)),
  }),
  route<Record<string, never>, Record<string, never>, unknown>({
    method: 'GET',
    path,
    scope: 'read',
    tag,
    errorBody: rpcErrorBody,
    id: 'followMcp',
    summary: 'The stream of messages that the server sends of its own accord in a session of MCP.',
    response: EVENTS,
    slow: true,
    handle: (request, { mcp }) => mcp.handle(given('GET', request)),
  }),
  route<Record<string, never>, Record<string, never>, unknown>({
    method: 'DELETE',
    path,
    scope: 'read',
    tag,
    errorBody: rpcErrorBody,
    id: 'endMcp',
    summary: 'Ends a session of MCP and what goes on in it.',
    response: { kind: 'raw', status: 200, mediaType: 'text/plain' },
    handle: (request, { mcp }) => mcp.handle(given('DELETE', request)),
  }),
]
