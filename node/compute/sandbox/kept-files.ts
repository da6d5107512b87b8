/**
 * The files that a program leaves. They are read inside the sandbox, after every process of the program was killed, by a shell that is
 * bound by the same walls: a link leads nowhere that the program could not go itself, and nothing of this process follows it. What the
 * shell says is as hostile as the program, which could have spoken in its place: it is bounded and checked here.
 */
import { FILE_NAME, type KeepFiles, type KeptFiles } from './sandbox-job.ts'

/**
 * Runs the program, ends with its exit code, and writes a line `name base64` for each plain file. `kill -9 -1` ends all that is left of
 * the program, so that nothing changes under the reader, and nothing is left to hold the last process of the number that it may have.
 * Names with other characters than these (a line break would make two of one) are only told. A file is read to one byte more than may be kept, which tells that there was more.
 */
const SCRIPT = `
keep=$1; shift
exec SAID>&2 2>/dev/null
"$@" KEEP>&- 2>&SAID SAID>&-
code=$?
kill -9 -1
for file in * .[!.]*; do
  case $file in *[!A-Za-z0-9_.-]*)
    if [ -e "$file" ] || [ -L "$file" ]; then printf '! \n' >&KEEP; fi
    continue
  esac
  if [ -f "$file" ] && [ ! -L "$file" ] && [ -r "$file" ]; then
    printf '%s ' "$file" >&KEEP
    head -c "$keep" < "./$file" | base64 -w 0 >&KEEP
    printf '\n' >&KEEP
  elif [ -e "$file" ] || [ -L "$file" ]; then
    printf '! \n' >&KEEP
  fi
done
exit $code
`

export function keepingCommand(command: readonly string[], keep: KeepFiles, descriptor: number): string[] {
  // What the shell itself has to say of it would stand among what the program says.
  const script = SCRIPT.replaceAll('KEEP', String(descriptor)).replaceAll('SAID', String(descriptor + 1))
  return ['sh', '-c', script, 'sh', String(keep.bytes + 1), ...command]
}

const NAME_BYTES = 4096

/** What may come of the shell before it is cut off: every file in base64, with its name. */
export const keptStreamBytes = ({ files, bytes }: KeepFiles): number =>
  Math.ceil((bytes + files) / 3) * 4 + (files + 1) * NAME_BYTES

/** `given`: the files of the job, left out where they are as they were. */
export function readKept(
  stream: Buffer,
  keep: KeepFiles,
  given: Readonly<Record<string, string>>,
): KeptFiles {
  const files = new Map<string, Uint8Array>()
  const lines = stream.toString('latin1').split('\n')
  // The last line ends the one before, or was cut.
  let cut = lines.pop() !== ''
  let room = keep.bytes
  for (const line of lines) {
    const space = line.indexOf(' ')
    const name = line.slice(0, Math.max(0, space))
    const encoded = line.slice(space + 1)
    if (!FILE_NAME.test(name) || !/^[A-Za-z0-9+/]*={0,2}$/.test(encoded)) {
      cut = true
      continue
    }
    const bytes = Buffer.from(encoded, 'base64')
    if (Object.hasOwn(given, name) && bytes.equals(Buffer.from(given[name]!))) continue
    if (bytes.length > room || files.size >= keep.files || files.has(name)) {
      cut = true
      continue
    }
    room -= bytes.length
    files.set(name, bytes)
  }
  return { files, cut }
}
