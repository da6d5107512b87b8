/** What a task costs besides its work, and whether two workers do twice the work of one. */
import { type ChildProcess, fork } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { NODE_FLAGS, nodeBinary } from '../run.js'
import type { Bench } from './bench.ts'
import type { BenchCall } from './jobs-node.ts'

const SCRIPT = fileURLToPath(new URL('./jobs-node.ts', import.meta.url))
const OVERHEAD_BAR_MS = 3
const RATIO_BAR = 1.8
const TINY_TASKS = 2_000
const SPIN_TASKS = 60
const ROUNDS = 3

interface Run {
  readonly ms: number
  readonly shares: Record<string, { tasks: number }>
}

class BenchNode {
  readonly child: ChildProcess

  constructor(directory: string) {
    this.child = fork(SCRIPT, [directory], {
      execPath: nodeBinary(),
      execArgv: [...NODE_FLAGS],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
  }

  hear<T>(call: string): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void) => {
        this.child.off('message', listen)
        this.child.off('exit', gone)
        finish()
      }
      const listen = (message: { call: string; value?: T; error?: string }) => {
        if (message.call !== call) return
        settle(() =>
          message.error === undefined ? resolve(message.value as T) : reject(new Error(message.error)),
        )
      }
      const gone = () => settle(() => reject(new Error('a node of the benchmark ended')))
      this.child.on('message', listen)
      this.child.on('exit', gone)
    })
  }

  ask<T>(message: BenchCall): Promise<T> {
    const answer = this.hear<T>(message.call)
    this.child.send(message)
    return answer
  }
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!

export const jobsBench: Bench = {
  name: 'jobs',
  title: 'overhead of a task, and two workers against one',
  async run({ report, log, signal }) {
    const root = await mkdtemp(path.join(tmpdir(), 'village-bench-'))
    const nodes: BenchNode[] = []
    const stop = () => {
      for (const { child } of nodes) child.kill('SIGKILL')
    }
    signal.addEventListener('abort', stop)
    const start = async (name: string) => {
      signal.throwIfAborted()
      const node = new BenchNode(path.join(root, name))
      nodes.push(node)
      await node.hear('ready')
      return node
    }
    const timed = async (owner: BenchNode, kind: 'nothing', tasks: number) => {
      const runs: Run[] = []
      for (let round = 0; round < ROUNDS; round++)
        runs.push(await owner.ask<Run>({ call: 'run', kind, tasks }))
      return median(runs.map(({ ms }) => ms))
    }
    try {
      const owner = await start('owner')
      await owner.ask({ call: 'create' })
      log(`${TINY_TASKS} tasks that do nothing, by the owner itself`)
      await owner.ask({ call: 'accept', own: true, others: true })
      const alone = await timed(owner, 'nothing', TINY_TASKS)
      report({
        case: 'overhead by task, owner alone',
        value: alone / TINY_TASKS,
        unit: 'ms',
        better: 'lower',
        bar: OVERHEAD_BAR_MS,
      })

      // From here on the owner only owns.
      await owner.ask({ call: 'accept', own: false, others: true })
      const { invite } = await owner.ask<{ invite: string }>({ call: 'invite' })
      const first = await start('first')
      await first.ask({ call: 'join', invite })
      log(`${TINY_TASKS} tasks that do nothing, by one worker over the mesh`)
      const remote = await timed(owner, 'nothing', TINY_TASKS)
      report({
        case: 'overhead by task, one worker over the mesh',
        value: remote / TINY_TASKS,
        unit: 'ms',
        better: 'lower',
        bar: OVERHEAD_BAR_MS,
      })

      const second = await start('second')
      await second.ask({ call: 'join', invite })
      await owner.ask<Run>({ call: 'run', kind: 'spin', tasks: 12 })
      // In turn, so that whatever else the machine does meets both alike.
      const rounds: { one: Run; two: Run }[] = []
      for (let round = 1; round <= ROUNDS; round++) {
        log(`a codec, by one worker of one core, then by two (${round} of ${ROUNDS})`)
        await second.ask({ call: 'accept', own: false, others: false })
        const one = await owner.ask<Run>({ call: 'run', kind: 'spin', tasks: SPIN_TASKS })
        await second.ask({ call: 'accept', own: false, others: true })
        const two = await owner.ask<Run>({ call: 'run', kind: 'spin', tasks: SPIN_TASKS })
        rounds.push({ one, two })
      }
      report({
        case: 'two workers against one',
        value: median(rounds.map(({ one, two }) => one.ms / two.ms)),
        unit: 'times',
        better: 'higher',
        bar: RATIO_BAR,
      })
      const fewest = rounds.map(({ two }) => {
        const shares = Object.values(two.shares).map(({ tasks }) => tasks)
        return shares.length < 2 ? 0 : Math.min(...shares)
      })
      report({
        case: 'smaller share of two workers',
        value: (median(fewest) / SPIN_TASKS) * 100,
        unit: '%',
        better: 'higher',
        bar: null,
      })
      report({
        case: 'one task of the codec',
        value: median(rounds.map(({ one }) => one.ms)) / SPIN_TASKS,
        unit: 'ms',
        better: 'lower',
        bar: null,
      })
    } finally {
      signal.removeEventListener('abort', stop)
      stop()
      await rm(root, { recursive: true, force: true })
    }
  },
}
