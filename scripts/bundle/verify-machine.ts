/** A machine of a verification: how a command runs on it, and its daemon. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'

const COMMAND_TIMEOUT_MS = 240_000
const START_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 30_000

export interface Machine {
  readonly name: string
  /** What strace wrote of its daemon's contacts; null where that is not watched. */
  readonly record: string | null
  /** As an ordinary user inside; standard output. Throws with what it said where it fails. */
  run(...command: string[]): string
  /** A file below the home of that user. */
  write(file: string, content: string): void
  /** Starts the daemon; resolves when it is ready. */
  start(...command: string[]): Promise<void>
  /** Orderly; its exit code. */
  stop(): Promise<number | null>
}

/**
 * `inside`: the words before a command that runs on it, in the folder `home` (outside path). `patience`: how many times longer
 * than a machine of this kind may take, because its processor is emulated.
 */
export function createMachine(init: {
  name: string
  inside: readonly string[]
  home: string
  record: string | null
  patience: number
}): Machine {
  const { name, inside, home, record, patience } = init
  const trace =
    record === null
      ? []
      : ['strace', '-f', '-qq', '--seccomp-bpf', '-e', 'trace=connect,sendto,sendmsg,sendmmsg', '-o', record]
  let daemon: ChildProcess | null = null
  return {
    name,
    record,
    run(...command) {
      const [program = '', ...args] = [...inside, ...command]
      const ended = spawnSync(program, args, {
        encoding: 'utf8',
        timeout: COMMAND_TIMEOUT_MS * patience,
        maxBuffer: 64 * 2 ** 20,
      })
      if (ended.status !== 0)
        throw new Error(`${name}: ${command.join(' ')} failed:\n${ended.stdout}${ended.stderr}`)
      return ended.stdout
    },
    write(file, content) {
      const at = path.join(home, file)
      mkdirSync(path.dirname(at), { recursive: true })
      writeFileSync(at, content)
    },
    async start(...command) {
      const [program = '', ...args] = [...trace, ...inside, ...command]
      const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
      daemon = child
      let said = ''
      child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-8_000)))
      const deadline = AbortSignal.timeout(START_TIMEOUT_MS * patience)
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
      // strace and npm's launcher stand between: the daemon says itself which process it is.
      const { pid } = JSON.parse(readFileSync(path.join(home, '.aivillage/api.json'), 'utf8')) as {
        pid: number
      }
      process.kill(pid, 'SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS * patience)
      const code = await ended
      clearTimeout(late)
      return code
    },
  }
}
