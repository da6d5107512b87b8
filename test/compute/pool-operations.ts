/** A thread of the pool for tests: the real worker loop over operations that misbehave on demand. */
import { threadId } from 'node:worker_threads'
import { serveOperations } from '../../node/compute/serve-operations.ts'
import { VillageError } from '../../node/errors.ts'

const order: string[] = []

export const TEST_OPERATIONS = {
  /** Ends when the gate opens; remembers that it ran. */
  async wait({ gate, name }: { gate: SharedArrayBuffer; name: string }) {
    order.push(name)
    await Atomics.waitAsync(new Int32Array(gate), 0, 0).value
    return name
  },
  order: () => [...order],
  thread: () => threadId,
  steps(_: object, _signal: AbortSignal, progress: (share: number) => void) {
    for (let step = 1; step <= 1_000; step++) progress(step / 1_000)
    return 'done'
  },
  double: ({ values }: { values: Float32Array }) => ({ values: values.map((value) => value * 2) }),
  /** Gives back a part of a larger buffer, which must not be given away. */
  part: () => ({ part: new Uint8Array([9, 8, 7, 6]).subarray(1, 3) }),
  fail() {
    throw new VillageError('CODEC_NON_FINITE', 'The weight at row 1, column 2 is NaN.', {
      fields: { row: 1 },
    })
  },
  unsendable: () => () => 1,
  /** Ends when it is cancelled, and only then. */
  obey: (_: object, signal: AbortSignal) =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  /** Takes no notice of anything. */
  deaf() {
    for (;;);
  },
  crash() {
    setImmediate(() => {
      throw new Error('the thread broke')
    })
    return new Promise(() => {})
  },
  exit: () => process.exit(3),
}

serveOperations(TEST_OPERATIONS)
