/** Outputs that were handed in and are not accepted yet: in memory while small, as fetched artifacts otherwise. */
import { toVillageError, VillageError } from '../../errors.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import type { TaskOutput } from '../tasks/task.ts'
import type { OutputRef } from './links.ts'
import { type HeldOutput, pinOf } from './outputs.ts'

interface ReceiveInit {
  readonly job: string
  readonly maxOutputBytes: number
  /** Called with an output that is here; what it throws is what went wrong. Null leaves it unread. */
  readonly inspect: ((output: TaskOutput) => Promise<void>) | null
  readonly signal: AbortSignal
}

export interface Inbox {
  /** The output of this lease is being fetched: a second result for it is refused. */
  isArriving(lease: number): boolean
  /** Makes the output local and keeps it under its lease; resolves with what went wrong, or null. */
  receive(lease: number, output: HeldOutput, init: ReceiveInit): Promise<VillageError | null>
  read(lease: number): Promise<TaskOutput>
  /** Takes it out. */
  take(lease: number): HeldOutput | undefined
}

const FETCH_TIMEOUT_MS = 300_000
/** Large outputs of one peer that are fetched and looked at at once: each takes memory for its window and its bytes. */
const FETCHED_AT_ONCE = 4

/** Makes the output local; throws when the worker does not deliver what it said. */
async function fetchOutput(
  artifacts: Pick<Artifacts, 'fetch'>,
  init: { peer: string; job: string; ref: OutputRef; maxOutputBytes: number; signal: AbortSignal },
): Promise<void> {
  const { ref } = init
  const sizeBytes = 'bytes' in ref ? ref.bytes.byteLength : ref.sizeBytes
  if (sizeBytes > init.maxOutputBytes)
    throw new VillageError('RESULT_INVALID', 'An output is larger than its task allows', {
      fields: { sizeBytes, maxOutputBytes: init.maxOutputBytes },
    })
  if ('bytes' in ref) return
  const tooLarge = new AbortController()
  const signal = AbortSignal.any([init.signal, tooLarge.signal, AbortSignal.timeout(FETCH_TIMEOUT_MS)])
  const info = await artifacts.fetch(ref.cid, {
    signal,
    providers: [init.peer],
    pin: pinOf(init.job),
    private: true,
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
}

export function createInbox(components: { artifacts: Pick<Artifacts, 'fetch' | 'read'> }): Inbox {
  const { artifacts } = components
  const held = new Map<number, HeldOutput>()
  const arriving = new Set<number>()
  /** Large outputs under way, and those that wait for them, by peer. */
  const fetching = new Map<string, { running: number; waiting: (() => void)[] }>()

  async function inTurn<T>(peer: string, work: () => Promise<T>): Promise<T> {
    const turns = fetching.get(peer) ?? { running: 0, waiting: [] }
    fetching.set(peer, turns)
    // Who is woken has been given the place of the one that woke it.
    if (turns.running >= FETCHED_AT_ONCE) await new Promise<void>((resolve) => turns.waiting.push(resolve))
    else turns.running += 1
    try {
      return await work()
    } finally {
      const next = turns.waiting.shift()
      if (next !== undefined) next()
      else {
        turns.running -= 1
        if (turns.running === 0) fetching.delete(peer)
      }
    }
  }

  async function open({ ref, stats }: HeldOutput): Promise<TaskOutput> {
    return { bytes: 'bytes' in ref ? ref.bytes : await artifacts.read(ref.cid), stats }
  }

  return {
    isArriving: (lease) => arriving.has(lease),
    async receive(lease, output, init) {
      arriving.add(lease)
      try {
        const { peer, ref } = output
        const take = async () => {
          init.signal.throwIfAborted()
          await fetchOutput(artifacts, { ...init, peer, ref })
          if (init.inspect !== null) await init.inspect(await open(output))
        }
        await ('bytes' in ref ? take() : inTurn(peer, take))
        held.set(lease, output)
        return null
      } catch (error) {
        return toVillageError(error)
      } finally {
        arriving.delete(lease)
      }
    },
    async read(lease) {
      const output = held.get(lease)
      if (output === undefined) throw new VillageError('ABORTED', 'The result is not needed any more')
      return open(output)
    },
    take(lease) {
      const output = held.get(lease)
      held.delete(lease)
      return output
    },
  }
}
