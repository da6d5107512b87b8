import { setTimeout } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { codecByName } from '../../node/compute/codecs/table.ts'
import { loadKernels } from '../../node/compute/kernels.ts'
import { createPool, type Pool, type PoolInit } from '../../node/compute/pool.ts'
import { type ErrorCode, VillageError } from '../../node/errors.ts'
import { createLog } from '../../node/log.ts'
import { gaussianMatrix } from '../helpers/weights.ts'
import type { TEST_OPERATIONS } from './pool-operations.ts'

const log = createLog({ level: 'silent' })
const TEST_WORKER = new URL('./pool-operations.ts', import.meta.url)

interface Context {
  pool: Pool<typeof TEST_OPERATIONS>
  real: Pool
}

const test = suite<Context>('pool')

test.before.each(async (context) => {
  context.pool = await startTestPool({ threads: 1 })
  context.real = createPool({ log }, { threads: 2 })
  await context.real.start(new AbortController().signal)
})

test.after.each(async ({ pool, real }) => {
  await Promise.all([pool.stop(), real.stop()])
})

async function startTestPool(init: PoolInit): Promise<Pool<typeof TEST_OPERATIONS>> {
  const pool = createPool<typeof TEST_OPERATIONS>({ log }, { workerUrl: TEST_WORKER, ...init })
  await pool.start(new AbortController().signal)
  return pool
}

function gate(): { gate: SharedArrayBuffer; open(): void } {
  const shared = new SharedArrayBuffer(4)
  return {
    gate: shared,
    open() {
      const cell = new Int32Array(shared)
      Atomics.store(cell, 0, 1)
      Atomics.notify(cell, 0)
    },
  }
}

async function rejects(promise: Promise<unknown>, code: ErrorCode): Promise<VillageError> {
  try {
    await promise
  } catch (error) {
    assert.instance(error, VillageError)
    assert.is((error as VillageError).code, code)
    return error as VillageError
  }
  throw new Error(`was not rejected with ${code}`)
}

test('encodes, measures, decodes and checks on threads, with the bytes of a direct call', async ({
  real,
}) => {
  // More rows than one chunk, so that the chunks are joined.
  const matrix = gaussianMatrix(300, 128)
  for (const codec of ['int8', 'int4']) {
    const { packed, stats } = await real.run('codec.encode', { codec, params: {}, matrix })
    assert.equal(packed, codecByName(codec).encode(matrix, {}, loadKernels()))
    assert.is(stats.packedBytes, packed.length)
    const decoded = await real.run('codec.decode', { packed })
    assert.is(decoded.data.length, matrix.data.length)
    const check = await real.run('codec.check', { codec, params: {}, matrix, packed, rows: [0, 17, 299] })
    assert.equal(check, { stats, wrongRows: [] })
  }
})

test('a slice that somebody altered is found out', async ({ real }) => {
  const matrix = gaussianMatrix(4, 64)
  const other = { ...matrix, data: matrix.data.slice() }
  other.data[64 * 2] = other.data[64 * 2]! + 0.01
  const { packed } = await real.run('codec.encode', { codec: 'int4', params: {}, matrix: other })
  const input = { codec: 'int4', params: {}, matrix, packed }
  const check = await real.run('codec.check', { ...input, rows: [0, 1, 2, 3] })
  assert.equal(check.wrongRows, [2])
  assert.is.not(check.stats.squaredError, 0)
  await rejects(real.run('codec.check', { ...input, codec: 'int8', rows: [] }), 'CODEC_MALFORMED')
  await rejects(
    real.run('codec.check', { ...input, params: { blockSize: 64 }, rows: [0] }),
    'CODEC_MALFORMED',
  )
  await rejects(
    real.run('codec.check', { ...input, matrix: gaussianMatrix(3, 64), rows: [] }),
    'CODEC_MALFORMED',
  )
})

