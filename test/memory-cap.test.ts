import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readMemoryCap } from '../node/memory-cap.ts'

const MIB = 2 ** 20

/** A file tree as the kernel shows it. */
function capOf(files: Readonly<Record<string, string>>) {
  const root = mkdtempSync(path.join(tmpdir(), 'village-cap-'))
  try {
    for (const [name, text] of Object.entries(files)) {
      const file = path.join(root, name)
      mkdirSync(path.dirname(file), { recursive: true })
      writeFileSync(file, `${text}\n`)
    }
    return readMemoryCap(root)
  } finally {
    rmSync(root, { recursive: true })
  }
}

const group2 = (directory: string, max: string, current: number, file: number) => ({
  [`${directory}/memory.max`]: max,
  [`${directory}/memory.current`]: String(current),
  [`${directory}/memory.stat`]: `anon 1\nactive_file ${file}\ninactive_file ${file}\nslab_reclaimable 5`,
})

test('a unit of systemd, version 2: what the kernel can take back is not used', () => {
  const cap = capOf({
    'proc/self/cgroup': '0::/system.slice/village.service',
    ...group2('sys/fs/cgroup/system.slice/village.service', String(512 * MIB), 300 * MIB, 50 * MIB),
    ...group2('sys/fs/cgroup/system.slice', 'max', 900 * MIB, 0),
  })
  assert.equal(cap, { limitBytes: 512 * MIB, usedBytes: 200 * MIB - 5 })
})

test('of nested caps the one with the least left counts', () => {
  const cap = capOf({
    'proc/self/cgroup': '0::/a/b',
    ...group2('sys/fs/cgroup/a/b', String(512 * MIB), 100 * MIB, 0),
    ...group2('sys/fs/cgroup/a', String(600 * MIB), 590 * MIB, 0),
  })
  assert.is(cap!.limitBytes, 600 * MIB)
})

test('a container, version 1: the path is the host’s, the group is what is mounted', () => {
  const cap = capOf({
    'proc/self/cgroup': '4:memory:/docker/123\n3:cpu:/docker/123',
    'sys/fs/cgroup/memory/memory.limit_in_bytes': String(256 * MIB),
    'sys/fs/cgroup/memory/memory.usage_in_bytes': String(200 * MIB),
    'sys/fs/cgroup/memory/memory.stat': `total_inactive_file ${30 * MIB}\ntotal_active_file ${20 * MIB}`,
  })
  assert.equal(cap, { limitBytes: 256 * MIB, usedBytes: 150 * MIB })
})

test('no cap, and no control groups', () => {
  assert.is(capOf({}), null)
  assert.is(capOf({ 'proc/self/cgroup': '0::/', 'sys/fs/cgroup/memory.max': 'max' }), null)
  assert.is(
    capOf({
      'proc/self/cgroup': '4:memory:/',
      'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712',
    }),
    null,
  )
})

test.run()
