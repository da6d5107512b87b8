/**
 * A node with jobs in a process of its own, so that a test can kill it. Started with fork(): argv is the data directory and
 * how long a task takes in ms, and `faulty` where the first try of every task fails; it answers to messages { call, … } with { call, … }.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { VillageError } from '../../node/errors.ts'
import { patientSignal } from '../runner/deadline.ts'
import { startJobNode } from './job-nodes.ts'
import { stagedToyJob, toyJob, toyTask } from './toy-kinds.ts'

const [directory, taskMs, faulty] = process.argv.slice(2)
const tried = new Set<number>()
const node = await startJobNode({
  directory: directory!,
  taskKinds: [
    toyTask({
      async run(index, honest, signal) {
        if (faulty === 'faulty' && !tried.has(index)) {
          tried.add(index)
          throw new VillageError('TASK_FAILED')
        }
        await delay(Number(taskMs), undefined, { signal })
        return honest()
      },
    }),
  ],
  jobKinds: [toyJob, stagedToyJob],
})

export type Call =
  | { call: 'create' }
  | { call: 'invite' }
  | { call: 'join'; invite: string }
  | { call: 'submit'; tasks: number; sizeBytes: number; kind?: 'toys' | 'staged-toys' }
  | { call: 'get' | 'history' | 'wait'; id: string }

async function answer(message: Call): Promise<unknown> {
  switch (message.call) {
    case 'create':
      return node.mesh.villages.create({ name: 'test village', open: false })
    case 'invite':
      return node.mesh.villages.invite({ role: 'member', expiresInMs: 600_000, uses: 1 })
    case 'join':
      return node.mesh.villages.join(message.invite, { signal: patientSignal(30_000) })
    case 'submit':
      return node.jobs.submit({
        kind: message.kind ?? 'toys',
        params: { tasks: message.tasks, sizeBytes: message.sizeBytes },
      })
    case 'get':
      return node.jobs.get(message.id)
    case 'wait':
      return node.jobs.wait(message.id, { signal: patientSignal(60_000) })
    case 'history':
      return node.jobs.history(message.id)
  }
}

process.on('message', (message: Call) => {
  answer(message).then(
    (value) => process.send!({ call: message.call, value }),
    (error: Error) => process.send!({ call: message.call, error: error.message }),
  )
})
process.on('disconnect', () => process.exit(0))
process.send!({ call: 'ready', value: node.peer })
