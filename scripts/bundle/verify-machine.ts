/** A machine of the verification: a bare Debian root under its own layer of writes, and a network of its own. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { appendFileSync, chownSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'

const USER = { id: 1000, name: 'villager', home: '/home/villager' }
const COMMAND_TIMEOUT_MS = 240_000
const START_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 30_000

export interface Machine {
  readonly name: string
  /** Absolute, outside. */
  readonly root: string
  readonly record: string
  readonly isTraced: boolean
  /** As root of the machine's network, outside its file system: `ip`. */
  network(...command: string[]): void
  /** As an ordinary user inside; standard output. Throws with what it said where it fails. */
  run(...command: string[]): string
  /** A file of that user, with its path inside. */
  write(file: string, content: string): string
  /** Starts the daemon; resolves when it is ready. */
  start(...command: string[]): Promise<void>
  /** Orderly; its exit code. */
  stop(): Promise<number | null>
}

const sh = (command: string, ...args: string[]) => void execFileSync(command, args, { stdio: 'pipe' })

function layOut(name: string, init: { base: string; work: string; bundle: string }): string {
  const folder = path.join(init.work, name)
  const [upper, scratch, root] = ['upper', 'scratch', 'root'].map((part) => path.join(folder, part))
  for (const made of [upper!, scratch!, root!]) mkdirSync(made, { recursive: true })
  const options = `lowerdir=${init.base},upperdir=${upper},workdir=${scratch}`
  sh('mount', '-t', 'overlay', 'overlay', '-o', options, root!)
  sh('mount', '-t', 'proc', 'proc', path.join(root!, 'proc'))
  sh('mount', '--bind', '/dev', path.join(root!, 'dev'))
  appendFileSync(
    path.join(root!, 'etc/passwd'),
    `${USER.name}:x:${USER.id}:${USER.id}::${USER.home}:/bin/sh\n`,
  )
  writeFileSync(path.join(root!, 'etc/resolv.conf'), '')
  const home = path.join(root!, USER.home)
  mkdirSync(home, { recursive: true })
  copyFileSync(init.bundle, path.join(home, 'bundle.tar.gz'))
  chownSync(home, USER.id, USER.id)
  return root!
}

/** `holder`: a process in the machine's network; null: this process is. */
export function createMachine(
  name: string,
  init: { base: string; work: string; bundle: string; holder: number | null },
): Machine {
  const root = layOut(name, init)
  const record = path.join(init.work, `${name}.trace`)
  const isTraced = spawnSync('strace', ['--version'], { stdio: 'ignore' }).status === 0
  const enter = init.holder === null ? [] : ['nsenter', `--net=/proc/${init.holder}/ns/net`]
  const inside = [
    ...['chroot', `--userspec=${USER.id}:${USER.id}`, root, '/usr/bin/env', '-i', `HOME=${USER.home}`],
    ...['LANG=C.UTF-8', `PATH=${USER.home}/.local/bin:/usr/bin:/bin`, 'sh', '-c', `cd && exec "$@"`, 'sh'],
  ]
  const trace = isTraced
    ? ['strace', '-f', '-qq', '--seccomp-bpf', '-e', 'trace=connect,sendto,sendmsg,sendmmsg', '-o', record]
    : []
  let daemon: ChildProcess | null = null

  return {
    name,
    root,
    record,
    isTraced,
    network: (...command) => {
      const [program = '', ...args] = [...enter, ...command]
      sh(program, ...args)
    },
    run(...command) {
      const [program = '', ...args] = [...enter, ...inside, ...command]
      const ended = spawnSync(program, args, {
        encoding: 'utf8',
        timeout: COMMAND_TIMEOUT_MS,
        maxBuffer: 64 * 2 ** 20,
      })
      if (ended.status !== 0)
        throw new Error(`${name}: ${command.join(' ')} failed:\n${ended.stdout}${ended.stderr}`)
      return ended.stdout
    },
    write(file, content) {
      const at = path.join(root, USER.home, file)
      mkdirSync(path.dirname(at), { recursive: true })
      writeFileSync(at, content)
      return path.posix.join(USER.home, file)
    },
    async start(...command) {
      const [program = '', ...args] = [...enter, ...trace, ...inside, ...command]
      const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
      daemon = child
      let said = ''
      child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-8_000)))
      const deadline = AbortSignal.timeout(START_TIMEOUT_MS)
      await new Promise<void>((resolve, reject) => {
        createInterface(child.stdout).once('line', () => resolve())
        child.once('exit', () => reject(new Error(`${name}: the daemon ended:\n${said}`)))
        deadline.onabort = () => reject(new Error(`${name}: the daemon was not ready in time:\n${said}`))
      })
      child.stdout.resume()
    },
    async stop() {
      const child = daemon
      if (child?.pid === undefined || child.exitCode !== null) return child?.exitCode ?? null
      const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
      // strace passes no signal on: the daemon says itself which process it is.
      const { pid } = JSON.parse(readFileSync(path.join(root, USER.home, '.aivillage/api.json'), 'utf8')) as {
        pid: number
      }
      process.kill(pid, 'SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
      const code = await ended
      clearTimeout(late)
      return code
    },
  }
}
