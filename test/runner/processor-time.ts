/** Processor time, as Linux counts it: of this process, its threads, and its children that have ended. */
import { readFileSync } from 'node:fs'

/** Linux counts in hundredths of a second for every program, whatever the kernel's own tick is (proc(5), USER_HZ). */
const TICKS_PER_SECOND = 100

/** Seconds since this process began; elsewhere than on Linux those of this process without its children. */
export function processorSeconds(): number {
  if (process.platform !== 'linux') {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  }
  const text = readFileSync('/proc/self/stat', 'utf8')
  // The second field is the name in brackets, which may hold blanks; utime, stime, cutime and cstime are fields 14 to 17.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0) / TICKS_PER_SECOND
}
