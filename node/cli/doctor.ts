/** `village doctor`: asks the daemon where one runs, and checks by itself where none does. */
import { loadKernels } from '../compute/kernels.ts'
import { createSandbox } from '../compute/sandbox/sandbox.ts'
import { type Config, DEFAULT_CONFIG } from '../config.ts'
import { type Check, runDoctor } from '../doctor.ts'
import { toVillageError, VillageError } from '../errors.ts'
import { createLog } from '../log.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { EXIT_CODES } from './exit-codes.ts'
import { counted, printable } from './format.ts'
import { serviceStatus, THIS_MACHINE } from './service/service.ts'

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

async function ownChecks(config: Config): Promise<Check[]> {
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

/** A configuration that is not valid keeps the daemon from starting: the rest is looked at with the defaults. */
async function checkConfig(context: CommandContext): Promise<{ config: Config; check: Check }> {
  const name = 'configuration'
  try {
    const config = await context.config()
    return { config, check: { name, level: 'ok', message: 'is valid', fix: null } }
  } catch (thrown) {
    const { message, fix } = toVillageError(thrown)
    return { config: DEFAULT_CONFIG, check: { name, level: 'fail', message, fix } }
  }
}

async function checkService(context: CommandContext): Promise<Check> {
  const name = 'service'
  const nothing = { name, level: 'ok', fix: null } as const
  try {
    const { document } = await serviceStatus({ ...context, options: {} }, THIS_MACHINE)
    const { file, installed, running, current } = document as Record<string, unknown>
    if (installed !== true)
      return { ...nothing, message: 'none is installed; `village service install` keeps the daemon running' }
    if (current !== true)
      return {
        ...{ name, level: 'warn', message: `${String(file)} starts another installation than this one` },
        fix: 'Run `village service install` again, if this one shall be started.',
      }
    if (running !== true)
      return {
        ...{ name, level: 'warn', message: 'is installed, and does not run' },
        fix: 'Its log says why (`village service status` names it); `village service install` starts it anew.',
      }
    return { ...nothing, message: 'runs' }
  } catch (error) {
    // A machine without a service manager, such as a container.
    return { ...nothing, message: toVillageError(error).message }
  }
}

/** The last line: what a reader of a long list looks for. Warnings alone are no failure. */
export function summaryOf(checks: readonly Pick<Check, 'level'>[]): string {
  const amount = (level: Check['level']) => checks.filter((check) => check.level === level).length
  const [failed, warned] = [amount('fail'), amount('warn')]
  if (failed === 0 && warned === 0) return `All ${checks.length} checks are fine.`
  return `${counted(failed, 'problem')}, ${counted(warned, 'warning')}, ${amount('ok')} fine.${failed === 0 ? ' The node can run as it is.' : ''}`
}

export async function doctor(context: CommandContext): Promise<CommandResult> {
  const { config, check } = await checkConfig(context)
  const [found, service] = await Promise.all([
    check.level === 'fail' ? null : daemonChecks(context),
    checkService(context),
  ])
  const [daemon, ...others] = found ?? (await ownChecks(config))
  const checks = [daemon!, check, service, ...others]
  const width = Math.max(...checks.map(({ name }) => name.length))
  const indent = ' '.repeat(width + 6)
  const failed = checks.some(({ level }) => level === 'fail')
  return {
    document: { ok: !failed, checks },
    text: `${checks
      .map(
        ({ level, name, message, fix }) =>
          `${level.padEnd(4)}  ${printable(name).padEnd(width)}  ${printable(message)}${fix === null ? '' : `\n${indent}  fix: ${fix}`}`,
      )
      .join('\n')}\n\n${summaryOf(checks)}`,
    exitCode: failed ? EXIT_CODES.failure.code : EXIT_CODES.ok.code,
  }
}
