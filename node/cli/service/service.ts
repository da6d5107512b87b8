/** `village service install|uninstall|status`: the daemon under the machine's service manager. */
import { access, chmod, chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import path from 'node:path'
import { VillageError } from '../../errors.ts'
import { VERSION } from '../../version.ts'
import { type CommandContext, type CommandResult, optionText } from '../command.ts'
import { EXIT_CODES } from '../exit-codes.ts'
import { facts } from '../format.ts'
import { LAUNCHD } from './launchd.ts'
import type { Places, ServiceManager } from './manager.ts'
import { type ProgramResult, type RunProgram, runProgram } from './run-program.ts'
import { RUNIT } from './runit.ts'
import { planService, type ServicePlan, THIS_PROGRAM, type ThisProgram } from './service-plan.ts'
import { SYSTEMD } from './systemd.ts'

const MANAGERS: readonly ServiceManager[] = [SYSTEMD, LAUNCHD, RUNIT]
/** There while systemd is what the machine was started with (sd_booted(3)). */
const SYSTEMD_RUNS = '/run/systemd/system'

/** What the commands touch of the machine; a parameter for tests. */
export interface Machine {
  readonly places: Places
  readonly program: ThisProgram
  readonly run: RunProgram
  readonly isRoot: boolean
  exists(file: string): Promise<boolean>
}

const exists = (file: string) =>
  access(file).then(
    () => true,
    () => false,
  )

export const THIS_MACHINE: Machine = {
  places: { home: homedir(), configHome: process.env.XDG_CONFIG_HOME || null },
  program: THIS_PROGRAM,
  run: runProgram,
  isRoot: process.getuid?.() === 0,
  exists,
}

interface Service {
  readonly manager: ServiceManager
  readonly plan: ServicePlan
  readonly file: string
}

async function managerOf(named: string | null, machine: Machine): Promise<ServiceManager> {
  if (named !== null) {
    const manager = MANAGERS.find(({ name }) => name === named)
    if (manager !== undefined) return manager
    throw new VillageError('USAGE', `--manager is one of ${MANAGERS.map(({ name }) => name).join(', ')}`)
  }
  if (process.platform === 'darwin') return LAUNCHD
  if (await machine.exists(SYSTEMD_RUNS)) return SYSTEMD
  throw new VillageError('SERVICE_MANAGER_UNKNOWN')
}

async function serviceOf(context: CommandContext, machine: Machine): Promise<Service> {
  const manager = await managerOf(optionText(context, 'manager'), machine)
  const plan = planService(context, await context.config(), machine.program)
  if (manager.systemOnly && !plan.isSystem)
    throw new VillageError('USAGE', `${manager.title} has services of the whole machine only: add --system`)
  for (const [option, value] of [['--memory', plan.memoryBytes] as const, ['--cpus', plan.cpus] as const])
    if (value !== null && !manager.caps)
      throw new VillageError('USAGE', `${manager.title} cannot hold a service to ${option}`)
  return { manager, plan, file: manager.file(plan, machine.places) }
}

function needRights({ plan, file }: Service, { isRoot }: Machine): void {
  if (plan.isSystem && !isRoot) throw new VillageError('SERVICE_NEEDS_ROOT', undefined, { fields: { file } })
}

/** Who owns the data of a system service. Throws SERVICE_USER_UNKNOWN. */
async function userIds(
  { user }: ServicePlan,
  run: RunProgram,
  signal: AbortSignal,
): Promise<[number, number]> {
  const [uid, gid] = await Promise.all([run(['id', '-u', user], signal), run(['id', '-g', user], signal)])
  if (uid.exitCode === 0 && gid.exitCode === 0) return [Number(uid.output), Number(gid.output)]
  throw new VillageError('SERVICE_USER_UNKNOWN', `This machine has no user "${user}"`, { fields: { user } })
}

/** What is there keeps its owner and its rights. */
async function makeDataDirectory(plan: ServicePlan, { run }: Machine, signal: AbortSignal): Promise<void> {
  const ids = plan.isSystem ? await userIds(plan, run, signal) : null
  const made = await mkdir(plan.dataDirectory, { recursive: true, mode: 0o700 })
  if (made !== undefined && ids !== null) await chown(plan.dataDirectory, ...ids)
}

async function writeUnit({ manager, plan, file }: Service): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true })
  const temporary = `${file}.${process.pid}.new`
  try {
    await writeFile(temporary, manager.render(plan), { flag: 'wx' })
    await chmod(temporary, manager.mode)
    await rename(temporary, file)
  } finally {
    await rm(temporary, { force: true })
  }
}

