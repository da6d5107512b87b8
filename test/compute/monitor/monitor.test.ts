import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  descendantsOf,
  parsePss,
  parseStat,
  readChildProcesses,
} from '../../../node/compute/monitor/child-processes.ts'
import { diskUsage } from '../../../node/compute/monitor/disk-usage.ts'
import { createMonitor, ratesBetween, type Totals } from '../../../node/compute/monitor/monitor.ts'
import { createLog } from '../../../node/log.ts'
import { createMemoryServices } from '../../helpers/memory-services.ts'

const TOTALS: Totals = {
  atSeconds: 100,
  cpuSeconds: 10,
  childrenCpuSeconds: 2,
  machineBusySeconds: 1_000,
  machineSeconds: 2_000,
  meshReceivedBytes: 5,
  meshSentBytes: 6,
  artifactReceivedBytes: 7,
  artifactSentBytes: 8,
}

test('rates are differences by second', () => {
  const rates = ratesBetween(TOTALS, {
    atSeconds: 110,
    cpuSeconds: 15,
    childrenCpuSeconds: 4,
    machineBusySeconds: 1_005,
    machineSeconds: 2_020,
    meshReceivedBytes: 1_005,
    meshSentBytes: 6,
    artifactReceivedBytes: 507,
    artifactSentBytes: 8,
  })
  assert.equal(rates, {
    cpuCores: 0.7,
    machineCpuShare: 0.25,
    meshReceivedBytesPerSecond: 100,
    meshSentBytesPerSecond: 0,
    artifactReceivedBytesPerSecond: 50,
    artifactSentBytesPerSecond: 0,
  })
})

test('a first reading, a clock set back and a machine that slept give no rate', () => {
  for (const [before, atSeconds] of [
    [null, 110],
    [TOTALS, 90],
    [TOTALS, 100],
    [TOTALS, 10_000],
  ] as const)
    assert.ok(Object.values(ratesBetween(before, { ...TOTALS, atSeconds })).every((rate) => rate === null))
})

test('children that ended take their time with them, and no rate is negative', () => {
  const after = { ...TOTALS, atSeconds: 110, cpuSeconds: 11, childrenCpuSeconds: 0 }
  assert.is(ratesBetween(TOTALS, after).cpuCores, 0.1)
})

test('a process may be called anything', () => {
  const fields = '1 1 0 -1 4194304 102 0 0 0 150 50 7 3 20 0 1 0'
  assert.equal(parseStat(`77 (a) b (c) S 42 ${fields}`), { parent: 42, cpuSeconds: 2.1 })
  assert.is(parseStat(''), null)
  assert.is(parseStat('no process'), null)
  assert.is(parsePss('Rss: 9 kB\nPss:                 305 kB\nPss_Dirty: 1 kB\n'), 305 * 1024)
  assert.is(parsePss(''), 0)
})

test('children of children count, in any order, and a loop ends', () => {
  const parents = new Map([
    [5, 4],
    [4, 3],
    [3, 1],
    [9, 1],
    [7, 8],
    [8, 7],
  ])
  assert.equal(descendantsOf(3, parents).sort(), [4, 5])
  assert.equal(descendantsOf(2, parents), [])
})

if (process.platform === 'linux')
  test('a process that was started is found with its memory', async () => {
    const child = fork(path.resolve(import.meta.dirname, '../../helpers/waiting-child.ts'))
    try {
      await once(child, 'message')
      const children = (await readChildProcesses())!
      assert.ok(children.count >= 1)
      assert.ok(children.memoryBytes > 4e6)
    } finally {
      child.kill('SIGKILL')
    }
    assert.is(await readChildProcesses(process.pid, '/nowhere'), null)
  })

test('the data directory is measured by part, links not followed', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'village-disk-'))
  try {
    await mkdir(path.join(directory, 'models', 'deep'), { recursive: true })
    await mkdir(path.join(directory, 'blocks'))
    await writeFile(path.join(directory, 'models', 'deep', 'weights'), new Uint8Array(100_000).fill(7))
    await writeFile(path.join(directory, 'blocks', 'one'), new Uint8Array(50_000).fill(7))
    await writeFile(path.join(directory, 'api.json'), 'x')
    await symlink('/usr', path.join(directory, 'models', 'link'))
    const signal = new AbortController().signal
    const parts = await diskUsage(directory, { known: new Map([['blocks', 123_456_789]]), signal })
    assert.equal(
      parts.map(({ name }) => name),
      ['blocks', 'models', 'files'],
    )
    assert.is(parts[0]!.sizeBytes, 123_456_789)
    assert.ok(parts[1]!.sizeBytes >= 100_000 && parts[1]!.sizeBytes < 200_000)
    assert.equal(await diskUsage(path.join(directory, 'gone'), { signal }), [])
    assert.equal(await diskUsage(directory, { signal: AbortSignal.abort() }), [])
  } finally {
    await rm(directory, { recursive: true })
  }
})

test('the monitor samples, measures the disk and stops', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'village-monitor-'))
  await writeFile(path.join(directory, 'file'), new Uint8Array(10_000).fill(1))
  const { resources, artifacts } = createMemoryServices()
  const log = createLog({ level: 'silent' })
  const transferred = () => ({ receivedBytes: 1, sentBytes: 2 })
  const monitor = createMonitor(
    { log, resources, artifacts, mesh: { transferred } },
    { directory, sampleEveryMs: 1 },
  )
  try {
    await monitor.start(new AbortController().signal)
    while (monitor.disk() === null || monitor.history(3_600).at.length < 3)
      await new Promise((resolve) => setTimeout(resolve, 1))
    const latest = monitor.latest()!
    assert.ok(latest.rssBytes! > 1e7)
    assert.ok(latest.cpuCores! >= 0)
    assert.is(latest.meshSentBytesPerSecond, 0)
    assert.is(latest.temperatureCelsius, null)
    assert.is(latest.onBattery, 0)
    assert.ok(monitor.disk()!.usedBytes >= 10_000)
  } finally {
    await monitor.stop()
    await rm(directory, { recursive: true })
  }
  const count = monitor.history(3_600).at.length
  await new Promise((resolve) => setTimeout(resolve, 5))
  assert.is(monitor.history(3_600).at.length, count)
})

test.run()
