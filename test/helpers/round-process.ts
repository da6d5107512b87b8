/**
 * A node with runs of evolution in a process of its own, so that a test can kill it. Started with fork(): argv is the data directory and a file
 * that gets a line for each candidate that is scored. It answers to messages { call, … } with { call, … }, and tells every change of a run.
 */
import { appendFileSync } from 'node:fs'
import { genomeHash } from '../../node/federated/rounds/run-rules.ts'
import type { RunSpec } from '../../node/federated/rounds/run-spec.ts'
import { patientSignal } from '../runner/deadline.ts'
import { startRoundNode } from './round-nodes.ts'
import { toyWorkload } from './toy-workload.ts'

const [directory, scorings] = process.argv.slice(2)
const node = await startRoundNode({
  directory: directory!,
  workloads: {
    toy: toyWorkload({
      // Synchronous: what was begun before a kill is in the file.
      watch: (genome, split) => appendFileSync(scorings!, `${split} ${genomeHash(genome)}\n`),
    }),
  },
})

export type RoundCall =
  | { call: 'create' }
  | { call: 'invite' }
  | { call: 'join'; invite: string }
  | { call: 'announce'; spec: RunSpec }
  | { call: 'view'; run: string }
  | { call: 'runs' }
  | { call: 'verify'; run: string }
  | { call: 'blocks'; run: string }
  | { call: 'act'; run: string; action: 'pause' | 'resume' | 'stop' }

async function answer(message: RoundCall): Promise<unknown> {
  switch (message.call) {
    case 'create':
      return node.mesh.villages.create({ name: 'test village', open: false })
    case 'invite':
      return node.mesh.villages.invite({ role: 'member', expiresInMs: 600_000, uses: 1 })
    case 'join':
      return node.mesh.villages.join(message.invite, { signal: patientSignal(30_000) })
    case 'announce':
      return node.rounds.announce(message.spec, patientSignal(30_000))
    case 'view':
      return node.rounds.list().find(({ run }) => run === message.run) ?? null
    case 'runs':
      return node.rounds.list().map(({ run }) => run)
    case 'verify':
      return node.rounds.verify(message.run)
    case 'blocks':
      return node.rounds.blocks(message.run, 1, 10_000)
    case 'act':
      return node.rounds.act(message.run, message.action)
  }
}

process.on('message', (message: RoundCall) => {
  answer(message).then(
    (value) => process.send!({ call: message.call, value: value ?? null }),
    (error: Error) => process.send!({ call: message.call, error: error.message }),
  )
})
process.on('disconnect', () => process.exit(0))
process.send!({ call: 'ready', value: node.peer })
