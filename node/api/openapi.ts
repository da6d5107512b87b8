/** Makes the OpenAPI 3.1 document from the rows of the route table. */
import { ERRORS, type ErrorCode } from '../errors.ts'
import { PROBLEM_MEDIA_TYPE } from './problem.ts'
import type { JsonSchema, Route } from './routes/route.ts'
import { PROBLEM } from './schemas.ts'

const EVERY_ROUTE: readonly ErrorCode[] = ['INTERNAL', 'API_RATE_LIMITED', 'SHUTTING_DOWN']
const TOKEN_ROUTE: readonly ErrorCode[] = [
  'API_UNAUTHORIZED',
  'API_ORIGIN_REFUSED',
  'API_SCOPE',
  'KEY_RATE_LIMITED',
  'KEY_QUOTA_SPENT',
]

/** Codes that a route can answer with, so far as its row tells. */
export function routeErrors(row: Route): ErrorCode[] {
  const codes = new Set<ErrorCode>([...EVERY_ROUTE, ...(row.errors ?? [])])
  if (row.scope !== 'public') for (const code of TOKEN_ROUTE) codes.add(code)
  if (row.params !== undefined || row.query !== undefined || row.body?.kind === 'json')
    codes.add('INVALID_ARGUMENT')
  if (row.body !== undefined) codes.add('API_MEDIA_TYPE')
  if (row.body?.kind === 'json') codes.add('API_BODY_TOO_LARGE').add('API_BODY_MALFORMED')
  return [...codes]
}

function parameters(row: Route): object[] {
  const list: object[] = []
  for (const place of ['path', 'query'] as const) {
    const schema = (place === 'path' ? row.params : row.query) as
      | { properties: Record<string, JsonSchema>; required: readonly string[] }
      | undefined
    for (const [name, property] of Object.entries(schema?.properties ?? {}))
      list.push({ name, in: place, required: schema!.required.includes(name), schema: property })
  }
  return list
}

function problems(row: Route): Record<string, object> {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of routeErrors(row)) {
    const status = ERRORS[code].http
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      String(status),
      {
        description: codes.map((code) => `${code}: ${ERRORS[code].title}`).join('. '),
        content: { [PROBLEM_MEDIA_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    ]),
  )
}

function operation(row: Route): object {
  const { body, response } = row
  const content =
    response.kind === 'json'
      ? { 'application/json': { schema: response.schema } }
      : { [response.mediaType]: { schema: { type: 'string' } } }
  return {
    operationId: row.id,
    summary: row.summary,
    tags: [row.tag],
    security: row.scope === 'public' ? [] : [{ token: [] }],
    'x-scope': row.scope,
    parameters: parameters(row),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content:
              body.kind === 'json'
                ? { 'application/json': { schema: body.schema } }
                : { [body.mediaType]: { schema: { type: 'string', format: 'binary' } } },
          },
        }),
    responses: { [String(response.status)]: { description: row.summary, content }, ...problems(row) },
  }
}

export function openApiDocument(routes: readonly Route[], init: { version: string; url: string }): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const row of routes) {
    const path = row.path.replace(/:(\w+)/g, '{$1}')
    paths[path] ??= {}
    paths[path][row.method.toLowerCase()] = operation(row)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'AIVillage daemon',
      version: init.version,
      description: 'The HTTP API of one node. Failures are RFC 9457 problem details with a stable `code`.',
    },
    servers: [{ url: init.url }],
    tags: [...new Set(routes.map((row) => row.tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: { Problem: PROBLEM },
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
  }
}
