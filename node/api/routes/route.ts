/** A route is a row: method, path, scope, schemas, handler. The server, the OpenAPI document and the tests read the rows. */
import type { Readable } from 'node:stream'
import type { Scope } from '../../agents/asker.ts'
import type { ErrorCode, VillageError } from '../../errors.ts'
import type { ApiContext } from '../components.ts'
import type { Principal } from '../principal.ts'

export type JsonSchema = { readonly [keyword: string]: unknown }

export interface RouteRequest<P = Record<string, string>, Q = Record<string, never>, B = null> {
  readonly params: P
  readonly query: Q
  /** The JSON body after validation, or null; the raw stream for routes that take an upload. */
  readonly body: B
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Aborts when the client goes away, its key is revoked or expires, or the daemon stops. */
  readonly signal: AbortSignal
  /** Who asks. A row of scope `public` has nobody: reading it there throws INTERNAL. */
  readonly principal: Principal
}

/** What a handler returns to answer with bytes, or with another status or headers than its row says. */
export class RawReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Readable | string | null
  constructor(status: number, headers: Readonly<Record<string, string>>, body: Readable | string | null) {
    this.status = status
    this.headers = headers
    this.body = body
  }
}

export type RouteBody =
  | { readonly kind: 'json'; readonly schema: JsonSchema }
  | { readonly kind: 'stream'; readonly mediaType: string }

export type RouteResponse =
  | { readonly kind: 'json'; readonly status: 200 | 201 | 202; readonly schema: JsonSchema }
  | { readonly kind: 'raw'; readonly status: 200; readonly mediaType: string }

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** With `:name` for parameters. */
  readonly path: string
  /** What the bearer token must be good for; `public` needs none. */
  readonly scope: 'public' | Scope
  readonly tag: string
  /** Unique, a verb phrase in camelCase: the operationId of the OpenAPI document. */
  readonly id: string
  readonly summary: string
  readonly params?: JsonSchema
  readonly query?: JsonSchema
  readonly body?: RouteBody
  readonly response: RouteResponse
  /** Codes that this route in particular can answer with, beside those that every route can. */
  readonly errors?: readonly ErrorCode[]
  /** The JSON of an error answer, where it is not problem details. */
  readonly errorBody?: (error: VillageError) => object
  /** An exchange that may last: the socket's idle timeout does not apply. */
  readonly slow?: boolean
  handle(request: RouteRequest<never, never, never>, api: ApiContext): Promise<unknown>
}

/**
 * Writes a row with the types of its parameters, query and body. They hold because the server calls `handle` only
 * after the row's schemas accepted the request.
 */
export function route<P = Record<string, never>, Q = Record<string, never>, B = null>(
  row: Omit<Route, 'handle'> & {
    handle(request: RouteRequest<P, Q, B>, api: ApiContext): Promise<unknown>
  },
): Route {
  return row as Route
}
