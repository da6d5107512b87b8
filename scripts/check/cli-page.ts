/** docs/cli.md: made from the table of commands. */
import { COMMANDS, type CommandOption, SHARED_OPTIONS } from '../../node/cli/commands.ts'
import { EXAMPLES } from '../../node/cli/examples.ts'
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
      const examples = EXAMPLES[row.name] ?? []
      if (examples.length > 0)
        lines.push(`\`\`\`\n${examples.map(({ line, doc }) => `# ${doc}\n${line}`).join('\n')}\n\`\`\`\n`)
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
