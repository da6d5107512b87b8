/** Runs attacks on the sandbox against a server and a secret of this machine, and looks at what came of them. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Sandbox } from '../../node/compute/sandbox/sandbox.ts'
import type { SandboxJob, SandboxResult } from '../../node/compute/sandbox/sandbox-job.ts'
import { ATTACK_LIMITS, ATTACK_PRELUDE, type Attack, type Targets } from './sandbox-attacks.ts'

const KEEP = { files: 4, bytes: 10_000 }

/** A server and a secret for them to aim at. */
export async function openTargets(): Promise<Targets> {
  const directory = mkdtempSync(path.join(tmpdir(), 'village-attack-'))
  const secret = `secret-${process.pid}-${Date.now()}`
  const secretFile = path.join(directory, 'secret.txt')
  writeFileSync(secretFile, secret, { mode: 0o644 })
  const socketFile = path.join(directory, 'server.sock')
  const abstractName = `village-attack-${process.pid}`
  let reached = 0
  const servers: Server[] = []
  const listen = async (...given: [number, string] | [string]) => {
    const server = createServer((socket) => {
      reached += 1
      socket.destroy()
    })
    servers.push(server)
    await new Promise<void>((resolve) =>
      given.length === 2 ? server.listen(...given, resolve) : server.listen(given[0], resolve),
    )
    return server
  }
  const tcp = await listen(0, '127.0.0.1')
  await listen(socketFile)
  await listen(`\0${abstractName}`)
  return {
    ...{ secretFile, secret, socketFile, abstractName, pid: process.pid },
    port: (tcp.address() as { port: number }).port,
    reached: () => reached,
    async close() {
      for (const server of servers) await new Promise((resolve) => server.close(resolve))
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

export interface AttackOutcome {
  readonly attack: Attack
  readonly result: SandboxResult
  /** What is wrong; empty where it was stopped, told, and nothing came out. */
  readonly problems: readonly string[]
}

export async function runAttack(sandbox: Sandbox, attack: Attack, targets: Targets): Promise<AttackOutcome> {
  const job: SandboxJob = {
    files: { 'program.py': ATTACK_PRELUDE + attack.source(targets) },
    command: ['python3', '-I', '-S', 'program.py', markOf(targets)],
    keep: KEEP,
    limits: { ...ATTACK_LIMITS, ...attack.limits },
  }
  const result = await sandbox.run(job, new AbortController().signal)
  const problems: string[] = []
  const kept = [...(result.kept?.files.keys() ?? [])].sort()
  const everything = `${result.stdout}${result.stderr}${[...(result.kept?.files.values() ?? [])].map((bytes) => Buffer.from(bytes).toString('latin1')).join('')}`
  if (result.limitHit !== attack.endsBy)
    problems.push(`it ended by ${result.limitHit}, not by ${attack.endsBy}`)
  if (attack.signal !== undefined && result.signal !== attack.signal)
    problems.push(`it ended by the signal ${result.signal}, not ${attack.signal}`)
  if (attack.endsBy === null && attack.signal === undefined && result.exitCode !== 0)
    problems.push(`it ended with ${result.exitCode}: ${result.stderr.slice(-200)}`)
  for (const line of result.stdout.split('\n')) if (line.startsWith('ESCAPED')) problems.push(line)
  if (everything.includes(targets.secret)) problems.push('the secret came out')
  for (const name of kept)
    if (!(attack.kept ?? []).includes(name)) problems.push(`the file ${JSON.stringify(name)} came out`)
  if (attack.kept?.includes('good') === true && !kept.includes('good')) problems.push('the good file is lost')
  if (targets.reached() > 0) problems.push('a server of this machine was reached')
  return { attack, result, problems }
}

const markOf = ({ abstractName }: Targets) => `mark-${abstractName}`

/** Processes of attacks that are still there, mounts of sandboxes, and control groups made for them. */
export function leftBehind(targets: Targets): string[] {
  const found: string[] = []
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      if (readFileSync(`/proc/${name}/cmdline`, 'latin1').includes(markOf(targets)))
        found.push(`process ${name}`)
    } catch {
      // it has ended
    }
  }
  if (readFileSync('/proc/self/mountinfo', 'utf8').includes('/newroot')) found.push('a mount')
  for (const place of ['/dev/shm', tmpdir(), '/home', '/run'])
    if (existsSync(path.join(place, 'program.py'))) found.push(`${place}/program.py`)
  return found
}
