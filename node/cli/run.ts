/** Parses the command line by the table of commands, runs the command and prints its result or its error. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Command, CommanderError, Option } from 'commander'
import { createClient, findDaemon } from '../client.ts'
import { type ConfigSources, dataDirectoryOf, resolveConfig } from '../config-sources.ts'
import { toVillageError, VillageError } from '../errors.ts'
import { nearest } from '../nearest.ts'
import { PACKAGE_ROOT } from '../package-root.ts'
import { VERSION, versionSkew } from '../version.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { COMMANDS, type CommandOption, type CommandRow, SHARED_OPTIONS } from './commands.ts'
import { exampleText } from './examples.ts'
import { EXIT_CODES, exitCodeOf } from './exit-codes.ts'
import { printable } from './format.ts'
import { inOptionsOf } from './option-names.ts'
import { createProgress } from './progress.ts'
import { onScreen, screenColumns } from './screen.ts'

export interface CommandLineInit {
  readonly arguments: readonly string[]
  readonly environment: Record<string, string | undefined>
  readonly stdout: { write(text: string): unknown; readonly columns?: number }
  readonly stderr: NodeJS.WriteStream
  /** Aborts at the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal
  /** Calls the listener at a SIGHUP instead of ending the program, until the function that it returns is called. */
  readonly onHangup?: (listener: () => void) => () => void
}

/** One line of description at the top of `village --help`. */
const ABOUT =
  'A daemon that joins the machines of a community: they lend each other compute and share models.'
const SHIPPED_CONFIG = fileURLToPath(new URL('daemon.config.json', PACKAGE_ROOT))

const HELP_WIDTH = 80
/** Wider lines are hard to read, narrower ones have no room for a word beside an option. */
const HELP_WIDTHS = { least: 50, most: 100 } as const

/** Heads of the families `collection`, `model`, `jobs`, `artifact` in the help. */
const FAMILY_SUMMARIES: Record<string, string> = {
  key: 'Make, list and revoke keys for programs that talk to this node.',
  config: 'Show and change the configuration.',
  backup: 'Write a backup of this node, or check one.',
  service: 'Keep the daemon running under the machine’s service manager.',
  tools: 'List what agents can do, and look after tools of external servers.',
  approvals: 'List and decide calls of agents that wait.',
  audit: 'List and erase the log of calls of tools.',
  twin: 'List, add, change, erase and export what the node remembers of you.',
  collection: 'List, show, change, remove, export and import collections of documents.',
  model: 'List, add, inspect and remove models.',
  evolve: 'Improve models together, and see how a run went.',
  rounds: 'List, show, follow and steer runs of evolution.',
  'self-evolution': 'What this node improves by itself, what came of it, and the way back.',
  ledger: 'List, show, verify and export ledgers of runs.',
  federations: 'List, show, stop and remove federations.',
  jobs: 'List, show, cancel, reorder and remove jobs.',
  artifact: 'List, add, read, pin, fetch, export and import artifacts.',
}

function addOption(command: Command, row: CommandOption): void {
  const option = new Option(row.flags, row.doc)
  if (row.default !== undefined) option.default(row.default)
  if (row.repeatable === true)
    option.argParser((value: string, previous: string[] | undefined) => [...(previous ?? []), value])
  command.addOption(option)
}

/** Of `--x` and `--no-x` commander takes the last; the function that is returned names one that was given both ways. */
function followOpposites(command: Command): () => string | null {
  const given = new Set<string>()
  for (const { long } of command.options)
    if (long !== undefined) command.on(`option:${long.slice(2)}`, () => given.add(long.slice(2)))
  return () => [...given].find((name) => given.has(`no-${name}`)) ?? null
}

