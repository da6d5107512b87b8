import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CommandContext } from '../../node/cli/command.ts'
import { launchdPlist } from '../../node/cli/service/launchd.ts'
import { runitScript } from '../../node/cli/service/runit.ts'
import {
  installService,
  type Machine,
  serviceStatus,
  uninstallService,
} from '../../node/cli/service/service.ts'
import { planService, type ServicePlan, type ThisProgram } from '../../node/cli/service/service-plan.ts'
import { systemdUnit } from '../../node/cli/service/systemd.ts'
import { DEFAULT_CONFIG } from '../../node/config.ts'
import { VERSION } from '../../node/version.ts'

const PROGRAM: ThisProgram = {
  node: process.execPath,
  nodeArguments: ['--a-flag'],
  main: '/opt/village/main.ts',
}

function context(options: CommandContext['options'], dataDirectory = '/srv/ana/.village'): CommandContext {
  const unused = (): never => assert.unreachable() as never
  return {
    args: [],
    options,
    signal: new AbortController().signal,
    json: false,
    sources: { named: null, shipped: null, environment: {}, arguments: {} },
    onHangup: () => () => {},
    config: async () => ({ ...DEFAULT_CONFIG, 'data.dir': dataDirectory }),
    client: unused,
    progress: unused,
    columns: null,
    styled: false,
    write: unused,
    note: unused,
  }
}

const plan = (options: CommandContext['options'] = {}, dataDirectory?: string): ServicePlan =>
  planService(context(options), { 'data.dir': dataDirectory ?? '/srv/ana/.village' }, PROGRAM)

test('what a service runs is what was installed, with its data directory and configuration', () => {
  assert.equal(plan().command, [
    ...[process.execPath, '--a-flag', '/opt/village/main.ts', 'start'],
    ...['--data.dir', '/srv/ana/.village'],
  ])
  assert.equal(plan({ system: true }).dataDirectory, '/var/lib/village')
  assert.equal(plan({ system: true, 'data.dir': '/srv/v' }, '/srv/v').dataDirectory, '/srv/v')
  assert.equal(plan({ config: '/etc/village.json' }).command.slice(-2), ['--config', '/etc/village.json'])
  assert.equal(plan({ memory: '2GB' }).memoryBytes, 2e9)
  assert.equal(plan({ memory: '512 MiB' }).memoryBytes, 2 ** 29)
  const wrong: CommandContext['options'][] = [
    { memory: '2' },
    { memory: '1MB' },
    { cpus: '0' },
    { cpus: 'all' },
    { user: 'ana' },
    { system: true, user: 'Ana Maria' },
  ]
  for (const options of wrong)
    assert.throws(
      () => plan(options),
      (error: { code: string }) => error.code === 'USAGE',
      JSON.stringify(options),
    )
})

test('words of a unit, a script and a list are taken literally', () => {
  const odd = plan({}, `/srv/a b/%h/$HOME/"q"/it's/<x>&y`)
  const unit = systemdUnit(odd)
  assert.ok(unit.includes(String.raw`"/srv/a b/%%h/$$HOME/\"q\"/it's/<x>&y"`), unit)
  assert.ok(
    unit.includes(
      String.raw`Environment="NODE_COMPILE_CACHE=/srv/a b/%%h/$HOME/\"q\"/it's/<x>&y/compile-cache"`,
    ),
  )
  assert.ok(runitScript(odd).includes(`'/srv/a b/%h/$HOME/"q"/it'\\''s/<x>&y'`))
  assert.ok(launchdPlist(odd).includes(`<string>/srv/a b/%h/$HOME/"q"/it's/&lt;x&gt;&amp;y</string>`))
})

test('a shell runs the command of a runit script as it was meant', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'village-service-'))
  try {
    // Stands where chpst(8) would, and says what it was given.
    const bin = path.join(directory, 'bin')
    await mkdir(bin)
    await writeFile(path.join(bin, 'chpst'), '#!/bin/sh\nprintf "%s\\n" "$@" "$NODE_COMPILE_CACHE"\n', {
      mode: 0o755,
    })
    const odd = plan({ system: true, 'data.dir': `/srv/it's a "b" $c` }, `/srv/it's a "b" $c`)
    const { stdout } = spawnSync('sh', ['-c', runitScript(odd)], {
      env: { PATH: `${bin}:/bin:/usr/bin` },
      encoding: 'utf8',
    })
    const cache = `/srv/it's a "b" $c/compile-cache`
    assert.equal(stdout.trimEnd().split('\n'), ['-u', 'village', ...odd.command, cache])
  } finally {
    await rm(directory, { recursive: true })
  }
})

const EXPOSURE_LIMIT = 3
const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0
const withSystemd = hasSystemd ? test : test.skip
if (!hasSystemd) console.log('skipped: systemd-analyze is not there')

for (const [what, options] of [
  ['with its sandbox', {}],
  ['without its sandbox', { sandbox: false }],
  ['with caps', { memory: '2GB', cpus: '1.5' }],
] as const)
  withSystemd(`systemd reads the unit ${what}, and finds little to attack in it`, async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'village-unit-'))
    try {
      const file = path.join(directory, 'village.service')
      const program = path.join(directory, 'a b%c$d')
      await symlink(process.execPath, program)
      const data = path.join(directory, 'data')
      const given = context({ ...options, system: true, user: 'daemon', 'data.dir': data })
      const made = planService(given, { 'data.dir': data }, { ...PROGRAM, node: program })
      await writeFile(file, systemdUnit(made))
      const verified = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' })
      // Other units of the machine may have faults of their own.
      const ours = `${verified.stdout}${verified.stderr}`
        .split('\n')
        .filter((line) => line.includes('village'))
      assert.equal(ours, [])
      const security = spawnSync(
        'systemd-analyze',
        ['security', '--offline=true', '--no-pager', `--threshold=${EXPOSURE_LIMIT * 10}`, file],
        { encoding: 'utf8' },
      )
      const exposure = Number(/exposure level for .*: ([\d.]+)/.exec(security.stdout)?.[1])
      assert.ok(exposure <= EXPOSURE_LIMIT, `exposure ${exposure}: ${security.stdout}${security.stderr}`)
    } finally {
      await rm(directory, { recursive: true })
    }
  })

