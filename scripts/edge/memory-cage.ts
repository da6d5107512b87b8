/**
 * A hard cap of memory around a process and all that it starts, as a control group of the kernel sets it: who passes it is
 * ended by the kernel. The group lies below this process's own, so that no limit that this process is under is left. Needs root.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const MOUNT = '/sys/fs/cgroup'
const REMOVE_EVERY_MS = 50
/** A process that the kernel itself holds up does not end: its group stays then, and is named. */
const REMOVE_WITHIN_MS = 10_000

export interface MemoryCage {
  /** Words before a command that put it into the cage and become it. */
  readonly within: readonly string[]
  /** What its processes hold now that the kernel cannot take back: the page cache of files is not in it. */
  heldBytes(): number
  /** How many of its processes the kernel has ended. */
  kills(): number
  /** Its processes, threads not counted. */
  pids(): number[]
  /** Ends what still runs in it. Throws EBUSY, with the directory, where that does not end. */
  remove(): Promise<void>
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Where groups can be made, or why not. */
export function cageRoot(): { directory: string; version: 1 | 2 } | { why: string } {
  if (process.platform !== 'linux') return { why: 'control groups are of Linux' }
  if (process.getuid?.() !== 0) return { why: 'only root may make control groups' }
  const lines = readFileSync('/proc/self/cgroup', 'utf8').trim().split('\n')
  for (const line of lines) {
    const [, controllers = '', ...rest] = line.split(':')
    if (controllers.split(',').includes('memory')) {
      const directory = path.join(MOUNT, 'memory', rest.join(':'))
      if (existsSync(path.join(directory, 'memory.limit_in_bytes'))) return { directory, version: 1 }
    }
    if (controllers === '') {
      const directory = path.join(MOUNT, rest.join(':'))
      const subtree = path.join(directory, 'cgroup.subtree_control')
      // A group with processes of its own passes controllers to no other (the "no internal processes" rule).
      if (existsSync(subtree) && readFileSync(subtree, 'utf8').split(/\s/).includes('memory'))
        return { directory, version: 2 }
    }
  }
  return { why: 'no control group with the memory controller can be made here' }
}

/** Throws what the file system throws where groups cannot be made: ask cageRoot first. */
export function createMemoryCage(name: string, limitBytes: number): MemoryCage {
  const root = cageRoot()
  if ('why' in root) throw new Error(root.why)
  const directory = path.join(root.directory, name)
  mkdirSync(directory)
  const file = (word: string) => path.join(directory, word)
  const read = (word: string) => readFileSync(file(word), 'utf8')
  const isVersion1 = root.version === 1
  writeFileSync(file(isVersion1 ? 'memory.limit_in_bytes' : 'memory.max'), String(limitBytes))
  // What goes to a swap file is no less taken.
  for (const [word, value] of isVersion1
    ? ([['memory.memsw.limit_in_bytes', limitBytes]] as const)
    : ([['memory.swap.max', 0]] as const))
    if (existsSync(file(word))) writeFileSync(file(word), String(value))
  const number = (text: string, line: string) =>
    Number(new RegExp(`^${line} (\\d+)$`, 'm').exec(text)?.[1] ?? 0)
  return {
    within: ['/bin/sh', '-c', `echo $$ > ${file('cgroup.procs')} && exec "$@"`, 'sh'],
    heldBytes() {
      const stat = read('memory.stat')
      const used = Number(read(isVersion1 ? 'memory.usage_in_bytes' : 'memory.current'))
      const prefix = isVersion1 ? 'total_' : ''
      return used - number(stat, `${prefix}active_file`) - number(stat, `${prefix}inactive_file`)
    },
    kills: () => number(read(isVersion1 ? 'memory.oom_control' : 'memory.events'), 'oom_kill'),
    pids: () => read('cgroup.procs').trim().split('\n').filter(Boolean).map(Number),
    async remove() {
      for (const until = performance.now() + REMOVE_WITHIN_MS; ; ) {
        const pids = read('cgroup.procs').trim().split('\n').filter(Boolean).map(Number)
        // A process that has ended is in its group until it was waited for.
        for (const pid of pids) killIfThere(pid)
        try {
          return rmdirSync(directory)
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EBUSY' || performance.now() > until) throw error
          await sleep(REMOVE_EVERY_MS)
        }
      }
    },
  }
}
