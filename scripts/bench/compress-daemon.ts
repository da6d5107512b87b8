/** Jobs of compression on real daemons, with what they took: seconds, and the most memory that their process ever had. */
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { JsonObject } from '../../node/json.ts'
import { type LocalNode, type Settings, startNode } from '../localnet.ts'
import type { BenchContext } from './bench.ts'

const POLL_MS = 100
const TOLD_EVERY_MS = 20_000
const KIB = 1024
/** USER_HZ, which Linux fixes for its reports. */
const TICKS_BY_SECOND = 100

interface JobView {
  readonly state: string
  readonly stage?: string
  readonly done: number
  readonly total: number
  readonly error: { readonly code: string; readonly message: string } | null
  readonly result: JsonObject | null
}

/** The fields of a compression report that the benchmarks read. */
export interface CompressReport extends JsonObject {
  readonly id: string
  readonly packed: { readonly cid: string; readonly sizeBytes: number }
  readonly runnable: { readonly cid: string; readonly sizeBytes: number }
  readonly totals: {
    readonly bitsPerWeight: number
    readonly relativeError: number
    readonly ratio: number
    readonly packedBytes: number
    readonly originalBytes: number
  }
}

/** Submits a job and waits for it; throws with the daemon's words where it fails. */
export async function runJob(
  node: LocalNode,
  job: { kind: string; params: JsonObject },
  { log, signal }: Pick<BenchContext, 'log' | 'signal'>,
): Promise<{ result: JsonObject; seconds: number }> {
  const started = performance.now()
  const { id } = await node.client.send<{ id: string }>('POST', '/api/v1/jobs', job)
  let toldAtMs = started
  for (;;) {
    const view = await node.client.get<JobView>(`/api/v1/jobs/${id}`)
    const seconds = (performance.now() - started) / 1000
    if (view.state === 'done') return { result: view.result!, seconds }
    if (view.state !== 'running')
      throw new Error(`the job ended as ${view.state}: ${view.error?.code} ${view.error?.message}`)
    if (performance.now() - toldAtMs > TOLD_EVERY_MS) {
      toldAtMs = performance.now()
      log(`${view.stage ?? ''} ${view.done} of ${view.total} tasks after ${seconds.toFixed(0)} s`)
    }
    await sleep(POLL_MS, undefined, { signal })
  }
}

export async function compress(
  node: LocalNode,
  params: JsonObject,
  context: Pick<BenchContext, 'log' | 'signal'>,
): Promise<{ report: CompressReport; seconds: number }> {
  const { result, seconds } = await runJob(node, { kind: 'compress', params }, context)
  return { report: result as CompressReport, seconds }
}

/** The kernel keeps the peak; what came before is forgotten where it allows that (Linux). */
export function forgetPeak(node: LocalNode): void {
  writeFileSync(`/proc/${node.process.pid}/clear_refs`, '5')
}

/** Largest resident memory of the daemon since the last forgetPeak, in MB. */
export function peakMemoryMb(node: LocalNode): number {
  const line = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${node.process.pid}/status`, 'utf8'))
  if (line === null) throw new Error('this system does not tell the peak memory of a process')
  return (Number(line[1]) * KIB) / 1e6
}

/** Seconds of processor that all threads of the daemon have taken so far, those that have ended among them (Linux). */
export function processorSeconds(node: LocalNode): number {
  const stat = readFileSync(`/proc/${node.process.pid}/stat`, 'utf8')
  // The second field is the name, in parentheses, and may hold anything; utime and stime are the 14th and 15th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_BY_SECOND
}

/** A daemon by itself that lends what the machine has. */
export function startBenchNode(directory: string, settings: Settings = {}): Promise<LocalNode> {
  return startNode({
    directory: path.join(directory, 'node'),
    settings: { profile: 'server', 'log.level': 'warn', ...settings },
  })
}

export async function addModel(node: LocalNode, file: string, id: string): Promise<void> {
  await node.client.send('POST', '/api/v1/models', { path: file, id })
}