/** A machine whose service manager does nothing, and of which every order is kept. */
async function withMachine(
  init: { answers?: Record<string, { exitCode: number; output: string }>; isRoot?: boolean },
  use: (machine: Machine, told: string[], home: string) => Promise<void>,
): Promise<void> {
  const home = await mkdtemp(path.join(tmpdir(), 'village-home-'))
  const told: string[] = []
  const machine: Machine = {
    places: { home, configHome: null },
    program: PROGRAM,
    isRoot: init.isRoot ?? false,
    exists: (file) =>
      stat(file).then(
        () => true,
        () => false,
      ),
    async run(command) {
      told.push(command.join(' '))
      return init.answers?.[command.join(' ')] ?? { exitCode: 0, output: '' }
    },
  }
  try {
    await use(machine, told, home)
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}

test('a service is installed, told of, found current, and removed; the data stays', () =>
  withMachine({}, async (machine, told, home) => {
    const data = path.join(home, 'data')
    const given = context({ manager: 'systemd' }, data)
    const file = path.join(home, '.config/systemd/user/village.service')
    const before = await serviceStatus(given, machine)
    assert.equal(before.document, {
      manager: 'systemd',
      file,
      installed: false,
      running: false,
      current: false,
      version: null,
      installation: VERSION,
    })
    assert.is(before.exitCode, 3)
    await installService(given, machine)
    assert.equal(told.splice(0), [
      'systemctl --user daemon-reload',
      'systemctl --user enable village.service',
      'systemctl --user restart village.service',
    ])
    assert.ok((await readFile(file, 'utf8')).includes(`"--data.dir" "${data}"`))
    assert.is((await stat(data)).mode & 0o777, 0o700)
    assert.equal((await serviceStatus(given, machine)).document, {
      manager: 'systemd',
      file,
      installed: true,
      running: true,
      current: true,
      version: null,
      installation: VERSION,
    })
    // An upgrade of the installation under a daemon that goes on: it says so.
    await writeFile(path.join(data, 'api.json'), '{"version": "0.0.9"}')
    const older = await serviceStatus(given, machine)
    assert.is((older.document as { version: string }).version, '0.0.9')
    assert.match(older.text, /0\.0\.9 \(this installation is .*: restart the service/)
    const moved = { ...machine, program: { ...PROGRAM, main: '/elsewhere/main.ts' } }
    assert.is(((await serviceStatus(given, moved)).document as { current: boolean }).current, false)
    await writeFile(path.join(data, 'precious'), 'x')
    told.splice(0)
    await uninstallService(given, machine)
    assert.equal(told, ['systemctl --user disable --now village.service', 'systemctl --user daemon-reload'])
    assert.not(await machine.exists(file))
    assert.is(await readFile(path.join(data, 'precious'), 'utf8'), 'x')
  }))

const refused = (code: string) => (error: { code: string }) => error.code === code

async function rejects(work: Promise<unknown>, code: string): Promise<void> {
  const error = await work.then(
    () => null,
    (thrown: { code: string }) => thrown,
  )
  assert.ok(error !== null && refused(code)(error), `wanted ${code}, got ${error?.code}`)
}

test('what cannot be done is refused, and nothing is written', () =>
  withMachine(
    { answers: { 'id -u village': { exitCode: 1, output: 'no such user' } } },
    async (machine, told) => {
      const manager = 'systemd'
      await rejects(installService(context({ manager, system: true }), machine), 'SERVICE_NEEDS_ROOT')
      const root = { ...machine, isRoot: true }
      await rejects(installService(context({ manager, system: true }), root), 'SERVICE_USER_UNKNOWN')
      await rejects(installService(context({ manager: 'runit' }), machine), 'USAGE')
      await rejects(installService(context({ manager: 'launchd', memory: '1GB' }), machine), 'USAGE')
      await rejects(installService(context({ manager: 'cron' }), machine), 'USAGE')
      await rejects(uninstallService(context({ manager }), machine), 'SERVICE_NOT_INSTALLED')
      assert.equal(
        told.filter((line) => !line.startsWith('id ')),
        [],
      )
    },
  ))

test('a manager that refuses is quoted', () =>
  withMachine(
    { answers: { 'systemctl --user daemon-reload': { exitCode: 1, output: 'Failed to connect to bus' } } },
    async (machine, _told, home) => {
      const work = installService(context({ manager: 'systemd' }, path.join(home, 'data')), machine)
      const error = (await work.catch((thrown: unknown) => thrown)) as { code: string; message: string }
      assert.is(error.code, 'SERVICE_FAILED')
      assert.ok(error.message.includes('Failed to connect to bus'))
    },
  ))

test('printing changes nothing', () =>
  withMachine({}, async (machine, told, home) => {
    const result = await installService(
      context({ manager: 'launchd', print: true }, path.join(home, 'data')),
      machine,
    )
    assert.ok(result.text.startsWith('<?xml'))
    assert.equal(told, [])
    assert.not(await machine.exists(path.join(home, 'data')))
  }))

test.run()
