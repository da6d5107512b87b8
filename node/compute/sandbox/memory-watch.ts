/**
 * Keeps all processes of a sandbox together within its memory: the limits of the kernel that need no privilege count each
 * process by itself. Looks several times a second at the process that is the first of the sandbox and at all below it,
 * and at the home directory, which lies in memory too.
 */
import { readdir, readFile, statfs } from 'node:fs/promises'
import type { LimitHit, SandboxLimits } from './sandbox-job.ts'

const LOOK_EVERY_MS = 50
/** Empty files take kernel memory that the size of a file system in memory does not count. */
const MAX_HOME_ENTRIES = 50_000
const KIB = 1024
/** TMPFS_MAGIC of include/uapi/linux/magic.h. */
const TMPFS = 0x01021994
/** Memory that a process holds alone or in shared memory, swapped out or not; what it has of program files is not its own. */
const COUNTED = /^(?:RssAnon|RssShmem|VmSwap):\s+(\d+) kB$/gm

async function read(file: string): Promise<string | null> {
  // A process may end between two looks.
  return readFile(file, 'utf8').catch(() => null)
}

/** Resident memory of a process and all that it or its descendants started, in bytes, and how many threads they are together. */
export async function residentUse(rootPid: number): Promise<{ bytes: number; threads: number }> {
  let totalBytes = 0
  let totalThreads = 0
  const pending = [rootPid]
  for (let pid = pending.pop(); pid !== undefined; pid = pending.pop()) {
    const status = (await read(`/proc/${pid}/status`)) ?? ''
    for (const [, kib] of status.matchAll(COUNTED)) totalBytes += Number(kib) * KIB
    const threads = Number(/^Threads:\s+(\d+)$/m.exec(status)?.[1] ?? 0)
    totalThreads += threads
    // Children hang on the thread that started them: only a program with threads has more than one list.
    const lists = threads > 1 ? await threadsOf(pid) : [pid]
    for (const thread of lists)
      for (const child of ((await read(`/proc/${pid}/task/${thread}/children`)) ?? '').split(' '))
        if (child !== '') pending.push(Number(child))
  }
  return { bytes: totalBytes, threads: totalThreads }
}

async function threadsOf(pid: number): Promise<number[]> {
  return (await readdir(`/proc/${pid}/task`).catch(() => [])).map(Number)
}

/** None while the sandbox is being made: the process sees the directories of the machine until then. */
async function homeUse(
  rootPid: number,
  home: string,
  sizeBytes: number,
): Promise<{ bytes: number; entries: number }> {
  const stats = await statfs(`/proc/${rootPid}/root${home}`).catch(() => null)
  if (
    stats === null ||
    stats.type !== TMPFS ||
    Math.abs(stats.blocks * stats.bsize - sizeBytes) >= stats.bsize
  )
    return { bytes: 0, entries: 0 }
  return { bytes: (stats.blocks - stats.bfree) * stats.bsize, entries: stats.files - stats.ffree }
}

export interface MemoryWatch {
  /** Whether there were as many processes as there may be when it looked last. */
  isCrowded(): boolean
  end(): void
}

/** Calls `over` once as soon as the sandbox holds too much. `ownProcesses`: of those below `rootPid`, it included, that are not the program's. */
export function watchMemory(
  init: { rootPid: number; home: string; limits: SandboxLimits; ownProcesses: number },
  over: (limit: LimitHit) => void,
): MemoryWatch {
  let stopped = false
  let crowded = false
  let timer: NodeJS.Timeout | undefined
  const look = async () => {
    const [resident, home] = await Promise.all([
      residentUse(init.rootPid),
      homeUse(init.rootPid, init.home, init.limits.fileBytes),
    ])
    if (stopped) return
    crowded = resident.threads >= init.limits.processes + init.ownProcesses
    if (resident.bytes + home.bytes > init.limits.memoryBytes) over('memory')
    else if (home.entries > MAX_HOME_ENTRIES) over('files')
    else timer = setTimeout(look, LOOK_EVERY_MS)
  }
  timer = setTimeout(look, LOOK_EVERY_MS)
  return {
    isCrowded: () => crowded,
    end() {
      stopped = true
      clearTimeout(timer)
    },
  }
}