test('tensor statistics go on from one chunk of rows to the next', async ({ real }) => {
  const { data } = gaussianMatrix(4, 32)
  const whole = await real.run('codec.stats', { matrix: { rows: 4, cols: 32, data } })
  const first = await real.run('codec.stats', { matrix: { rows: 1, cols: 32, data: data.slice(0, 32) } })
  const rest = { rows: 3, cols: 32, data: data.slice(32) }
  assert.equal(await real.run('codec.stats', { matrix: rest, stats: first, firstRow: 1 }), whole)
})

test('native off runs the reference, with the same bytes', async ({ real }) => {
  const reference = createPool({ log }, { threads: 1, native: 'off' })
  await reference.start(new AbortController().signal)
  const input = { codec: 'int4', params: {}, matrix: gaussianMatrix(4, 64) }
  const { packed } = await reference.run('codec.encode', input)
  assert.equal(packed, (await real.run('codec.encode', input)).packed)
  await reference.stop()
})

test('errors keep their code, message and fields', async ({ pool, real }) => {
  const error = await rejects(pool.run('fail', undefined as never), 'CODEC_NON_FINITE')
  assert.is(error.message, 'The weight at row 1, column 2 is NaN.')
  assert.equal(error.fields, { row: 1 })
  await rejects(
    real.run('codec.encode', { codec: 'none', params: {}, matrix: gaussianMatrix(1, 1) }),
    'INVALID_ARGUMENT',
  )
  await rejects(real.run('codec.decode', { packed: new Uint8Array(9) }), 'CODEC_MALFORMED')
  await rejects(pool.run('unsendable', undefined as never), 'INTERNAL')
})

test('inputs are copied unless they are given away', async ({ pool }) => {
  const values = Float32Array.of(1, 2, 3)
  assert.equal(await pool.run('double', { values }), { values: Float32Array.of(2, 4, 6) })
  assert.is(values.length, 3)
  // A view of a part of a buffer is copied even so: the rest of the buffer belongs to somebody else.
  const part = new Float32Array(8).subarray(2, 4)
  await pool.run('double', { values: part }, { transfer: true })
  assert.is(part.length, 2)
  assert.equal(await pool.run('double', { values }, { transfer: true }), { values: Float32Array.of(2, 4, 6) })
  assert.is(values.length, 0)
  await rejects(pool.run('double', { values }, { transfer: true }), 'INTERNAL')
  assert.equal(await pool.run('part', undefined as never), { part: Uint8Array.of(8, 7) })
})

test('higher priority first, then the order of arrival', async ({ pool }) => {
  const first = gate()
  const free = gate()
  free.open()
  const running = pool.run('wait', { gate: first.gate, name: 'first' })
  const add = (name: string, priority: number) => pool.run('wait', { gate: free.gate, name }, { priority })
  const others = [add('low', -1), add('a', 0), add('b', 0), add('high', 5)]
  assert.equal(pool.stats(), { threads: 1, busy: 0, queued: 5 })
  first.open()
  await Promise.all([running, ...others])
  const order = await pool.run('order', undefined as never)
  // The first began when the thread was ready, after all had been queued.
  assert.equal(order, ['high', 'first', 'a', 'b', 'low'])
})

test('a cancelled task that waits leaves the queue', async ({ pool }) => {
  const block = gate()
  const running = pool.run('wait', { gate: block.gate, name: 'block' })
  const abort = new AbortController()
  const waiting = pool.run('wait', { gate: block.gate, name: 'never' }, { signal: abort.signal })
  abort.abort(new VillageError('ABORTED', 'not needed'))
  assert.is((await rejects(waiting, 'ABORTED')).message, 'not needed')
  block.open()
  assert.is(await running, 'block')
  assert.equal(await pool.run('order', undefined as never), ['block'])
  await rejects(pool.run('order', undefined as never, { signal: AbortSignal.abort() }), 'ABORTED')
})

test('a running task hears that it is cancelled, and its thread goes on', async ({ pool }) => {
  await pool.run('order', undefined as never)
  const abort = new AbortController()
  const running = pool.run('obey', {}, { signal: abort.signal })
  assert.is(pool.stats().busy, 1)
  abort.abort()
  await rejects(running, 'ABORTED')
  assert.equal(await pool.run('order', undefined as never), [])
})

