/** scripts/run.js: what stands between a person's Node and the Node 24 of the project. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const LAUNCHER = path.resolve(import.meta.dirname, '../../scripts/run.js')
const posix = process.platform !== 'win32'

const launcher = suite<{ directory: string }>('launcher')
launcher.before.each((context) => {
  context.directory = mkdtempSync(path.join(tmpdir(), 'village-launcher-'))
})
launcher.after.each(({ directory }) => rmSync(directory, { recursive: true, force: true }))

interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

/** Runs a script through the launcher; `meet` gets the launcher's process at the script's first output. */
async function launch(
  directory: string,
  script: string,
  args: string[] = [],
  meet?: (child: ChildProcess, firstOutput: string) => void,
): Promise<Ended> {
  const file = path.join(directory, 'script.ts')
  writeFileSync(file, script)
  const child = spawn(process.execPath, [LAUNCHER, file, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended: Ended = { code: null, stdout: '', stderr: '' }
  child.stdout.once('data', (chunk: Buffer) => meet?.(child, String(chunk)))
  child.stdout.on('data', (chunk) => (ended.stdout += chunk))
  child.stderr.on('data', (chunk) => (ended.stderr += chunk))
  const [code] = (await once(child, 'close')) as [number | null]
  return { ...ended, code }
}

launcher(
  'runs TypeScript on Node 24 with its arguments, and passes the exit code on',
  async ({ directory }) => {
    const script = `
    const [major]: string[] = process.versions.node.split('.')
    console.log(JSON.stringify({ major: Number(major), args: process.argv.slice(2) }))
    process.exit(7)`
    const ended = await launch(directory, script, ['a', '--b=c', ''])
    assert.is(ended.code, 7, ended.stderr)
    const { major, args } = JSON.parse(ended.stdout) as { major: number; args: string[] }
    assert.ok(major >= 24)
    assert.equal(args, ['a', '--b=c', ''])
  },
)

launcher('without a script it says how it is used', async () => {
  const child = spawn(process.execPath, [LAUNCHER], { stdio: ['ignore', 'ignore', 'pipe'] })
  let stderr = ''
  child.stderr.on('data', (chunk) => (stderr += chunk))
  const [code] = (await once(child, 'close')) as [number]
  assert.is(code, 2)
  assert.match(stderr, /^usage: /)
})

launcher('a service manager’s SIGTERM reaches the script, whose exit code counts', async ({ directory }) => {
  if (!posix) return
  const script = `
    process.on('SIGTERM', () => process.exit(5))
    setInterval(() => {}, 1000)
    console.log('ready')`
  const ended = await launch(directory, script, [], (child) => child.kill('SIGTERM'))
  assert.is(ended.code, 5, ended.stderr)
})

launcher(
  'a script that dies of a signal ends the launcher with 128 and its number',
  async ({ directory }) => {
    if (!posix) return
    const script = `setInterval(() => {}, 1000)\nconsole.log(process.pid)`
    const ended = await launch(directory, script, [], (_, pid) => process.kill(Number(pid), 'SIGKILL'))
    assert.is(ended.code, 128 + 9, ended.stderr)
  },
)

launcher.run()
