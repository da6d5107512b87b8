/**
 * A node with jobs in a process of its own, so that a test can kill it. Started with fork(): argv is the data directory and
 * how long a task takes in ms; it answers to messages { call, … } with { call, … }.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { startJobNode } from './job-nodes.ts'
import { stagedToyJob, toyJob, toyTask } from './toy-kinds.ts'

const [directory, taskMs] = process.argv.slice(2)
const node = await startJobNode({
  directory: directory!,
  taskKinds: [
    toyTask({
      async run(_index, honest, signal) {
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
  | { call: 'get'; id: string }

async function answer(message: Call): Promise<unknown> {
  switch (message.call) {
    case 'create':
      return node.mesh.villages.create({ name: 'test village', open: false })
    case 'invite':
      return node.mesh.villages.invite({ role: 'member', expiresInMs: 600_000, uses: 1 })
    case 'join':
      return node.mesh.villages.join(message.invite, { signal: AbortSignal.timeout(30_000) })
    case 'submit':
      return node.jobs.submit({
        kind: message.kind ?? 'toys',
        params: { tasks: message.tasks, sizeBytes: message.sizeBytes },
      })
    case 'get':
      return node.jobs.get(message.id)
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
