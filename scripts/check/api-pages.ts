/** docs/api.md and docs/api/*.md: the reference of the HTTP API, made from the rows that make the OpenAPI document. */
import { routeErrors } from '../../node/api/openapi.ts'
import type { JsonSchema, Route } from '../../node/api/routes/route.ts'
import { ROUTES } from '../../node/api/routes/table.ts'
import { schemaText } from './schema-text.ts'

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('\n', ' ')
const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
const block = (text: string) => `\`\`\`ts\n${text}\n\`\`\``

/** As GitHub makes the anchor of a heading. */
const anchor = (row: Route) =>
  `${row.method} ${row.path}`
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-')

type Fields = { properties?: Record<string, JsonSchema>; required?: readonly string[] }

function parameterRows(row: Route): string[][] {
  return (['params', 'query'] as const).flatMap((place) => {
    const { properties = {}, required = [] } = (row[place] ?? {}) as Fields
    return Object.entries(properties).map(([name, schema]) => [
      `\`${name}\``,
      place === 'params' ? 'path' : required.includes(name) ? 'query, required' : 'query',
      `\`${cell(schemaText(schema))}\``,
      cell(typeof schema.description === 'string' ? schema.description : ''),
    ])
  })
}

function routeText(row: Route): string {
  const { body, response } = row
  const needs = row.scope === 'public' ? 'Needs no token' : `Scope \`${row.scope}\``
  const parts = [`## ${row.method} ${row.path}`, `${row.summary}`, `${needs} · operation \`${row.id}\``]
  const parameters = parameterRows(row)
  if (parameters.length > 0) parts.push(table(['Parameter', 'Where', 'Type', 'Meaning'], parameters))
  if (body?.kind === 'json') parts.push(`Body, \`application/json\`:`, block(schemaText(body.schema)))
  if (body?.kind === 'stream') parts.push(`Body, \`${body.mediaType}\`: the bytes.`)
  if (response.kind === 'json')
    parts.push(`Answer, ${response.status}, \`application/json\`:`, block(schemaText(response.schema)))
  else parts.push(`Answer, ${response.status}, \`${response.mediaType}\`.`)
  if (row.errors !== undefined && row.errors.length > 0)
    parts.push(`Errors of its own: ${row.errors.map((code) => `\`${code}\``).join(', ')}.`)
  return parts.join('\n\n')
}

export const API_TAGS: readonly string[] = [...new Set(ROUTES.map((row) => row.tag))]
export const apiPageFile = (tag: string) => `docs/api/${tag}.md`

/** All routes of one tag, with every field. */
export function renderApiPage(tag: string, note: string): string {
  const routes = ROUTES.filter((row) => row.tag === tag)
  return [
    `# HTTP API: ${tag}`,
    note,
    'How to speak to the API is in [its overview](../api.md), with the errors that every route may answer with; what each code means\n' +
      'is in [their table](../errors.md). A `?` after a name: it may be left out.',
    ...routes.map(routeText),
  ]
    .join('\n\n')
    .concat('\n')
}

/** The overview: how to speak to the API, and its routes by tag. */
export function renderApiDocs(note: string): string {
  const sections = API_TAGS.map((tag) => {
    const rows = ROUTES.filter((row) => row.tag === tag).map((row) => [
      `[\`${row.method} ${row.path}\`](api/${tag}.md#${anchor(row)})`,
      row.scope,
      cell(row.summary),
    ])
    return `## ${tag}\n\n${table(['Route', 'Scope', 'What it does'], rows)}\n`
  })
  const everywhere = routeErrors({ ...ROUTES.find((row) => row.id === 'createVillage')!, errors: [] })
  return [
    '# HTTP API\n',
    `${note}\n`,
    'The daemon listens on `http://127.0.0.1:7480` (`api.host`, `api.port`); `api.json` in the data directory says where a',
    'running one listens. `GET /api/v1/openapi.json` is the OpenAPI 3.1 document with every schema; it and `/healthz` and',
    '`/api/v1/errors/:code` need no token.\n',
    '- **Token.** `Authorization: Bearer TOKEN`: the text of `api.token` (0600) in the data directory, which may do everything, or a',
    '  key (`village key create`) of a scope: `read` < `ask` < `operate` < `admin`; each route names the least that it takes. Never in a URL.',
    '- **Pages.** Requests whose Host is not this daemon’s, or that a page of another origin makes, are refused, but for the origins of `api.corsOrigins`.',
    '- **Bodies** are JSON up to `api.maxBodyBytes`; unknown fields are refused. Artifacts are uploaded as',
    '  `application/octet-stream`, CAR files as `application/vnd.ipld.car`, bounded by the disk share.',
    '- **Errors** are RFC 9457 problem details (`application/problem+json`) with a stable `code`, `fix` (what to do) and',
    '  `fields`; `type` leads to the row of the [table](errors.md). A wrong field is named in `fields.field`.',
    '- **Rate.** `api.requestsByMinute` by client address, and what a key has; then 429 with `Retry-After`. Paths under `/v1/` are the',
    '  [gateway](gateway.md) and have OpenAI’s shape of errors.',
    '- **Events.** `GET /api/v1/events` is a stream of server-sent events. It begins with `hello`. A client that comes back',
    '  with `Last-Event-ID` gets what it missed, or `gap` when that is no longer known: then it reads the state anew. A',
    '  client that does not read is cut off.',
    '- **Content** of artifacts takes one byte range, `If-None-Match` and `If-Range` (the ETag is the CID).\n',
    '```sh',
    'curl -H "Authorization: Bearer $(cat ~/.aivillage/api.token)" http://127.0.0.1:7480/api/v1/status',
    '```\n',
    'Jobs: `compress` takes `{ model, codec, params?, target?, tensors?, calibrate?, runtime?, keep?, suite?, id?, force?,',
    'minElements? }`: `codec` is a codec or `auto`, which needs a `target` (one of `{ sizeBytes }`, `{ ratio }`, `{ bits }`, `{ quality }`);',
    '`tensors` gives single tensors `{ codec, params? }` by name; `calibrate` is `auto`, `none` or the CID of data; `runtime` is `int8` or',
    '`dense`; below `keep` (0.95) nothing is published, 0 measures nothing; weights with fewer than `minElements` stay as they are ([by',
    'default](compression.md#small-weights) by the size of the model). `evaluate` takes `{ models, suite?, files?, options? }` (docs/evaluate.md);',
    '`train` takes `{ model, data, method?, id?, … }` (docs/training.md): the options of `village train` in camel case, files as absolute paths.',
    '`GET /api/v1/catalog` lists codecs, and the suites that need no data with the kinds of models that they fit.\n',
    `Errors that any route may answer with, as far as they apply: ${everywhere.map((code) => `\`${code}\``).join(', ')}.\n`,
    sections.join('\n'),
  ].join('\n')
}
