import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type FindSandboxInit,
  findSandbox,
  installCommand,
} from '../../../node/compute/sandbox/availability.ts'
import { createSandbox } from '../../../node/compute/sandbox/sandbox.ts'
import { createLog } from '../../../node/log.ts'
import { rejectsCode } from '../../helpers/throws.ts'

const test = suite<{ directory: string }>('availability')

test.before.each((context) => {
  context.directory = mkdtempSync(path.join(tmpdir(), 'village-bwrap-'))
})
test.after.each(({ directory }) => rmSync(directory, { recursive: true, force: true }))

function program(directory: string, script: string): void {
  const file = path.join(directory, 'bwrap')
  writeFileSync(file, `#!/bin/sh\n${script}\n`)
  chmodSync(file, 0o755)
}

function init(searchPath: string, over: Partial<FindSandboxInit> = {}): FindSandboxInit {
  return { searchPath, platform: 'linux', machine: 'x64', trial: async () => null, ...over }
}

test('where bubblewrap is not installed, nothing is run and the way to install it is told', async ({
  directory,
}) => {
  const sandbox = createSandbox(
    { log: createLog({ level: 'silent' }) },
    { searchPath: `${directory}:relative` },
  )
  const found = await sandbox.availability()
  assert.is(found.available, false)
  const job = {
    files: {},
    command: ['sh', '-c', 'true'],
    limits: {
      wallMs: 1000,
      cpuSeconds: 1,
      memoryBytes: 2 ** 26,
      processes: 4,
      fileBytes: 2 ** 20,
      outputBytes: 100,
    },
  }
  const error = await rejectsCode(sandbox.run(job, new AbortController().signal), 'SANDBOX_UNAVAILABLE')
  assert.is((await rejectsCode(sandbox.check('sh'), 'SANDBOX_UNAVAILABLE')).message, error.message)
  if (process.platform === 'linux') assert.match(error.message, /bubblewrap is not installed. Run as root: /)
})

test('one that is too old, does not run or cannot make namespaces is no sandbox', async ({ directory }) => {
  if (process.platform !== 'linux') return console.log('skipped: bubblewrap runs on Linux only')
  program(directory, 'echo "--ro-bind --proc"')
  const old = await findSandbox(init(directory))
  assert.match(old.available ? '' : old.reason, 'too old')
  program(directory, 'exit 3')
  const broken = await findSandbox(init(directory))
  assert.match(broken.available ? '' : broken.reason, 'does not run')
  program(directory, 'echo "--json-status-fd --size --perms"')
  const works = await findSandbox(init(directory))
  assert.is(works.available && works.tools.disableUserns, false)
  assert.is(works.available, true)
  const refused = await findSandbox(init(directory, { trial: async () => 'No permissions' }))
  assert.is(refused.available, false)
  assert.ok(refused.available || refused.fix !== '')
})

test('other systems and processors are named', async ({ directory }) => {
  const mac = await findSandbox(init(directory, { platform: 'darwin' }))
  assert.match(mac.available ? '' : mac.reason, 'Linux')
  const other = await findSandbox(init(directory, { machine: 'riscv64' }))
  assert.match(other.available ? '' : other.reason, 'riscv64')
})

test('each distribution has its command', () => {
  assert.match(installCommand('NAME="Debian GNU/Linux"\nID=debian\n'), /^apt-get install bubblewrap/)
  assert.match(installCommand('ID=linuxmint\nID_LIKE="ubuntu debian"\n'), /^apt-get /)
  assert.match(installCommand('ID="rocky"\nID_LIKE="rhel centos fedora"\n'), /^dnf /)
  assert.match(installCommand("ID='arch'\n"), /^pacman /)
  assert.match(installCommand('ID="opensuse-leap"\nID_LIKE="suse opensuse"\n'), /^zypper /)
  assert.match(installCommand('ID=alpine'), /^apk add .*util-linux-misc/)
  assert.is(installCommand(''), 'bubblewrap and util-linux')
})

test.run()
