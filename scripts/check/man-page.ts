/** docs/village.1: the manual page, made from the tables of commands, exit codes and configuration keys (man(7)). */
import { COMMANDS, SHARED_OPTIONS } from '../../node/cli/commands.ts'
import { EXIT_CODES } from '../../node/cli/exit-codes.ts'
import { environmentName, FIELDS, isConfigKey } from '../../node/config.ts'

/** Text in roff: no escape, no request at the beginning of a line, hyphens that can be copied, and ASCII alone. */
function roff(text: string): string {
  const escaped = text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('\n', ' ')
    .replace(
      /[^ -~]/gu,
      (letter) => `\\[u${letter.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}]`,
    )
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped
}

/** `--name <value>`: the name in bold, the value in italics. */
function option(flags: string): string {
  const [name = '', ...value] = flags.split(' ')
  const shown = value.length === 0 ? '' : ` \\fI${roff(value.join(' ').replace(/^<|>$/g, ''))}\\fR`
  return `\\fB${roff(name)}\\fR${shown}`
}

const item = (head: string, text: string) => `.TP\n${head}\n${roff(text)}\n`

function commandSection(): string {
  const groups = [...new Set(COMMANDS.map(({ group }) => group))]
  return groups
    .map((group) => {
      const commands = COMMANDS.filter((row) => row.group === group).map((row) => {
        const args = (row.args ?? []).map(([argument]) => `\\fI${roff(argument.replace(/[<>]/g, ''))}\\fR`)
        const usage = [`\\fBvillage ${roff(row.name)}\\fR`, ...args].join(' ')
        const inputs = [
          ...(row.args ?? []).map(([name, doc]) => item(`\\fI${roff(name.replace(/[<>]/g, ''))}\\fR`, doc)),
          ...(row.name === 'start'
            ? []
            : (row.options ?? []).map(({ flags, doc }) => item(option(flags), doc))),
        ]
        const nested = inputs.length === 0 ? '' : `.RS\n${inputs.join('')}.RE\n`
        return `.TP\n${usage}\n${roff(row.summary)}\n${nested}`
      })
      return `.SS ${roff(group)}\n${commands.join('')}`
    })
    .join('')
}

function environmentSection(): string {
  const keys = Object.keys(FIELDS).filter((key) => isConfigKey(key))
  return keys
    .map((key) => {
      const { doc, unit, default: value } = FIELDS[key]
      const said = `Key ${key}. ${doc}${unit === '' ? '' : ` Unit: ${unit}.`} Default: ${JSON.stringify(value)}.`
      return item(`\\fB${environmentName(key)}\\fR`, said)
    })
    .join('')
}

/** `note`: a comment that says where the page comes from. */
export function renderManPage(note: string): string {
  return `.\\" ${note}
.TH VILLAGE 1 "" AIVillage "User commands"
.SH NAME
village \\- a mesh node: lend and borrow compute, share models and knowledge, ask agents
.SH SYNOPSIS
.B village
.I command
.RI [ arguments ]
.RI [ options ]
.SH DESCRIPTION
.B village start
runs the daemon in its terminal; every other command is a client of a daemon that runs, found by its data directory.
.SH COMMANDS
${commandSection()}.SH OPTIONS OF ALL COMMANDS
${SHARED_OPTIONS.map(({ flags, doc }) => item(option(flags), doc)).join('')}.SH EXIT STATUS
${Object.values(EXIT_CODES)
  .map(({ code, doc }) => item(`\\fB${code}\\fR`, doc))
  .join('')}.SH ENVIRONMENT
Every key of the configuration has a variable; a file of keys and options of
.B village start
go before and after it.
.TP
\\fBVILLAGE_CONFIG\\fR
${roff('The configuration file, unless --config names one.')}
.TP
\\fBNO_COLOR\\fR
Neither bold nor colours, where it is set.
${environmentSection()}.SH FILES
${item('\\fI~/.aivillage\\fR', 'The data directory: keys, state, artifacts, models.')}${item(
  '\\fI~/.aivillage/api.token\\fR',
  'The token of the API, for its owner alone.',
)}`
}
