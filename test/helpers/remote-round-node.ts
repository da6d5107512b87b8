/** The other end of round-process.ts. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { RunView } from '../../node/federated/rounds/run-view.ts'
import type { RoundCall } from './round-process.ts'

const SCRIPT = fileURLToPath(new URL('./round-process.ts', import.meta.url))
const children = new Set<ChildProcess>()

export class RemoteRoundNode {
  readonly directory: string
  readonly scoringsFile: string
  child: ChildProcess
  peer = ''
  private asking: Promise<unknown> = Promise.resolve()

  constructor(directory: string) {
    this.directory = directory
    this.scoringsFile = path.join(directory, 'scorings.txt')
    this.child = this.fork()
  }

  private fork(): ChildProcess {
    const child = fork(SCRIPT, [this.directory, this.scoringsFile], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    children.add(child)
    return child
  }

  async ready(): Promise<this> {
    this.peer = await this.hear<string>('ready')
    return this
  }

  private hear<T>(call: string): Promise<T> {
    const { child } = this
    return new Promise((resolve, reject) => {
      const done = (settle: () => void) => {
        child.off('message', listen)
        child.off('exit', gone)
        settle()
      }
      const listen = (message: { call: string; value?: T; error?: string }) => {
        if (message.call !== call) return
        if (message.error === undefined) done(() => resolve(message.value as T))
        else done(() => reject(new Error(message.error)))
      }
      const gone = (code: number | null) => done(() => reject(new Error(`the process ended with ${code}`)))
      child.on('message', listen)
      child.on('exit', gone)
    })
  }

  /** One question at a time: answers carry no number. */
  ask<T>(message: RoundCall): Promise<T> {
    const answer = this.asking.then(() => {
      const heard = this.hear<T>(message.call)
      this.child.send(message)
      return heard
    })
    this.asking = answer.catch(() => undefined)
    return answer
  }

  view(run: string): Promise<RunView | null> {
    return this.ask<RunView | null>({ call: 'view', run })
  }

  async kill(): Promise<void> {
    const gone = once(this.child, 'exit')
    this.child.kill('SIGKILL')
    await gone
    children.delete(this.child)
    this.asking = Promise.resolve()
  }

  async restart(): Promise<void> {
    this.child = this.fork()
    await this.ready()
  }

  /** How often each candidate was scored here, over all lives of the process. */
  async scorings(): Promise<Map<string, number>> {
    const counts = new Map<string, number>()
    const text = await readFile(this.scoringsFile, 'utf8').catch(() => '')
    for (const line of text.split('\n')) if (line !== '') counts.set(line, (counts.get(line) ?? 0) + 1)
    return counts
  }
}

export function killRemoteRoundNodes(): void {
  for (const child of children) child.kill('SIGKILL')
  children.clear()
}

/** A village of processes: the first founds it. */
export async function startRemoteRoundVillage(directories: readonly string[]): Promise<RemoteRoundNode[]> {
  const nodes = await Promise.all(directories.map((directory) => new RemoteRoundNode(directory).ready()))
  const [first, ...others] = nodes as [RemoteRoundNode, ...RemoteRoundNode[]]
  await first.ask({ call: 'create' })
  for (const node of others) {
    const { invite } = await first.ask<{ invite: string }>({ call: 'invite' })
    await node.ask({ call: 'join', invite })
  }
  return nodes
}
