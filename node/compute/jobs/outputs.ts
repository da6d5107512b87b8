/** Outputs on their way from a worker to acceptance: in memory while small, as artifacts of the worker otherwise. */
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import { JOBS_LIMITS } from '../../mesh/protocols/jobs.ts'
import type { TaskOutput } from '../tasks/task.ts'
import type { OutputRef } from './links.ts'
import type { ResultRecord } from './queue.ts'

export interface HeldOutput {
  readonly peer: string
  readonly stats: JsonObject
  readonly ref: OutputRef
  readonly busyMs: number
}

type Store = Pick<Artifacts, 'addBytes' | 'fetch' | 'read' | 'pin' | 'unpin'>

const FETCH_TIMEOUT_MS = 300_000
export const pinOf = (job: string) => `job:${job}:tasks`

/** Makes the output local; throws when the worker does not deliver what it said. */
export async function receiveOutput(
  artifacts: Store,
  init: { peer: string; job: string; ref: OutputRef; maxOutputBytes: number; signal: AbortSignal },
): Promise<OutputRef> {
  const { ref } = init
  const sizeBytes = 'bytes' in ref ? ref.bytes.byteLength : ref.sizeBytes
  if (sizeBytes > init.maxOutputBytes)
    throw new VillageError('RESULT_INVALID', 'An output is larger than its task allows', {
      fields: { sizeBytes, maxOutputBytes: init.maxOutputBytes },
    })
  if ('bytes' in ref) return ref
  const tooLarge = new AbortController()
  const signal = AbortSignal.any([init.signal, tooLarge.signal, AbortSignal.timeout(FETCH_TIMEOUT_MS)])
  const info = await artifacts.fetch(ref.cid, {
    signal,
    providers: [init.peer],
    pin: pinOf(init.job),
    onProgress(_doneBytes, totalBytes) {
      // The manifest says more than the worker did: nothing more of it is taken.
      if (totalBytes > init.maxOutputBytes)
        tooLarge.abort(new VillageError('RESULT_INVALID', 'An output is larger than its task allows'))
    },
  })
  if (info.sizeBytes !== ref.sizeBytes || info.kind !== 'file')
    throw new VillageError('RESULT_INVALID', 'An output has another size than its worker said', {
      fields: { sizeBytes: info.sizeBytes, statedBytes: ref.sizeBytes },
    })
  return ref
}

export async function readOutput(artifacts: Store, held: HeldOutput): Promise<TaskOutput> {
  const bytes = 'bytes' in held.ref ? held.ref.bytes : await artifacts.read(held.ref.cid)
  return { bytes, stats: held.stats }
}

/** Writes an accepted output: small ones into the record, large ones as a pinned artifact. */
export async function storeOutput(
  artifacts: Store,
  init: { job: string; held: HeldOutput; vouchers: readonly string[]; exact: boolean },
): Promise<ResultRecord> {
  const { ref, stats, busyMs } = init.held
  const common = { stats, busyMs, vouchers: init.vouchers, exact: init.exact }
  if ('cid' in ref) return { ...common, inline: null, cid: ref.cid, sizeBytes: ref.sizeBytes }
  const { bytes } = ref
  const sizeBytes = bytes.byteLength
  if (sizeBytes <= JOBS_LIMITS.maxInlineBytes)
    return { ...common, inline: Buffer.from(bytes).toString('base64'), cid: null, sizeBytes }
  const { cid } = await artifacts.addBytes(bytes, { pin: pinOf(init.job) })
  return { ...common, inline: null, cid, sizeBytes }
}

export async function readResult(
  artifacts: Pick<Artifacts, 'read'>,
  record: ResultRecord,
): Promise<Uint8Array> {
  if (record.inline !== null) return new Uint8Array(Buffer.from(record.inline, 'base64'))
  return artifacts.read(record.cid!)
}
