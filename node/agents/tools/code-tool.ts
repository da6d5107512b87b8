/**
 * The tool `code_run`: a program in the sandbox, with files in and files out. Each run has a home directory of its own in memory that is
 * gone with it. There is no run without the sandbox (SANDBOX_UNAVAILABLE).
 */
import type { Sandbox } from '../../compute/sandbox/sandbox.ts'
import type { LimitHit, SandboxLimits, SandboxResult } from '../../compute/sandbox/sandbox-job.ts'
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { oneOf, several, takes, tool, untrusted, whole, words } from './define-tool.ts'
import type { FileToolInit } from './file-tools.ts'
import { readWholeText } from './file-tools.ts'
import type { Tool, ToolContext } from './tool.ts'

export interface CodeToolComponents {
  readonly sandbox: Pick<Sandbox, 'run'>
  /** What this node may use of its machine. */
  readonly resources: { snapshot(): { readonly memoryBytes: number } }
}

const MIB = 2 ** 20
const MAX_CODE_CHARACTERS = 100_000
const MAX_GIVEN_CHARACTERS = 1_000_000
const MAX_GIVEN_FILES = 16
const MAX_READ_BYTES = 16 * MIB
const DEFAULT_SECONDS = 30
const MAX_SECONDS = 300
const KEPT_FILES = 16
const KEPT_BYTES = 256 * 1024
const OUTPUT_BYTES = 64 * 1024
/** Waiting is no work, but it holds a place: the wall is this much further than the processor's time. */
const WALL_FACTOR = 2
/** Of a program with all that it starts and its files: so much, or this share of what the node may use. */
const MEMORY_BYTES = 1024 * MIB
const MEMORY_SHARE = 0.5

const LANGUAGES = {
  python: { file: 'program.py', command: ['python3', '-I', 'program.py'] },
  sh: { file: 'program.sh', command: ['sh', 'program.sh'] },
  // Addresses are bounded: as many threads as it likes to start would not fit.
  node: {
    file: 'program.mjs',
    command: ['node', '--v8-pool-size=1', '--max-old-space-size=256', 'program.mjs'],
  },
} as const
export type CodeLanguage = keyof typeof LANGUAGES
export const CODE_LANGUAGES = Object.keys(LANGUAGES) as CodeLanguage[]

interface CodeArguments {
  readonly language: CodeLanguage
  readonly code: string
  readonly files?: Readonly<Record<string, string>>
  readonly paths?: readonly string[]
  readonly stdin?: string
  readonly seconds?: number
}

/** What each bound means, for people and for a model that is to do better. */
const LIMITS_SAID: Readonly<Record<LimitHit, string>> = {
  wall: 'it ran longer than it may',
  cpu: 'it used more processor time than it may',
  memory: 'it took more memory than it may',
  files: 'it wrote more to its directory than it may',
  output: 'it printed more than it may',
  processes: 'it filled the number of processes that it may have, and did not end',
}

function limitsFor(seconds: number, memoryBytes: number): SandboxLimits {
  return {
    wallMs: seconds * WALL_FACTOR * 1000,
    cpuSeconds: seconds,
    memoryBytes,
    // Open files are shared out among them: Node needs more than 16.
    processes: 16,
    fileBytes: 64 * MIB,
    outputBytes: OUTPUT_BYTES,
  }
}

/** Null for bytes that are no text. */
function asText(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return null
  }
}

function summaryOf({ exitCode, limitHit, signal }: SandboxResult): string {
  if (limitHit !== null) return `the program was stopped: ${LIMITS_SAID[limitHit]}`
  if (exitCode === 0) return 'the program ended well'
  return signal === null
    ? `the program ended with exit code ${exitCode}`
    : `the program was ended by signal ${signal}`
}

export function codeResult(result: SandboxResult): JsonObject {
  const kept = [...(result.kept?.files ?? [])]
  return {
    ok: result.exitCode === 0,
    exitCode: result.exitCode,
    signal: result.signal,
    limit: result.limitHit,
    said: summaryOf(result),
    stdout: result.stdout,
    stderr: result.stderr,
    files: Object.fromEntries(
      kept.flatMap(([name, bytes]) => {
        const text = asText(bytes)
        return text === null ? [] : [[name, text]]
      }),
    ),
    binary: kept.flatMap(([name, bytes]) =>
      asText(bytes) === null ? [{ name, base64: Buffer.from(bytes).toString('base64') }] : [],
    ),
    filesCut: result.kept?.cut ?? false,
  }
}

/** Texts of granted folders by the names of their files. Throws what `file_read` throws. */
async function readPaths(
  paths: readonly string[],
  init: FileToolInit,
  context: ToolContext,
): Promise<Record<string, string>> {
  const texts: Record<string, string> = {}
  let room = MAX_READ_BYTES
  for (const given of paths) {
    const { name, text, sizeBytes } = await readWholeText(given, init, { context, maxBytes: room })
    if (Object.hasOwn(texts, name))
      throw new VillageError('INVALID_ARGUMENT', `Two files for the program are named ${name}.`)
    texts[name] = text
    room -= sizeBytes
  }
  return texts
}

export function codeRunTool({ sandbox, resources }: CodeToolComponents, init: FileToolInit): Tool {
  return tool<CodeArguments>({
    name: 'code_run',
    description:
      'Runs a program in a sandbox without network or access to this machine, and gives what it prints, its exit code and the files that it leaves. Standard library only is certain. Files that are given lie in the directory that it starts in.',
    parameters: takes(
      {
        language: oneOf('The language of the program.', ...CODE_LANGUAGES),
        code: words('The whole program.', MAX_CODE_CHARACTERS),
        files: {
          type: 'object',
          description: 'Texts that it can read, by file name.',
          maxProperties: MAX_GIVEN_FILES,
          propertyNames: { pattern: '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$' },
          additionalProperties: { type: 'string', maxLength: MAX_GIVEN_CHARACTERS },
        },
        paths: {
          ...several(words('A text file in a granted folder.', 1024), 1, MAX_GIVEN_FILES),
          description: 'Files of granted folders that it can read, by the last part of their names.',
        },
        stdin: {
          type: 'string',
          maxLength: MAX_GIVEN_CHARACTERS,
          description: 'What it reads as its input.',
        },
        seconds: whole('Processor time that it may use; waiting included, twice as long.', 1, MAX_SECONDS),
      },
      'language',
      'code',
    ),
    effect: 'change',
    scope: 'operate',
    cost: { latencyMs: 1000, cpuSeconds: 1, leavesNode: false },
    async run({ language, code, files, paths, stdin, seconds }, context) {
      const { signal, progress } = context
      const { file, command } = LANGUAGES[language]
      const mayUseBytes = Math.floor(resources.snapshot().memoryBytes * MEMORY_SHARE)
      const read = paths === undefined ? {} : await readPaths(paths, init, context)
      progress(`running ${language} in the sandbox`)
      const result = await sandbox.run(
        {
          files: { ...read, ...files, [file]: code },
          command,
          ...(stdin === undefined ? {} : { stdin }),
          keep: { files: KEPT_FILES, bytes: KEPT_BYTES },
          limits: limitsFor(seconds ?? DEFAULT_SECONDS, Math.min(MEMORY_BYTES, mayUseBytes)),
        },
        signal,
      )
      // What a program prints may be anything that it was given to read.
      return untrusted(summaryOf(result), codeResult(result))
    },
  })
}
