/** A monitor with a history that was written down: an hour of a machine without sensors for heat and battery. */
import { COLUMNS, type Sample } from '../../node/compute/monitor/columns.ts'
import { createHistory, SAMPLE_SECONDS } from '../../node/compute/monitor/history.ts'
import type { Monitor } from '../../node/compute/monitor/monitor.ts'

const MEASURED = {
  cpuCores: 0.25,
  machineCpuShare: 0.4,
  rssBytes: 150e6,
  heapBytes: 60e6,
  freeMemoryBytes: 4e9,
  loopDelayMs: 2,
  meshReceivedBytesPerSecond: 1000,
  meshSentBytesPerSecond: 2000,
  diskUsedBytes: 5e6,
  diskFreeBytes: 100e9,
}
const SAMPLE = Object.fromEntries(COLUMNS.map(({ name }) => [name, null]))

export function memoryMonitor(nowMs: number): Pick<Monitor, 'history' | 'latest' | 'disk' | 'children'> {
  const history = createHistory()
  const nowSeconds = nowMs / 1000
  for (let ago = 3_600 - SAMPLE_SECONDS; ago >= 0; ago -= SAMPLE_SECONDS)
    // The rows are those of the table, each null or measured.
    history.push(nowSeconds - ago, { ...SAMPLE, ...MEASURED } as Sample)
  return {
    history: (seconds) => history.read(seconds, nowSeconds),
    latest: history.latest,
    disk: () => ({ usedBytes: 5e6, parts: [{ name: 'blocks', sizeBytes: 5e6 }], atMs: nowMs }),
    children: () => null,
  }
}
