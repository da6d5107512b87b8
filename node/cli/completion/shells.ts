/** Completion scripts for shells, made of the rows of the command table: nothing is asked of the daemon while somebody types. */
import type { CommandOption, CommandRow } from '../commands.ts'

/** A point of the command line at which words can follow: `` (the program), `model`, `model add`. */
interface Place {
  readonly path: string
  /** Commands that may come next, each with its summary. */
  readonly commands: ReadonlyMap<string, string>
  readonly options: readonly ShellOption[]
}

interface ShellOption {
  /** `--name` */
  readonly name: string
  readonly doc: string
  readonly takesValue: boolean
  readonly values: readonly string[]
}

function shellOption({ flags, doc, values = [] }: CommandOption): ShellOption {
  const [name = '', value] = flags.split(' ')
  return { name, doc, takesValue: value !== undefined, values }
}

/** Of a row that several words name, every word is a place; the default command of a family is the family's own place as well. */
export function placesOf(rows: readonly CommandRow[], shared: readonly CommandOption[]): Place[] {
  const commands = new Map<string, Map<string, string>>([['', new Map()]])
  const options = new Map<string, CommandOption[]>([['', []]])
  for (const { name, summary, options: own = [], isDefault } of rows) {
    const [first = '', second] = name.split(' ')
    const family = commands.get(first) ?? new Map<string, string>()
    commands.set(first, family)
    if (second === undefined) {
      commands.get('')!.set(first, summary)
      options.set(first, [...own])
      continue
    }
    if (!commands.get('')!.has(first)) commands.get('')!.set(first, '')
    family.set(second, summary)
    options.set(name, [...own])
    if (isDefault === true) options.set(first, [...own])
  }
  return [...new Set([...commands.keys(), ...options.keys()])].map((path) => ({
    path,
    commands: commands.get(path) ?? new Map(),
    options: [...(options.get(path) ?? []), ...shared].map(shellOption),
  }))
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`

/** Bash 3.2 and newer, as macOS still has it. */
export function bashScript(places: readonly Place[]): string {
  const cases = places.map(({ path, commands, options }) => {
    const names = options.map(({ name }) => name).join(' ')
    const valued = options.flatMap(({ name, takesValue }) => (takesValue ? [name] : [])).join(' ')
    const next = [...commands.keys()].join(' ')
    const known = options.flatMap(({ name, values }) => values.map((value) => `${name}=${value}`)).join(' ')
    return `    ${quoted(path)}) next=${quoted(next)}; names=${quoted(names)}; valued=${quoted(valued)}; known=${quoted(known)} ;;`
  })
  return `# Completion of village for bash: source this file, or put it where bash-completion looks.
_village_place() {
  next= names= valued= known=
  case "$1" in
${cases.join('\n')}
    *) return 1 ;;
  esac
}
_village() {
  local next names valued known place= choice word index=1 current="\${COMP_WORDS[COMP_CWORD]}"
  COMPREPLY=()
  _village_place ''
  while [ "$index" -lt "$COMP_CWORD" ]; do
    word="\${COMP_WORDS[index]}"
    index=$((index + 1))
    case " $valued " in
      # The word after it is its value.
      *" $word "*)
        if [ "$index" -eq "$COMP_CWORD" ]; then
          for choice in $known; do
            case "$choice" in
              "$word=$current"*) COMPREPLY+=("\${choice#*=}") ;;
            esac
          done
          return 0
        fi
        index=$((index + 1))
        continue
        ;;
    esac
    case " $next " in
      *" $word "*) place="\${place:+$place }$word"; _village_place "$place" ;;
    esac
  done
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$names" -- "$current")) ;;
    *) [ -n "$next" ] && COMPREPLY=($(compgen -W "$next" -- "$current")) ;;
  esac
}
complete -o default -F _village village
`
}

/** zsh reads bash's by its own bashcompinit. */
export function zshScript(places: readonly Place[]): string {
  return `#compdef village
autoload -U +X bashcompinit && bashcompinit
${bashScript(places)}`
}

const fishQuoted = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`

export function fishScript(places: readonly Place[]): string {
  const lines = places.flatMap(({ path, commands, options }) => {
    const [first = '', second] = path.split(' ')
    const here =
      first === ''
        ? '__fish_use_subcommand'
        : second === undefined
          ? `__fish_seen_subcommand_from ${first}`
          : `__fish_seen_subcommand_from ${first}; and __fish_seen_subcommand_from ${second}`
    const none =
      first !== '' && second === undefined && commands.size > 0
        ? `; and not __fish_seen_subcommand_from ${[...commands.keys()].join(' ')}`
        : ''
    const when = fishQuoted(here + none)
    return [
      ...[...commands].map(
        ([name, summary]) => `complete -c village -n ${when} -f -a ${name} -d ${fishQuoted(summary)}`,
      ),
      ...options.map(
        ({ name, doc, takesValue, values }) =>
          `complete -c village -n ${when}${takesValue ? ' -r' : ''}${values.length > 0 ? ` -f -a ${fishQuoted(values.join(' '))}` : ''} -l ${name.slice(2)} -d ${fishQuoted(doc)}`,
      ),
    ]
  })
  return `# Completion of village for fish: put this file into ~/.config/fish/completions/village.fish.\n${lines.join('\n')}\n`
}