/** Throws SERVICE_FAILED with what the manager said. */
async function tell(
  command: readonly string[],
  machine: Machine,
  signal: AbortSignal,
): Promise<ProgramResult> {
  const result = await machine.run(command, signal)
  signal.throwIfAborted()
  if (result.exitCode === 0) return result
  throw new VillageError('SERVICE_FAILED', `\`${command.join(' ')}\` said: ${result.output || 'nothing'}`, {
    fields: { command: command.join(' ') },
  })
}

export async function installService(context: CommandContext, machine: Machine): Promise<CommandResult> {
  const service = await serviceOf(context, machine)
  const { manager, plan, file } = service
  if (context.options.print === true) {
    const unit = manager.render(plan)
    return { document: { manager: manager.name, file, unit }, text: unit.trimEnd() }
  }
  needRights(service, machine)
  const start = context.options.start !== false
  await makeDataDirectory(plan, machine, context.signal)
  await writeUnit(service)
  for (const command of manager.installed(plan, start, file)) await tell(command, machine, context.signal)
  const advice = manager.advice(plan)
  const log = manager.log(plan)
  return {
    document: { manager: manager.name, file, dataDirectory: plan.dataDirectory, started: start, log, advice },
    text: facts([
      ['service', start ? 'installed and started' : 'installed'],
      ['manager', manager.title],
      ['file', file],
      ['data', plan.dataDirectory],
      ['log', log],
      ...(advice === null ? [] : [['also', advice] as [string, string]]),
    ]),
  }
}

export async function uninstallService(context: CommandContext, machine: Machine): Promise<CommandResult> {
  const service = await serviceOf(context, machine)
  const { manager, plan, file } = service
  if (!(await machine.exists(file)))
    throw new VillageError('SERVICE_NOT_INSTALLED', undefined, { fields: { file } })
  needRights(service, machine)
  for (const command of manager.removing(plan, file)) {
    const { exitCode, output } = await machine.run(command, context.signal)
    if (exitCode !== 0) context.note(`\`${command.join(' ')}\` said: ${output}`)
  }
  await rm(file, { force: true })
  for (const command of manager.removed(plan)) await tell(command, machine, context.signal)
  return {
    document: { manager: manager.name, file, dataDirectory: plan.dataDirectory },
    text: facts([
      ['service', 'removed'],
      ['data', `${plan.dataDirectory} stays: nothing in it was touched`],
    ]),
  }
}

/** What the daemon of a data directory wrote of itself; null where it cannot be read, as that of another user. */
async function runningVersion(dataDirectory: string): Promise<string | null> {
  try {
    const { version } = JSON.parse(await readFile(path.join(dataDirectory, 'api.json'), 'utf8')) as {
      version?: unknown
    }
    return typeof version === 'string' ? version : null
  } catch {
    return null
  }
}

export async function serviceStatus(context: CommandContext, machine: Machine): Promise<CommandResult> {
  const { manager, plan, file } = await serviceOf(context, machine)
  const installed = await machine.exists(file)
  const { exitCode, output } = installed
    ? await machine.run(manager.state(plan, file), context.signal)
    : { exitCode: null, output: '' }
  const running = installed && exitCode === 0
  // What an installation elsewhere wrote starts another program, which may be gone.
  const text = installed ? await readFile(file, 'utf8') : ''
  const current = [machine.program.node, machine.program.main].every((part) => text.includes(part))
  const version = running ? await runningVersion(plan.dataDirectory) : null
  const skew =
    version === null || version === VERSION
      ? ''
      : ` (this installation is ${VERSION}: restart the service to run it)`
  return {
    document: { manager: manager.name, file, installed, running, current, version, installation: VERSION },
    text: facts([
      [
        'service',
        installed
          ? running
            ? 'runs'
            : `does not run (${output.split('\n')[0] || 'no word'})`
          : 'not installed',
      ],
      ['manager', manager.title],
      ['file', installed ? `${file}${current ? '' : ' (starts another installation than this one)'}` : '-'],
      ...(version === null ? [] : [['version', `${version}${skew}`] as [string, string]]),
      ...(installed ? [['log', manager.log(plan)] as [string, string]] : []),
    ]),
    exitCode: running ? EXIT_CODES.ok.code : EXIT_CODES.notRunning.code,
  }
}

export const install = (context: CommandContext) => installService(context, THIS_MACHINE)
export const uninstall = (context: CommandContext) => uninstallService(context, THIS_MACHINE)
export const status = (context: CommandContext) => serviceStatus(context, THIS_MACHINE)
