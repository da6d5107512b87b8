/**
 * The cap of memory that this process runs under: a container's, a unit's (`MemoryMax=`), whatever control group sets one. Linux
 * only. Node's own `availableMemory()` counts the page cache of the group as taken, so that it sinks to nothing on a node that has
 * read as much from its disk as its cap allows; the kernel gives that memory back by itself before it ends a process.
 * Source: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst of the Linux kernel.
 */
import { readFileSync } from 'node:fs'
import path from 'node:path'

export interface MemoryCap {
  readonly limitBytes: number
  /** What the kernel cannot take back by itself, of all processes under the cap. */
  readonly usedBytes: number
}

interface Layout {
  readonly limit: string
  readonly used: string
  /** Lines of memory.stat that the kernel takes back when it must. */
  readonly reclaimable: readonly string[]
}

const VERSION_1: Layout = {
  limit: 'memory.limit_in_bytes',
  used: 'memory.usage_in_bytes',
  reclaimable: ['total_active_file', 'total_inactive_file'],
}
const VERSION_2: Layout = {
  limit: 'memory.max',
  used: 'memory.current',
  reclaimable: ['active_file', 'inactive_file', 'slab_reclaimable'],
}
/** What version 1 says where there is no cap is near 2^63. */
const NO_LIMIT_BYTES = 2 ** 50

function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}

function readGroup(directory: string, layout: Layout): MemoryCap | null {
  const limitBytes = Number(readText(path.join(directory, layout.limit)) ?? Number.NaN)
  // `max` is no number.
  if (!(limitBytes < NO_LIMIT_BYTES)) return null
  const usedBytes = Number(readText(path.join(directory, layout.used)) ?? 0)
  const stat = readText(path.join(directory, 'memory.stat')) ?? ''
  const reclaimableBytes = layout.reclaimable.reduce(
    (sum, name) => sum + Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(stat)?.[1] ?? 0),
    0,
  )
  return { limitBytes, usedBytes: Math.max(0, usedBytes - reclaimableBytes) }
}

/** Of this process's group and those around it, the one with the least left; null where none has a cap. `root` is / but in tests. */
export function readMemoryCap(root = '/'): MemoryCap | null {
  const groups = readText(path.join(root, 'proc/self/cgroup'))
  if (groups === null) return null
  let tightest: MemoryCap | null = null
  for (const line of groups.trim().split('\n')) {
    const [, controllers = '', ...rest] = line.split(':')
    const isVersion2 = controllers === ''
    if (!isVersion2 && !controllers.split(',').includes('memory')) continue
    const mount = path.join(root, 'sys/fs/cgroup', isVersion2 ? '' : 'memory')
    const layout = isVersion2 ? VERSION_2 : VERSION_1
    // In a container the path may be the host's, while the container's own group is what is mounted.
    for (let group = path.join(mount, rest.join(':')); ; group = path.dirname(group)) {
      const cap = readGroup(group, layout)
      if (
        cap !== null &&
        (tightest === null || cap.limitBytes - cap.usedBytes < tightest.limitBytes - tightest.usedBytes)
      )
        tightest = cap
      if (group.length <= mount.length) break
    }
  }
  return tightest
}
