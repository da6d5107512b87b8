/** Runs of evolution on real daemons: announced, followed to their end, and held against one another. */
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { followRun, runPath } from '../../node/cli/evolve-follow.ts'
import type { ReportView } from '../../node/cli/evolve-view.ts'
import type { RunState } from '../../node/federated/rounds/run-state.ts'
import type { RunView } from '../../node/federated/rounds/run-view.ts'
import type { JsonObject } from '../../node/json.ts'
import type { LocalNode } from '../localnet.ts'
import type { BenchContext } from './bench.ts'

const POLL_MS = 200
const GIVE_UP_MS = 60_000

/** Stores a text as an artifact of the node; returns its CID. */
export async function uploadText(node: LocalNode, name: string, text: string): Promise<string> {
  const query = new URLSearchParams({ name })
  const source = Readable.from([Buffer.from(text)])
  const { cid } = await node.client.upload<{ cid: string }>(
    `/api/v1/artifacts?${query}`,
    'application/octet-stream',
    source,
  )
  return cid
}

export const viewOf = async (node: LocalNode, run: string): Promise<RunView> =>
  (await node.client.get<{ run: RunView }>(runPath(run))).run

export const stateOf = async (node: LocalNode, run: string): Promise<RunState> =>
  (await node.client.get<{ state: RunState }>(`${runPath(run)}/state`)).state

export interface FinishedRun {
  readonly run: string
  readonly report: ReportView
  /** From the request to the end, as the one who asked has it. */
  readonly seconds: number
}

/** Announces a run and follows it to its end, a line a generation. */
export async function runEvolution(
  node: LocalNode,
  spec: JsonObject,
  { log, signal }: Pick<BenchContext, 'log' | 'signal'>,
): Promise<FinishedRun> {
  const started = performance.now()
  const { run } = (await node.client.send<{ run: RunView }>('POST', '/api/v1/runs', { spec })).run
  const progress = () => ({ update() {}, stop() {} })
  const report = await followRun({ note: log, signal, progress }, node.client, run)
  return { run, report, seconds: (performance.now() - started) / 1000 }
}

/** Waits until the ledger of every node has come to its end. */
export async function endedEverywhere(
  nodes: readonly LocalNode[],
  run: string,
  { signal }: Pick<BenchContext, 'signal'>,
): Promise<void> {
  const giveUpAtMs = performance.now() + GIVE_UP_MS
  for (;;) {
    const views = await Promise.all(nodes.map((node) => viewOf(node, run)))
    if (views.every(({ phase }) => phase === 'published' || phase === 'ended')) return
    if (performance.now() > giveUpAtMs)
      throw new Error(`not all ledgers ended: ${views.map(({ phase }) => phase).join(', ')}`)
    await sleep(POLL_MS, undefined, { signal })
  }
}

/** How many different ledgers the nodes hold, each verified by its own node from the announcement on. */
export async function differentLedgers(nodes: readonly LocalNode[], run: string): Promise<number> {
  const ledgers = await Promise.all(
    nodes.map((node) => node.client.get<JsonObject>(`${runPath(run)}/verify`)),
  )
  const broken = ledgers.find(({ ok }) => ok !== true)
  if (broken !== undefined) throw new Error(`a ledger does not verify: ${JSON.stringify(broken)}`)
  return new Set(ledgers.map(({ height, hash }) => `${height} ${hash}`)).size
}

/** What a member sends and receives over all its links, by candidate that was scored. */
export function bytesByCandidate({ traffic, evaluations }: RunView): number {
  const bytes = Object.values(traffic).reduce((sum, { inBytes, outBytes }) => sum + inBytes + outBytes, 0)
  return bytes / evaluations
}
