/**
 * The sandbox: the one place where code that somebody or some model wrote is run. It is bubblewrap or nothing: where that
 * is not to be had, nothing is run and SANDBOX_UNAVAILABLE says what is missing. docs/sandbox.md says what it holds off.
 */
import { access, constants } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { VillageError } from '../../errors.ts'
import type { Service } from '../../lifecycle.ts'
import type { Log } from '../../log.ts'
import { findSandbox, type SandboxAvailability } from './availability.ts'
import { PROGRAM_DIRECTORIES, type SandboxTools } from './bubblewrap-arguments.ts'
import { runBubblewrap } from './run-bubblewrap.ts'
import { checkSandboxJob, type SandboxJob, type SandboxResult } from './sandbox-job.ts'

export interface SandboxInit {
  /** Programs at one time; as many as there are cores if absent. */
  readonly parallel?: number
  /** Where bubblewrap is looked for; the environment variable PATH if absent. */
  readonly searchPath?: string
}

export interface Sandbox extends Service {
  /** Programs that run at one time; more wait for their turn. */
  readonly parallel: number
  /** Tries the sandbox where it has not worked yet. */
  availability(): Promise<SandboxAvailability>
  /** Throws SANDBOX_UNAVAILABLE, and SANDBOX_PROGRAM_MISSING where the sandbox would not find this program. */
  check(program: string): Promise<void>
  /**
   * Runs a program. Throws SANDBOX_UNAVAILABLE, SANDBOX_PROGRAM_MISSING, SANDBOX_FAILED where it could not be set up,
   * INVALID_ARGUMENT for a job that cannot be run, the signal's reason when aborted, SHUTTING_DOWN when stopped.
   */
  run(job: SandboxJob, signal: AbortSignal): Promise<SandboxResult>
}

const MIB = 2 ** 20
/** Starts a second process, which a kernel before 5.14 refuses to a user who has more than a few of them elsewhere. */
const TRIAL: SandboxJob = {
  files: { 'trial.txt': 'trial' },
  command: ['sh', '-c', '(cat trial.txt)'],
  limits: {
    wallMs: 20_000,
    cpuSeconds: 10,
    memoryBytes: 256 * MIB,
    processes: 8,
    fileBytes: MIB,
    outputBytes: 4096,
  },
}

async function trial(tools: SandboxTools): Promise<string | null> {
  try {
    const { exitCode, stdout, stderr } = await runBubblewrap(tools, TRIAL, new AbortController().signal)
    return exitCode === 0 && stdout === 'trial'
      ? null
      : `exit code ${exitCode}: ${stderr.slice(0, 200)}`.trim()
  } catch (error) {
    const reason = error instanceof VillageError ? error.fields.reason : undefined
    return String(reason ?? (error as Error).message).trim()
  }
}

async function checkProgram(program: string): Promise<void> {
  const candidates = path.isAbsolute(program)
    ? [program]
    : PROGRAM_DIRECTORIES.map((directory) => path.join(directory, program))
  for (const candidate of candidates)
    if (
      await access(candidate, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return
  throw new VillageError('SANDBOX_PROGRAM_MISSING', `The sandbox has no program ${program}.`, {
    fields: { program },
  })
}

export function createSandbox(components: { log: Log }, init: SandboxInit = {}): Sandbox {
  const { log } = components
  const parallel = () => Math.max(1, init.parallel ?? availableParallelism())
  const waiting = new Set<() => void>()
  const stopping = new AbortController()
  const running = new Set<Promise<unknown>>()
  let finding: Promise<SandboxAvailability> | undefined
  let busy = 0

  async function find(): Promise<SandboxAvailability> {
    const found = await findSandbox({
      searchPath: init.searchPath ?? process.env.PATH ?? '',
      platform: process.platform,
      machine: process.arch,
      trial,
    })
    if (found.available) log.debug({ bwrap: found.tools.bwrap }, 'sandbox works')
    else log.debug({ reason: found.reason }, 'sandbox unavailable')
    return found
  }

  async function availability(): Promise<SandboxAvailability> {
    finding ??= find()
    const found = await finding
    // It may be installed meanwhile.
    if (!found.available) finding = undefined
    return found
  }

  async function turn(signal: AbortSignal): Promise<void> {
    if (busy < parallel()) {
      busy += 1
      return
    }
    await new Promise<void>((resolve, reject) => {
      const go = () => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      const leave = () => {
        waiting.delete(go)
        reject(signal.reason)
      }
      waiting.add(go)
      signal.addEventListener('abort', leave, { once: true })
    })
  }

  /** The turn goes on to the one who waits longest, or is free. */
  function passOn(): void {
    const next = waiting.values().next().value
    if (next === undefined) busy -= 1
    else {
      waiting.delete(next)
      next()
    }
  }

  async function toolsFor(program: string): Promise<SandboxTools> {
    const found = await availability()
    if (!found.available)
      throw new VillageError('SANDBOX_UNAVAILABLE', `No code is run here: ${found.reason}. ${found.fix}`, {
        fields: { reason: found.reason, advice: found.fix },
      })
    await checkProgram(program)
    return found.tools
  }

  async function runJob(job: SandboxJob, signal: AbortSignal): Promise<SandboxResult> {
    signal.throwIfAborted()
    checkSandboxJob(job)
    const tools = await toolsFor(job.command[0] ?? '')
    signal.throwIfAborted()
    await turn(signal)
    try {
      return await runBubblewrap(tools, job, signal)
    } finally {
      passOn()
    }
  }

  return {
    name: 'sandbox',
    get parallel() {
      return parallel()
    },
    availability,
    async check(program) {
      await toolsFor(program)
    },
    async start() {},
    async stop() {
      stopping.abort(new VillageError('SHUTTING_DOWN'))
      await Promise.allSettled([...running])
    },
    async run(job, signal) {
      const promise = runJob(job, AbortSignal.any([signal, stopping.signal]))
      running.add(promise)
      try {
        return await promise
      } finally {
        running.delete(promise)
      }
    },
  }
}
