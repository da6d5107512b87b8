/** `village doctor`: asks the daemon where one runs, and checks by itself where none does. */
import { loadKernels } from '../compute/kernels.ts'
import { createSandbox } from '../compute/sandbox/sandbox.ts'
import { type Check, runDoctor } from '../doctor.ts'
import { VillageError } from '../errors.ts'
import { createLog } from '../log.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { EXIT_CODES } from './exit-codes.ts'
import { printable } from './format.ts'

async function daemonChecks(context: CommandContext): Promise<Check[] | null> {
  try {
    const client = await context.client()
    const { checks } = await client.get<{ checks: Check[] }>('/api/v1/doctor')
    return [{ name: 'daemon', level: 'ok', message: `runs at ${client.url}`, fix: null }, ...checks]
  } catch (error) {
    if (error instanceof VillageError && error.code === 'DAEMON_NOT_RUNNING') return null
    throw error
  }
}

async function ownChecks(context: CommandContext): Promise<Check[]> {
  const config = await context.config()
  const kernels = loadKernels({ native: config['compute.native'] === 'off' ? 'off' : 'auto' })
  const sandbox = createSandbox({ log: createLog({ level: 'silent' }) })
  const stopped: Check = {
    name: 'daemon',
    level: 'warn',
    message: `none runs on ${config['data.dir']}`,
    fix: 'Start it with `village start`.',
  }
  return [
    stopped,
    ...(await runDoctor({ config, kernels, sandbox: sandbox.availability, daemonRunning: false })),
  ]
}

export async function doctor(context: CommandContext): Promise<CommandResult> {
  const checks = (await daemonChecks(context)) ?? (await ownChecks(context))
  const width = Math.max(...checks.map((check) => check.name.length))
  const indent = ' '.repeat(width + 6)
  const failed = checks.some((check) => check.level === 'fail')
  return {
    document: { ok: !failed, checks },
    text: checks
      .map(
        ({ level, name, message, fix }) =>
          `${level.padEnd(4)}  ${name.padEnd(width)}  ${printable(message)}${fix === null ? '' : `\n${indent}  fix: ${fix}`}`,
      )
      .join('\n'),
    exitCode: failed ? EXIT_CODES.failure.code : EXIT_CODES.ok.code,
  }
}
