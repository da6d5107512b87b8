/** What is made ahead of a step of a job: bounded, forgotten with its step, and never a reason for the job to fail. */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Ahead, createAhead } from '../../../node/compute/jobs/ahead.ts'
import type { JsonObject } from '../../../node/json.ts'
import { createLog } from '../../../node/log.ts'
import { until } from '../../helpers/mesh.ts'

interface Result {
  readonly task: number
}

const root = mkdtempSync(path.join(tmpdir(), 'village-ahead-'))
test.after(() => rmSync(root, { recursive: true, force: true }))

interface Call {
  readonly result: Result
  readonly file: string
  end(value: JsonObject | null): void
  fail(error: Error): void
}

/** Makes one file for every result, when the test says so. */
function setup(name: string, abort = new AbortController()) {
  const directory = path.join(root, name)
  const calls: Call[] = []
  const told: string[] = []
  const log = createLog({ level: 'warn', destination: { write: (line: string) => void told.push(line) } })
  const ahead: Ahead<Result> = createAhead(
    { log },
    {
      job: name,
      directory,
      signal: abort.signal,
      make: (result, file) =>
        new Promise((resolve, reject) => {
          writeFileSync(file, 'made')
          calls.push({ result, file, end: resolve, fail: reject })
        }),
    },
  )
  const files = () => readdirSync(root).filter((one) => one.startsWith(name))
  return { ahead, calls, told, files, abort }
}

const results = (count: number): Result[] => Array.from({ length: count }, (_, task) => ({ task }))

test('four at a time, in their order, and each keeps what was made of it', async () => {
  const { ahead, calls } = setup('order')
  const offered = results(6)
  for (const result of offered) ahead.offer(result)
  await until('four are being made', () => calls.length === 4)
  calls[0]!.end({ of: 0 })
  await until('the next is begun', () => calls.length === 5)
  assert.equal(
    calls.map(({ result }) => result.task),
    [0, 1, 2, 3, 4],
  )
  assert.equal(ahead.of(offered[0]!), { of: 0 })
  assert.is(ahead.of(offered[1]!), null)
  // The same task computed again is another result.
  assert.is(ahead.of({ task: 0 }), null)
  const rest = ahead.rest()
  for (const call of calls.slice(1)) call.end(null)
  await rest
  assert.is(calls.length, 5, 'what waited was given up')
  assert.equal(ahead.of(offered[0]!), { of: 0 }, 'and what was made is still there')
})

test('clear() waits for what is being made, removes its files and forgets it; the next step begins anew', async () => {
  const { ahead, calls, files } = setup('clear')
  const [first, second] = results(2) as [Result, Result]
  ahead.offer(first)
  await until('one is being made', () => calls.length === 1)
  let cleared = false
  const clearing = ahead.clear().then(() => {
    cleared = true
  })
  // It belongs to the next step: the files of the last are still there.
  ahead.offer(second)
  await until('the other is being made', () => calls.length === 2)
  assert.not(cleared)
  assert.is.not(path.dirname(calls[1]!.file), path.dirname(calls[0]!.file))
  calls[0]!.end({ of: 'first' })
  await clearing
  assert.not(existsSync(calls[0]!.file))
  assert.ok(existsSync(calls[1]!.file))
  calls[1]!.end({ of: 'second' })
  await ahead.rest()
  assert.is(ahead.of(first), null)
  assert.equal(ahead.of(second), { of: 'second' })
  await ahead.clear()
  assert.equal(files(), [])
})

test('a failure ends it for the job and is told once; what was made before stays good', async () => {
  const { ahead, calls, told } = setup('failure')
  const offered = results(7)
  for (const result of offered) ahead.offer(result)
  await until('four are being made', () => calls.length === 4)
  calls[0]!.end({ of: 0 })
  await until('the fifth is begun', () => calls.length === 5)
  calls[1]!.fail(Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }))
  calls[2]!.fail(new Error('the same again'))
  await until('it was told', () => told.length > 0)
  calls[3]!.end({ of: 3 })
  calls[4]!.end(null)
  await ahead.rest()
  ahead.offer({ task: 9 })
  await ahead.rest()
  assert.is(calls.length, 5)
  assert.is(told.length, 1)
  assert.match(told[0]!, /no space left on device/)
  assert.equal(ahead.of(offered[0]!), { of: 0 })
  assert.equal(ahead.of(offered[3]!), { of: 3 })
  assert.is(ahead.of(offered[1]!), null)
})

test('what fails because the job was ended is not told', async () => {
  const { ahead, calls, told, files, abort } = setup('ended')
  const [one, two] = results(2) as [Result, Result]
  ahead.offer(one)
  await until('one is being made', () => calls.length === 1)
  abort.abort(new Error('cancelled'))
  calls[0]!.fail(new Error('aborted'))
  ahead.offer(two)
  await ahead.clear()
  assert.is(calls.length, 1)
  assert.equal(told, [])
  assert.equal(files(), [])
})

test.run()
