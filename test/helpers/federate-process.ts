/**
 * A node of federated learning in a process of its own, so that a test can kill it. Started with fork(): argv is the data directory
 * and, for a client, an entry of federate.data.
 */
import type { JsonObject } from '../../node/json.ts'
import { patientSignal } from '../runner/deadline.ts'
import { startFederateNode } from './federate-nodes.ts'

const [directory, data] = process.argv.slice(2)
const node = await startFederateNode({
  directory: directory!,
  ...(data === undefined ? {} : { data: [data] }),
})

export type FederateCall =
  | { call: 'create' }
  | { call: 'invite' }
  | { call: 'join'; invite: string }
  | { call: 'add'; path: string; id: string }
  | { call: 'begin'; config: JsonObject }

async function answer(message: FederateCall): Promise<unknown> {
  const { villages } = node.mesh
  switch (message.call) {
    case 'create':
      return villages.create({ name: 'test village', open: false })
    case 'invite':
      return villages.invite({ role: 'member', expiresInMs: 600_000, uses: 10 })
    case 'join':
      return villages.join(message.invite, { signal: patientSignal(30_000) })
    case 'add':
      return node.models.add({ path: message.path, id: message.id })
    case 'begin':
      return node.federations.begin(message.config, { simulate: false })
  }
}

node.mesh.events.subscribe((event) => {
  if (event.type === 'federation:changed') process.send!({ call: 'changed', value: event.data })
})
process.on('message', (message: FederateCall) => {
  answer(message).then(
    (value) => process.send!({ call: message.call, value }),
    (error: Error) => process.send!({ call: message.call, error: error.message }),
  )
})
process.on('disconnect', () => process.exit(0))
process.send!({ call: 'ready', value: node.peer })