/** The commander program of the table; `act` is called with what was parsed. */
export function buildProgram(
  act: (row: CommandRow, args: readonly string[], options: Record<string, unknown>) => Promise<void>,
  helpWidth = HELP_WIDTH,
): Command {
  const program = new Command('village').description(ABOUT).version(VERSION)
  program.configureHelp({ helpWidth, showGlobalOptions: false })
  const families = new Map<string, Command>()
  const configure = (command: Command) =>
    command
      .exitOverride()
      .configureHelp({ helpWidth })
      .configureOutput({ outputError() {}, writeErr() {} })
      .showSuggestionAfterError(true)
  configure(program)
  for (const option of SHARED_OPTIONS) addOption(program, option)
  for (const row of COMMANDS) {
    const [first = '', second] = row.name.split(' ')
    let parent = program
    if (second !== undefined) {
      const known = families.get(first)
      parent =
        known ??
        configure(program.command(first))
          .description(FAMILY_SUMMARIES[first] ?? '')
          .helpGroup(`${row.group}:`)
      // Every other list is asked for by its plural.
      if (first === 'model' && known === undefined) parent.alias('models')
      families.set(first, parent)
    }
    const command = configure(parent.command(second ?? first, { isDefault: row.isDefault === true }))
      .description(row.summary)
      .allowExcessArguments(false)
    if (second === undefined) command.helpGroup(`${row.group}:`)
    for (const [argument, doc] of row.args ?? []) command.argument(argument, doc)
    for (const option of [...(row.options ?? []), ...SHARED_OPTIONS]) addOption(command, option)
    command.addHelpText('after', exampleText(row.name))
    const opposites = followOpposites(command)
    command.action(async () => {
      const both = opposites()
      if (both !== null) throw new VillageError('USAGE', `Give one of --${both} and --no-${both}`)
      await act(
        row,
        command.processedArgs.flat().filter((arg) => arg !== undefined),
        command.optsWithGlobals(),
      )
    })
  }
  program.addHelpText(
    'after',
    `\nExit codes:\n${Object.values(EXIT_CODES)
      .map(({ code, doc }) => `  ${String(code).padEnd(4)} ${doc}`)
      .join('\n')}\n`,
  )
  return program
}

const columnsOf = ({ stdout, environment }: CommandLineInit): number | null =>
  screenColumns(stdout.columns || null, environment.COLUMNS)

function contextOf(
  init: CommandLineInit,
  args: readonly string[],
  options: CommandContext['options'],
): CommandContext {
  const json = options.json === true
  const named =
    typeof options.config === 'string' ? options.config : (init.environment.VILLAGE_CONFIG ?? null)
  const sources: ConfigSources = {
    named,
    shipped: existsSync(SHIPPED_CONFIG) ? SHIPPED_CONFIG : null,
    environment: init.environment,
    arguments: Object.fromEntries(
      // Configuration keys are the options with a dot, and `profile`.
      Object.entries(options).filter(
        (entry): entry is [string, string] =>
          typeof entry[1] === 'string' && (entry[0].includes('.') || entry[0] === 'profile'),
      ),
    ),
  }
  const note = (line: string) => void (json || init.stderr.write(`${line}\n`))
  return {
    args,
    options,
    signal: init.signal,
    onHangup: init.onHangup ?? (() => () => {}),
    json,
    sources,
    config: async () => (await resolveConfig(sources)).config,
    async client() {
      // Of the whole configuration only this is needed: a daemon is reached also where its file is broken.
      const directory = await dataDirectoryOf(sources)
      const { version, ...daemon } = await findDaemon(directory)
      const skew = versionSkew(version, VERSION)
      if (skew !== null) note(skew)
      return createClient({ ...daemon, directory, signal: init.signal })
    },
    progress: (title) => createProgress(title, init.stderr, !json),
    // Some terminals say that they have none: nobody knows then.
    columns: init.stdout.columns ? columnsOf(init) : null,
    // https://no-color.org: any value but an empty one.
    styled:
      init.stdout.columns !== undefined && !init.environment.NO_COLOR && init.environment.TERM !== 'dumb',
    write: (text) => init.stdout.write(text),
    note,
  }
}

/** The first argument of `search` and `ask`. */
const TAKES_TEXT = /^<(?:query|question)\.\.\.>$/

