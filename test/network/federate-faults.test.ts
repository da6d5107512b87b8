/** SIGKILL of the server and of a client in the middle of a round. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { VillageEvent } from '../../node/events.ts'
import type { FederationView } from '../../node/federated/learn/federation-view.ts'
import { ended, startFederateNode, stopFederateNodes } from '../helpers/federate-nodes.ts'
import type { FederateCall } from '../helpers/federate-process.ts'
import { writeTinySource } from '../helpers/language-models.ts'
import { stopMeshNodes, temporaryDirectory } from '../helpers/mesh.ts'
import { trainingText } from '../helpers/training-data.ts'

const SCRIPT = fileURLToPath(new URL('../helpers/federate-process.ts', import.meta.url))
const children = new Set<ChildProcess>()

type Changed = Extract<VillageEvent, { type: 'federation:changed' }>['data']

class Remote {
  readonly child: ChildProcess
  constructor(argv: readonly string[]) {
    this.child = fork(SCRIPT, argv, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    children.add(this.child)
  }
  hear<T>(call: string): Promise<T> {
    return new Promise((resolve, reject) => {
      const listen = (message: { call: string; value?: T; error?: string }) => {
        if (message.call !== call) return
        this.child.off('message', listen)
        this.child.off('exit', gone)
        if (message.error === undefined) resolve(message.value as T)
        else reject(new Error(message.error))
      }
      const gone = (code: number | null) => reject(new Error(`the process ended with ${code}`))
      this.child.on('message', listen)
      this.child.on('exit', gone)
    })
  }
  ask<T>(message: FederateCall): Promise<T> {
    const answer = this.hear<T>(message.call)
    this.child.send(message)
    return answer
  }
  /** Resolves with the first change of a federation that holds. */
  changed(holds: (change: Changed) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const gone = (code: number | null) => reject(new Error(`the process ended with ${code}`))
      this.child.on('exit', gone)
      this.child.on('message', ({ call, value }: { call: string; value: Changed }) => {
        if (call !== 'changed') return
        if (value.state === 'failed') reject(new Error('the federation failed'))
        if (!holds(value)) return
        this.child.off('exit', gone)
        resolve()
      })
    })
  }
  async kill(): Promise<void> {
    const gone = once(this.child, 'exit')
    this.child.kill('SIGKILL')
    await gone
    children.delete(this.child)
  }
}

test.after.each(async () => {
  for (const child of children) child.kill('SIGKILL')
  children.clear()
  await stopFederateNodes()
  await stopMeshNodes()
})

async function written(name: string, documents: number): Promise<string> {
  const file = path.join(await temporaryDirectory(), name)
  writeFileSync(file, trainingText(documents))
  return file
}

async function tinyModel(): Promise<string> {
  const source = path.join(await temporaryDirectory(), 'tiny')
  writeTinySource(source, 'llama')
  return source
}

const CONFIG = {
  name: 'faults',
  model: 'tiny',
  data: 'stories',
  // Client and server both keep a vector that has to stay in step with the other's.
  strategy: 'scaffold',
  compression: { codec: 'topk-int8', share: 0.2 },
  local: { steps: 150, batch: 2, length: 16, learningRate: 0.02 },
}

test('SIGKILL of the server and of a client in mid-round: both go on, and every round has every client', async () => {
  const home = await temporaryDirectory()
  const away = await temporaryDirectory()
  const file = await written('away.txt', 25)
  const server = new Remote([home])
  const killed = new Remote([away, `stories=${file}`])
  await Promise.all([server.hear('ready'), killed.hear('ready')])
  await server.ask({ call: 'create' })
  const { invite } = await server.ask<{ invite: string }>({ call: 'invite' })
  await killed.ask({ call: 'join', invite })
  const client = await startFederateNode({ data: [`stories=${await written('here.txt', 40)}`] })
  await client.mesh.villages.join(invite, { signal: AbortSignal.timeout(30_000) })
  await server.ask({ call: 'add', path: await tinyModel(), id: 'tiny' })
  const config = { ...CONFIG, rounds: 2, clients: { minimum: 2, target: 2, deadlineSeconds: 60 } }
  const inRound = server.changed(({ asked }) => asked === 2)
  const inNext = server.changed(({ round, answered }) => round === 1 && answered === 1)
  const { id } = await server.ask<FederationView>({ call: 'begin', config })
  // In the middle of the first round: the client dies, and its round is made by it after all.
  await inRound
  await killed.kill()
  // What comes after the deaths runs here: a process less to start.
  const { pool } = client
  await startFederateNode({ directory: away, data: [`stories=${file}`], pool })
  // In the middle of the second: one update has come in, and the server dies.
  await inNext
  await server.kill()
  const revived = await startFederateNode({ directory: home, pool })
  const done = await ended(revived, id)
  assert.is(done.state, 'done', JSON.stringify(done.error))
  assert.equal(
    done.rounds.map(({ used, attempt }) => [used, attempt]),
    [
      [2, 0],
      [2, 0],
    ],
  )
})

test.run()