test('a long encoding stops between chunks of rows', async ({ real }) => {
  const abort = new AbortController()
  // Many seconds of work for one thread, if it went on.
  const matrix = gaussianMatrix(2048, 2048)
  const running = real.run(
    'codec.encode',
    { codec: 'seedlm', params: {}, matrix },
    { signal: abort.signal, transfer: true },
  )
  const small = await real.run('codec.encode', { codec: 'int4', params: {}, matrix: gaussianMatrix(1, 32) })
  assert.ok(small.packed.length > 0, 'another thread is free')
  abort.abort()
  await rejects(running, 'ABORTED')
  await real.stop()
  assert.is(real.stats().busy, 0)
})

test('a deaf task loses its thread, and another takes its place', async () => {
  const pool = await startTestPool({ threads: 1, abortGraceMs: 1 })
  await pool.run('order', undefined as never)
  const abort = new AbortController()
  const deaf = pool.run('deaf', undefined as never, { signal: abort.signal })
  abort.abort()
  await rejects(deaf, 'ABORTED')
  assert.equal(await pool.run('order', undefined as never), [])
  await pool.stop()
})

test('a thread that breaks or exits fails its task alone and is replaced', async ({ pool }) => {
  for (const name of ['crash', 'exit'] as const) {
    const broken = pool.run(name, undefined as never)
    const next = pool.run('double', { values: Float32Array.of(4) })
    const error = await rejects(broken, 'WORKER_CRASHED')
    assert.is(error.fields.operation, name)
    assert.equal(await next, { values: Float32Array.of(8) })
  }
})

test('threads that cannot start fail the tasks that wait for them, without end', async () => {
  const pool = createPool({ log }, { threads: 2, workerUrl: new URL('./pool-broken.ts', import.meta.url) })
  await pool.start(new AbortController().signal)
  const input = { packed: new Uint8Array(1) }
  const failures = [1, 2, 3].map(() => rejects(pool.run('codec.decode', input), 'WORKER_CRASHED'))
  for (const { fields } of await Promise.all(failures)) assert.type(fields.reason, 'string')
  assert.equal(pool.stats(), { threads: 2, busy: 0, queued: 0 })
  await pool.stop()
})

test('stop lets running tasks finish, refuses waiting and new ones, and is idempotent', async ({ pool }) => {
  await pool.run('order', undefined as never)
  const block = gate()
  const running = pool.run('wait', { gate: block.gate, name: 'last' })
  const waiting = pool.run('order', undefined as never)
  const stopped = pool.stop()
  await rejects(waiting, 'SHUTTING_DOWN')
  await rejects(pool.run('order', undefined as never), 'SHUTTING_DOWN')
  block.open()
  assert.is(await running, 'last')
  await stopped
  await pool.stop()
})

test('progress is told now and then, and the result after it', async ({ pool }) => {
  const told: number[] = []
  const output = await pool.run('steps', {}, { onProgress: (share) => told.push(share) })
  assert.is(output, 'done')
  assert.is(told[0], 0.001)
  assert.ok(told.length < 100, 'every single step was told')
})

test('an idle thread ends with what it had loaded; the next task gets a new one', async () => {
  const pool = await startTestPool({ threads: 1, idleMs: 1 })
  try {
    const first = await pool.run('thread', undefined as never)
    const deadline = AbortSignal.timeout(20_000)
    let next = first
    while (next === first) {
      deadline.throwIfAborted()
      await setTimeout(5)
      next = await pool.run('thread', undefined as never)
    }
    assert.is.not(next, first)
    const block = gate()
    const long = pool.run('wait', { gate: block.gate, name: 'long' })
    await setTimeout(20)
    block.open()
    assert.is(await long, 'long', 'a thread at work was ended')
  } finally {
    await pool.stop()
  }
})

test('a pool that was never started refuses work and stops', async () => {
  const pool = createPool({ log }, { threads: 1 })
  await rejects(pool.run('codec.decode', { packed: new Uint8Array(1) }), 'SHUTTING_DOWN')
  await pool.stop()
  const none = createPool({ log }, { threads: 0 })
  await rejects(none.start(new AbortController().signal), 'INVALID_ARGUMENT')
})

test.run()
