/**
 * The processes that this one started, and theirs: parsers of documents, sandboxes, MCP servers. Linux only, from /proc
 * (proc(5)); elsewhere nothing is known of them. Other processes of the machine are looked at for their parent alone.
 */
import { readdir, readFile } from 'node:fs/promises'

/** Of a tick of /proc: USER_HZ is 100 on every architecture that Node runs on. */
const TICKS_BY_SECOND = 100
/** A machine with more processes than this is not searched: what the search costs would show in what it measures. */
const MAX_PROCESSES = 4_096

export interface ChildProcesses {
  /** Processor time of those that live and of the dead that they waited for. */
  readonly cpuSeconds: number
  /** Proportional set size: a page that several map counts by share. */
  readonly memoryBytes: number
  readonly count: number
}

interface ProcessStat {
  readonly parent: number
  readonly cpuSeconds: number
}

const PARENT = 1
const TIMES = [11, 12, 13, 14] as const // utime, stime, and both of the children that were waited for

/** Parses /proc/PID/stat. The name, in parentheses, may hold anything, parentheses too. */
export function parseStat(text: string): ProcessStat | null {
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .trim()
    .split(' ')
  const parent = Number(fields[PARENT])
  const ticks = TIMES.reduce((sum, index) => sum + Number(fields[index]), 0)
  return Number.isInteger(parent) && Number.isFinite(ticks)
    ? { parent, cpuSeconds: ticks / TICKS_BY_SECOND }
    : null
}

/** Bytes of the `Pss:` line of /proc/PID/smaps_rollup; 0 for a process that has ended. */
export function parsePss(text: string): number {
  return Number(/^Pss:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1024
}

/** The descendants of `root` among processes and their parents. */
export function descendantsOf(root: number, parents: ReadonlyMap<number, number>): number[] {
  const found = new Set([root])
  // A process may be listed before its parent: again, until nothing is found any more.
  for (let before = 0; before !== found.size; ) {
    before = found.size
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid)
  }
  found.delete(root)
  return [...found]
}

/** What ended while it was read counts as empty. */
const readText = (file: string): Promise<string> => readFile(file, 'utf8').catch(() => '')

/** Null where there is no /proc, or too much in it. */
export async function readChildProcesses(root = process.pid, proc = '/proc'): Promise<ChildProcesses | null> {
  const names = (await readdir(proc).catch(() => [])).filter((name) => /^\d+$/.test(name))
  if (names.length === 0 || names.length > MAX_PROCESSES) return null
  const stats = new Map<number, ProcessStat>()
  for (const name of names) {
    const stat = parseStat(await readText(`${proc}/${name}/stat`))
    if (stat !== null) stats.set(Number(name), stat)
  }
  const children = descendantsOf(root, new Map([...stats].map(([pid, { parent }]) => [pid, parent])))
  let memoryBytes = 0
  for (const pid of children) memoryBytes += parsePss(await readText(`${proc}/${pid}/smaps_rollup`))
  return {
    cpuSeconds: children.reduce((sum, pid) => sum + stats.get(pid)!.cpuSeconds, 0),
    memoryBytes,
    count: children.length,
  }
}
