/** The files that are made from a table: the check compares them, `npm run check -- --write` makes them anew. */
import { environmentName, FIELDS, isConfigKey } from '../../node/config.ts'
import { ERRORS, isErrorCode } from '../../node/errors.ts'
import { API_TAGS, apiPageFile, renderApiDocs, renderApiPage } from './api-pages.ts'
import type { Finding } from './check.ts'
import { renderCliDocs } from './cli-page.ts'
import { renderGatewayFields } from './gateway-fields.ts'
import { renderManPage } from './man-page.ts'
import { renderMetricsDocs } from './metrics-page.ts'
import type { Project } from './project.ts'

const GENERATED_NOTE = '<!-- Made by `npm run check -- --write`: edit the table, not this file. -->'
const LINE_WIDTH = 110

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('\n', ' ')
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

/** Formatted as Biome does, so that the linter and this check agree. */
export function renderConfigFile(): string {
  const rows = Object.entries(FIELDS).map(([key, { default: value }]) => {
    if (!Array.isArray(value)) return `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`
    const items = value.map((item) => JSON.stringify(item))
    const short = `  ${JSON.stringify(key)}: [${items.join(', ')}]`
    return short.length < LINE_WIDTH
      ? short
      : `  ${JSON.stringify(key)}: [\n    ${items.join(',\n    ')}\n  ]`
  })
  return `{\n${rows.join(',\n')}\n}\n`
}

/** The sections of ERRORS, from the comments between its rows. */
export function errorGroups(source: string): Map<string, string[]> {
  const groups = new Map<string, string[]>()
  let group = 'general'
  for (const line of source.split('\n')) {
    const comment = /^ {2}\/\/ (.+)$/.exec(line)
    if (comment !== null) group = comment[1]!
    const code = /^ {2}([A-Z][A-Z0-9_]*): \{/.exec(line)?.[1]
    if (code === undefined || !isErrorCode(code)) continue
    groups.set(group, [...(groups.get(group) ?? []), code])
  }
  return groups
}

export function renderErrorDocs(source: string): string {
  const groups = errorGroups(source)
  const grouped = new Set([...groups.values()].flat())
  // A row that the comments above do not cover would be left out without a word.
  const stray = Object.keys(ERRORS).filter((code) => !grouped.has(code))
  if (stray.length > 0) throw new Error(`node/errors.ts: the layout of ${stray.join(', ')} is not understood`)
  const sections = [...groups].map(([group, codes]) => {
    const rows = codes.filter(isErrorCode).map((code) => {
      const { http, title, fix } = ERRORS[code]
      return [`\`${code}\``, String(http), escapeCell(title), escapeCell(fix)]
    })
    return `## ${group[0]!.toUpperCase()}${group.slice(1)}\n\n${table(['Code', 'HTTP', 'What went wrong', 'What to do'], rows)}\n`
  })
  return [
    '# Errors\n',
    `${GENERATED_NOTE}\n`,
    'Every failure has one of these codes: in the API (`code` of the problem details), on the command line',
    '(`error CODE: …`), in the log, and between peers, who are sent the code and nothing else. HTTP is the status of',
    'the API’s answer. The table itself is `ERRORS` in [node/errors.ts](../node/errors.ts).\n',
    sections.join('\n'),
  ].join('\n')
}

function showDefault(value: unknown): string {
  return `\`${JSON.stringify(value)}\``
}

export function renderConfigDocs(): string {
  const groups = new Map<string, string[][]>()
  for (const [key, field] of Object.entries(FIELDS)) {
    if (!isConfigKey(key)) continue
    const group = key.split('.')[0]!
    const row = [
      `\`${key}\``,
      showDefault(field.default),
      escapeCell(field.unit),
      escapeCell(field.doc),
      field.reload === 'live' ? 'live' : '',
      `\`${environmentName(key)}\``,
    ]
    groups.set(group, [...(groups.get(group) ?? []), row])
  }
  const head = ['Key', 'Default', 'Unit', 'What it does', 'Change', 'Environment']
  return [
    '# Configuration\n',
    `${GENERATED_NOTE}\n`,
    'A key is read from the command line (`village start --api.port 7481`), else from the environment, else from the file',
    '(JSON, flat keys), else it has its default. The file is the one given with `--config FILE`, else the one that `VILLAGE_CONFIG` names,',
    'else `config.json` of the data directory, over [daemon.config.json](../daemon.config.json) of the installation, which comes with every key',
    'at its default and is never written. An unknown key is an error. The table itself is `FIELDS` in [node/config.ts](../node/config.ts).\n',
    '```sh',
    'village config                    # what is not at its default, and where it comes from',
    'village config get jobs.work',
    'village config set jobs.work false',
    'village config unset jobs.work',
    'village config reload             # the file was edited by hand; or SIGHUP, or systemctl reload',
    '```\n',
    'Keys that are *live* take effect at once, the others with the next start; `village config` shows both values, and so does the page',
    '*Settings* of the [dashboard](dashboard.md). A file that is not valid changes nothing, and the command or the log says why. A change is written as a',
    'whole or not at all, keeps the permissions of the file and follows a link. In a terminal SIGHUP ends the daemon; without one it reloads.',
    'Of `profile`, what is lent follows at once, sizes of caches with the next start; `generate.maxBatch` and `generate.cacheBytes` hold for models',
    'that are loaded from then on.\n',
    [...groups].map(([group, rows]) => `## ${group}\n\n${table(head, rows)}\n`).join('\n'),
  ].join('\n')
}

const GENERATED: readonly { file: string; render(project: Project): string }[] = [
  { file: 'daemon.config.json', render: renderConfigFile },
  { file: 'docs/api.md', render: () => renderApiDocs(GENERATED_NOTE) },
  ...API_TAGS.map((tag) => ({ file: apiPageFile(tag), render: () => renderApiPage(tag, GENERATED_NOTE) })),
  { file: 'docs/cli.md', render: () => renderCliDocs(GENERATED_NOTE) },
  { file: 'docs/config.md', render: renderConfigDocs },
  { file: 'docs/errors.md', render: (project) => renderErrorDocs(project.read('node/errors.ts')) },
  { file: 'docs/gateway-fields.md', render: () => renderGatewayFields(GENERATED_NOTE) },
  { file: 'docs/metrics.md', render: () => renderMetricsDocs(GENERATED_NOTE) },
  {
    file: 'docs/village.1',
    render: () => renderManPage('Made by `npm run check -- --write`: edit the tables.'),
  },
]

function firstDifference(actual: string, expected: string): number {
  const [left, right] = [actual.split('\n'), expected.split('\n')]
  const index = left.findIndex((line, position) => line !== right[position])
  return (index < 0 ? left.length : index) + 1
}

function compare(project: Project, file: string, expected: string): Finding | null {
  const rerun = 'run `npm run check -- --write`'
  if (!project.has(file)) return { file, line: null, message: `is missing; ${rerun}` }
  const actual = project.read(file)
  if (actual === expected) return null
  return { file, line: firstDifference(actual, expected), message: `differs from its table; ${rerun}` }
}

export async function checkGenerated(project: Project): Promise<Finding[]> {
  return GENERATED.map(({ file, render }) => compare(project, file, render(project))).filter(
    (finding) => finding !== null,
  )
}

export async function writeGenerated(project: Project): Promise<string[]> {
  return GENERATED.filter(({ file, render }) => project.write(file, render(project))).map(({ file }) => file)
}
