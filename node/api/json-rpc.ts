/** What the rows of JSON-RPC 2.0 (MCP, A2A) share: the members of a message, and errors in its words (section 5). */
import type { ErrorCode, VillageError } from '../errors.ts'
import { object } from './schemas.ts'

const ANY = {}
const MEMBERS = { jsonrpc: ANY, id: ANY, method: ANY, params: ANY, result: ANY, error: ANY }

/** A message as far as the server checks it: nothing but what JSON-RPC knows. Its method is checked by who handles it. */
export const RPC_MESSAGE = object(MEMBERS, Object.keys(MEMBERS))

const CODES: Partial<Record<ErrorCode, number>> = {
  API_BODY_MALFORMED: -32700,
  INVALID_ARGUMENT: -32600,
  INTERNAL: -32603,
}
/** Of a server's own. */
const OTHER = -32000

/** A failure before a message reached its handler: whose answer it would be is not known. */
export function rpcErrorBody({ code, message }: VillageError): object {
  const error = { code: CODES[code] ?? OTHER, message: `${code}: ${message}`, data: { code } }
  return { jsonrpc: '2.0', id: null, error }
}
