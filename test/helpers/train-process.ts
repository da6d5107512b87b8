/** A node that trains, in a process of its own, so that a test can kill it. Started with fork(): argv is the data directory. */
import type { JsonObject } from '../../node/json.ts'
import { patientSignal } from '../runner/deadline.ts'
import { startJobNode } from './job-nodes.ts'

const [directory] = process.argv.slice(2)
const node = await startJobNode({ directory: directory!, cores: 2 })

export type TrainCall =
  | { call: 'add'; path: string; id: string }
  | { call: 'submit'; params: JsonObject }
  | { call: 'wait'; id: string }
  /** Forgets a model and tells its CID. */
  | { call: 'take'; id: string }

async function answer(message: TrainCall): Promise<unknown> {
  switch (message.call) {
    case 'add':
      return node.models.add({ path: message.path, id: message.id })
    case 'submit':
      return node.jobs.submit({ kind: 'train', params: message.params })
    case 'wait':
      return node.jobs.wait(message.id, { signal: patientSignal(60_000) })
    case 'take': {
      const { cid } = await node.models.need(message.id)
      await node.models.remove(message.id)
      return cid
    }
  }
}

process.on('message', (message: TrainCall) => {
  answer(message).then(
    (value) => process.send!({ call: message.call, value }),
    (error: Error) => process.send!({ call: message.call, error: error.message }),
  )
})
process.on('disconnect', () => process.exit(0))
process.send!({ call: 'ready', value: node.peer })
