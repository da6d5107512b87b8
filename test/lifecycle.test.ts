import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { VillageError } from '../node/errors.ts'
import { createLifecycle, type Service } from '../node/lifecycle.ts'
import { createLog } from '../node/log.ts'

const log = createLog({ level: 'silent' })
const lifecycle = suite('lifecycle')

/** A service that writes down what happens to it. */
function recorder(
  name: string,
  journal: string[],
  does: { start?: (signal: AbortSignal) => Promise<void>; stop?: () => Promise<void> } = {},
): Service {
  return {
    name,
    async start(signal) {
      journal.push(`start ${name}`)
      await does.start?.(signal)
      journal.push(`started ${name}`)
    },
    async stop() {
      journal.push(`stop ${name}`)
      await does.stop?.()
    },
  }
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => assert.unreachable('it did not reject'),
    (error: unknown) => error,
  )
}

lifecycle('starts in order and stops in reverse, each once', async () => {
  const journal: string[] = []
  const services = ['a', 'b', 'c'].map((name) => recorder(name, journal))
  const life = createLifecycle({ log }, services)
  await Promise.all([life.start(), life.start()])
  await Promise.all([life.stop(), life.stop()])
  await life.stop()
  assert.equal(journal, [
    ...['start a', 'started a', 'start b', 'started b', 'start c', 'started c'],
    ...['stop c', 'stop b', 'stop a'],
  ])
})

lifecycle('a failing start stops those before it and itself, and the failure is thrown', async () => {
  const journal: string[] = []
  const reason = new VillageError('DISK_FULL')
  const life = createLifecycle({ log }, [
    recorder('a', journal),
    recorder('b', journal, { start: () => Promise.reject(reason) }),
    recorder('c', journal),
  ])
  assert.is(await rejection(life.start()), reason)
  assert.equal(journal, ['start a', 'started a', 'start b', 'stop b', 'stop a'])
  assert.is(await rejection(life.start()), reason, 'a later start tells the same')
  await life.stop()
  assert.is(journal.length, 5)
})

lifecycle('a stop during the start aborts it and waits for it', async () => {
  const journal: string[] = []
  const entered = Promise.withResolvers<void>()
  const life = createLifecycle({ log }, [
    recorder('a', journal),
    recorder('b', journal, {
      start: (signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason))
          entered.resolve()
        }),
    }),
    recorder('c', journal),
  ])
  const started = rejection(life.start())
  await entered.promise
  await life.stop()
  assert.is(((await started) as VillageError).code, 'SHUTTING_DOWN')
  assert.equal(journal, ['start a', 'started a', 'start b', 'stop b', 'stop a'])
})

lifecycle(
  'a stop during the start of a last service that does not listen: the start is no success',
  async () => {
    const journal: string[] = []
    const entered = Promise.withResolvers<void>()
    const leave = Promise.withResolvers<void>()
    const life = createLifecycle({ log }, [
      recorder('deaf', journal, {
        start: () => {
          entered.resolve()
          return leave.promise
        },
      }),
    ])
    const started = rejection(life.start())
    await entered.promise
    const stopped = life.stop()
    leave.resolve()
    await stopped
    assert.is(((await started) as VillageError).code, 'SHUTTING_DOWN')
    assert.equal(journal, ['start deaf', 'started deaf', 'stop deaf'])
  },
)

lifecycle('a stop before the start: nothing starts any more', async () => {
  const journal: string[] = []
  const life = createLifecycle({ log }, [recorder('a', journal)])
  await life.stop()
  assert.is(((await rejection(life.start())) as VillageError).code, 'SHUTTING_DOWN')
  assert.equal(journal, [])
})

lifecycle('a service that fails to stop does not keep the others running, and is logged', async () => {
  const journal: string[] = []
  const lines: string[] = []
  const loud = createLog({ level: 'error', destination: { write: (line) => void lines.push(line) } })
  const life = createLifecycle({ log: loud }, [
    recorder('a', journal),
    recorder('b', journal, { stop: () => Promise.reject(new Error('stuck')) }),
  ])
  await life.start()
  await life.stop()
  assert.equal(journal.slice(-2), ['stop b', 'stop a'])
  assert.is(lines.length, 1)
  const line = JSON.parse(lines[0]!) as { service: string; msg: string; err: { message: string } }
  assert.is(line.service, 'b')
  assert.is(line.msg, 'service failed to stop')
  assert.is(line.err.message, 'stuck')
})

lifecycle.run()
