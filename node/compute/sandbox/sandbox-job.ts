/** What the sandbox is asked to run, within which limits, and what it tells afterwards. */
import { VillageError } from '../../errors.ts'

export interface SandboxLimits {
  /** Time from the start of the program to its end; everything is killed then. */
  readonly wallMs: number
  /** CPU time of each process. */
  readonly cpuSeconds: number
  /** Address space of each process, and memory of all together with what lies in the home directory. */
  readonly memoryBytes: number
  /** Processes and threads at one time, the program itself among them. */
  readonly processes: number
  /** Size of the home directory, the only place that can be written. */
  readonly fileBytes: number
  /** What is kept of the output, and of the error output; a program that writes more is killed. */
  readonly outputBytes: number
}

export interface KeepFiles {
  readonly files: number
  /** Of all together. */
  readonly bytes: number
}

/** Files that a program left in its home directory, at its top, not those that it was given and left as they were. */
export interface KeptFiles {
  readonly files: ReadonlyMap<string, Uint8Array>
  /** There was more than was to be kept, or something that is not a plain file with a plain name. */
  readonly cut: boolean
}

export interface SandboxJob {
  /** Files of the home directory by name, where the program starts. */
  readonly files: Readonly<Record<string, string>>
  /** The program, found in /usr/local/bin, /usr/bin or /bin, and its arguments. */
  readonly command: readonly string[]
  readonly stdin?: string
  /** Whether the program sees /proc with its own processes; true if absent. */
  readonly proc?: boolean
  /** What is kept of the files that the program leaves; none if absent. */
  readonly keep?: KeepFiles
  readonly limits: SandboxLimits
}

/** `processes`: it ran to the end of its time with as many processes as it may have. */
export type LimitHit = 'wall' | 'cpu' | 'memory' | 'files' | 'output' | 'processes'

export interface SandboxResult {
  /** As a shell tells it: 128 + number for a program that ended by a signal. Null where the sandbox was killed. */
  readonly exitCode: number | null
  /** The number of that signal: what an exit code of 129 to 192 stands for. */
  readonly signal: number | null
  readonly stdout: string
  readonly stderr: string
  readonly timedOut: boolean
  /** Which limit ended it, where that can be told: an allocation that fails is for the program to tell. */
  readonly limitHit: LimitHit | null
  /** Where the job asked for them and the program ended by itself. */
  readonly kept?: KeptFiles
}

const MIB = 2 ** 20
const MAX_FILES = 64
const MAX_ARGUMENTS = 256
const MAX_ARGUMENT_BYTES = 65_536
const MAX_KEPT_FILES = 64
const MAX_KEPT_BYTES = 64 * MIB
export const FILE_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/

const RANGES: Readonly<Record<keyof SandboxLimits, { readonly from: number; readonly to: number }>> = {
  wallMs: { from: 1, to: 86_400_000 },
  cpuSeconds: { from: 1, to: 86_400 },
  memoryBytes: { from: 16 * MIB, to: 2 ** 50 },
  processes: { from: 1, to: 4096 },
  fileBytes: { from: 65_536, to: 2 ** 40 },
  outputBytes: { from: 1, to: 256 * MIB },
}

function refuse(message: string): never {
  throw new VillageError('INVALID_ARGUMENT', message)
}

/** Throws INVALID_ARGUMENT where a job is not one that can be run. */
export function checkSandboxJob({ files, command, limits, keep }: SandboxJob): void {
  for (const [name, { from, to }] of Object.entries(RANGES) as [
    keyof SandboxLimits,
    { from: number; to: number },
  ][]) {
    const value = limits[name]
    if (!Number.isSafeInteger(value) || value < from || value > to)
      refuse(`The limit ${name} of the sandbox is a whole number from ${from} to ${to}.`)
  }
  if (keep !== undefined && !(keep.files <= MAX_KEPT_FILES && keep.bytes <= MAX_KEPT_BYTES))
    refuse('The sandbox keeps at most 64 files of 64 MiB together.')
  const names = Object.keys(files)
  if (names.length > MAX_FILES) refuse(`The sandbox takes at most ${MAX_FILES} files.`)
  const odd = names.find((name) => !FILE_NAME.test(name))
  if (odd !== undefined)
    refuse('A file of the sandbox has a name of letters, digits, dots, dashes and underscores.')
  const sizeBytes = Object.values(files).reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  if (sizeBytes > limits.fileBytes) refuse('The files of the sandbox are larger than its limit fileBytes.')
  if (command.length === 0 || command.length > MAX_ARGUMENTS) refuse('The sandbox needs a program to run.')
  if (command.some((part) => part.includes('\0') || Buffer.byteLength(part) > MAX_ARGUMENT_BYTES))
    refuse('An argument of the program in the sandbox is too long or holds a zero byte.')
}