/** commander's own failures as a USAGE error; help and version are no failures. */
function usageError(error: CommanderError, args: readonly string[]): VillageError {
  // A word that is no command of a family is taken by commander for an argument of the family's default command.
  const at = args.findIndex((arg) => FAMILY_SUMMARIES[arg] !== undefined)
  const [family = '', word = ''] = at < 0 ? [] : args.slice(at)
  if (error.code === 'commander.excessArguments' && word !== '' && !word.startsWith('-')) {
    const known = COMMANDS.map((row) => row.name.split(' ')).flatMap(([first, second]) =>
      first === family && second !== undefined ? [second] : [],
    )
    const suggestion = nearest(word, known)
    if (!known.includes(word))
      return new VillageError(
        'USAGE',
        `${family} has no command "${word}"; ${suggestion === null ? `it has ${known.join(', ')}` : `did you mean ${suggestion}?`}`,
      )
  }
  const freeText = COMMANDS.find(
    ({ name, args: taken }) => args.includes(name) && TAKES_TEXT.test(taken?.[0]?.[0] ?? ''),
  )
  const dashed = /'(-[^-'][^']+)'/.exec(error.message)?.[1]
  if (error.code === 'commander.unknownOption' && freeText !== undefined && dashed !== undefined)
    return new VillageError(
      'USAGE',
      `${dashed} was read as an option; words that begin with a dash go after "--": village ${freeText.name} -- ${dashed}`,
    )
  return new VillageError('USAGE', error.message.replace(/^error: /, '').replace(/\n/g, ' '))
}

function printError(init: CommandLineInit, error: VillageError, json: boolean): void {
  const { code, message, fix, fields } = error
  if (json) init.stdout.write(`${JSON.stringify({ error: { code, message, fix, fields } }, null, 2)}\n`)
  else init.stderr.write(`error ${code}: ${printable(message)}\nfix: ${fix}\n`)
}

/** Runs one command line; returns the exit code and never throws. */
export async function runCommandLine(init: CommandLineInit): Promise<number> {
  const json = init.arguments.includes('--json')
  let exitCode: number = EXIT_CODES.ok.code
  let running: CommandRow | null = null
  // Some terminals say that they have no columns at all.
  const width = columnsOf(init) ?? HELP_WIDTH
  const helpWidth = Math.min(HELP_WIDTHS.most, Math.max(HELP_WIDTHS.least, width))
  const program = buildProgram(async (row, args, options) => {
    running = row
    const context = contextOf(init, args, options as CommandContext['options'])
    const run = await row.load()
    const result: CommandResult = await onScreen(columnsOf(init), () => run(context))
    const document = result.document === undefined ? '' : JSON.stringify(result.document, null, 2)
    const text = json ? document : result.text
    if (text !== '') init.stdout.write(`${text}\n`)
    exitCode = result.exitCode ?? exitCode
  }, helpWidth)
  program.configureOutput({
    writeOut: (text) => void init.stdout.write(text),
    outputError() {},
    writeErr() {},
  })
  for (const command of [...program.commands, ...program.commands.flatMap((family) => family.commands)])
    command.copyInheritedSettings(program)
  try {
    if (init.arguments.length === 0) init.stdout.write(program.helpInformation())
    else await program.parseAsync([...init.arguments], { from: 'user' })
    return exitCode
  } catch (thrown) {
    // Options, but no command.
    if (thrown instanceof CommanderError && thrown.code === 'commander.help') {
      init.stdout.write(program.helpInformation())
      return EXIT_CODES.ok.code
    }
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return EXIT_CODES.ok.code
    const error =
      thrown instanceof CommanderError ? usageError(thrown, init.arguments) : toVillageError(thrown)
    printError(
      init,
      init.signal.aborted && error.code !== 'ABORTED'
        ? new VillageError('ABORTED', undefined, { cause: thrown })
        : inOptionsOf(running, error),
      json,
    )
    return init.signal.aborted ? EXIT_CODES.interrupted.code : exitCodeOf(error.code)
  }
}
