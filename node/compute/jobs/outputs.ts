/** Accepted outputs: in the record of the result while small, as pinned artifacts otherwise. */
import type { JsonObject } from '../../json.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import { JOBS_LIMITS } from '../../mesh/protocols/jobs.ts'
import type { OutputRef } from './links.ts'
import type { ResultRecord } from './queue.ts'

export interface HeldOutput {
  readonly peer: string
  readonly stats: JsonObject
  readonly ref: OutputRef
  readonly busyMs: number
}

export const pinOf = (job: string) => `job:${job}:tasks`

/** Writes an accepted output: small ones into the record, large ones as a pinned artifact. */
export async function storeOutput(
  artifacts: Pick<Artifacts, 'addBytes'>,
  init: { job: string; held: HeldOutput; vouchers: readonly string[]; exact: boolean },
): Promise<ResultRecord> {
  const { ref, stats, busyMs } = init.held
  const common = { stats, busyMs, vouchers: init.vouchers, exact: init.exact }
  if ('cid' in ref) return { ...common, inline: null, cid: ref.cid, sizeBytes: ref.sizeBytes }
  const { bytes } = ref
  const sizeBytes = bytes.byteLength
  if (sizeBytes <= JOBS_LIMITS.maxInlineBytes)
    return { ...common, inline: Buffer.from(bytes).toString('base64'), cid: null, sizeBytes }
  const { cid } = await artifacts.addBytes(bytes, { pin: pinOf(init.job), private: true })
  return { ...common, inline: null, cid, sizeBytes }
}

export async function readResult(
  artifacts: Pick<Artifacts, 'read'>,
  record: ResultRecord,
): Promise<Uint8Array> {
  if (record.inline !== null) return new Uint8Array(Buffer.from(record.inline, 'base64'))
  return artifacts.read(record.cid!)
}

/** Lets go of the outputs of a job's tasks. */
export async function unpinOutputs(artifacts: Pick<Artifacts, 'list' | 'unpin'>, job: string): Promise<void> {
  const pin = pinOf(job)
  for (const info of await artifacts.list()) if (info.pins.includes(pin)) await artifacts.unpin(info.cid, pin)
}
