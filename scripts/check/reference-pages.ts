/** docs/cli.md and docs/api.md: made from the tables of commands and of routes. */
import { openApiDocument, routeErrors } from '../../node/api/openapi.ts'
import { ROUTES } from '../../node/api/routes/table.ts'
import { COMMANDS, type CommandOption, SHARED_OPTIONS } from '../../node/cli/commands.ts'
import { EXIT_CODES } from '../../node/cli/exit-codes.ts'

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('\n', ' ')
const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
const optionRows = (options: readonly CommandOption[]) =>
  options.map(({ flags, doc, default: value }) => [
    `\`${flags.replaceAll('|', '\\|')}\``,
    cell(value === undefined || value === '' ? doc : `${doc} Default: ${value}.`),
  ])

/** The page of the command line. */
export function renderCliDocs(note: string): string {
  const groups = [...new Set(COMMANDS.map((row) => row.group))]
  const sections = groups.map((group) => {
    const commands = COMMANDS.filter((row) => row.group === group).map((row) => {
      const usage = ['village', row.name, ...(row.args ?? []).map(([argument]) => argument)].join(' ')
      const lines = [
        `### \`${usage}\`\n`,
        `${row.summary}${row.isDefault === true ? ` Also plain \`village ${row.name.split(' ')[0]}\`.` : ''}\n`,
      ]
      const inputs = [
        ...(row.args ?? []).map(([argument, doc]) => [`\`${argument}\``, cell(doc)]),
        // The keys of the configuration have a page of their own.
        ...(row.name === 'start' ? [] : optionRows(row.options ?? [])),
      ]
      if (inputs.length > 0) lines.push(`${table(['Argument or option', 'Meaning'], inputs)}\n`)
      if (row.name === 'start')
        lines.push(
          'Every key of the [configuration](config.md) is an option: `village start --api.port 7481`.\n',
        )
      return lines.join('\n')
    })
    return `## ${group}\n\n${commands.join('\n')}`
  })
  return [
    '# Command line\n',
    `${note}\n`,
    '`village start` runs the daemon in its terminal; every other command is a client of the [HTTP API](api.md) of a daemon',
    'that runs (`doctor`, `config`, `completion` and `service` work without one). Errors go to standard error as `error CODE: sentence` and',
    '`fix: what to do`; [errors.md](errors.md) lists the codes. With `--json` standard output holds exactly one JSON',
    'document, in case of a failure `{ "error": { "code", "message", "fix", "fields" } }`. `village start --json` prints',
    'one line when it is ready and then goes on. Progress bars appear on a terminal only.\n',
    '## All commands\n',
    `${table(['Option', 'Meaning'], optionRows(SHARED_OPTIONS))}\n`,
    `${table(
      ['Exit code', 'Meaning'],
      Object.values(EXIT_CODES).map(({ code, doc }) => [String(code), cell(doc)]),
    )}\n`,
    sections.join('\n'),
  ].join('\n')
}

/** The page of the HTTP API: how to speak to it, and its routes. The schemas are in the OpenAPI document. */
export function renderApiDocs(note: string): string {
  const { tags } = openApiDocument(ROUTES, { version: '', url: '' }) as { tags: { name: string }[] }
  const sections = tags.map(({ name }) => {
    const rows = ROUTES.filter((row) => row.tag === name).map((row) => [
      `\`${row.method} ${row.path}\``,
      row.scope,
      cell(row.summary),
      (row.errors ?? []).map((code) => `\`${code}\``).join(', '),
    ])
    return `## ${name}\n\n${table(['Route', 'Scope', 'What it does', 'Its own errors'], rows)}\n`
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
