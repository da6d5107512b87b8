/** A client's rounds on the real trainer: what it keeps, and that it counts only when the server says so. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type ClientTask, trainClient } from '../../../node/federated/learn/client-operation.ts'
import { readGlobal } from '../../../node/federated/learn/global-state.ts'
import { readFederateSpec } from '../../../node/federated/learn/read-federate-spec.ts'
import {
  aggregateFiles,
  roundVectors,
  startGlobal,
  storeUpdate,
} from '../../../node/federated/learn/server-operations.ts'
import { decodeUpdate } from '../../../node/federated/learn/update-codec.ts'
import { readVectors } from '../../../node/federated/learn/vector-file.ts'
import { floatsOf } from '../../../node/federated/learn/vector-stream.ts'
import { writeTinyModel } from '../../helpers/language-models.ts'
import { rejectsCode } from '../../helpers/throws.ts'
import { trainingText } from '../../helpers/training-data.ts'

let root = ''
let modelDir = ''
let text = ''
const signal = new AbortController().signal
const nothing = () => undefined

test.before(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'village-federate-'))
  modelDir = path.join(root, 'model')
  await writeTinyModel(modelDir, 'llama')
  text = path.join(root, 'text.txt')
  await writeFile(text, trainingText(40))
})
test.after(() => rm(root, { recursive: true }))

async function setUp(name: string, over: object) {
  const spec = readFederateSpec({
    name,
    model: 'tiny',
    data: 'd',
    rounds: 5,
    local: { steps: 3, batch: 2, length: 16, learningRate: 0.05 },
    ...over,
  })
  const file = path.join(root, name, 'global-0.bin')
  const { elements, layoutHash } = await startGlobal({ modelDir, spec, threads: 1, file })
  const { parameters, control } = readGlobal(file)
  const directory = path.join(root, name, 'client')
  const task: ClientTask = {
    directory,
    modelDir,
    files: [text],
    federation: 'f',
    client: 'c',
    round: 0,
    counted: null,
    spec,
    dataSeed: 0,
    stepsBefore: null,
    layoutHash,
    parameters,
    control,
    threads: 1,
  }
  const train = (over: Partial<ClientTask> = {}) => trainClient({ ...task, ...over }, signal, nothing)
  return { spec, file, elements, task, train, directory }
}

test('the same round gives the same bytes; what was pending counts only when the server says so', async () => {
  const { train, directory } = await setUp('kept', { compression: { codec: 'topk-int8', share: 0.05 } })
  const first = await train()
  assert.equal((await train()).bytes, first.bytes)
  // Not counted: the next round begins as if nothing had been sent.
  const forgotten = await train({ round: 1 })
  const counted = await train({ round: 0 }).then(() => train({ round: 1, counted: 0 }))
  assert.not.equal(counted.bytes, forgotten.bytes)
  const state = readVectors(path.join(directory, 'state.bin'))!
  assert.equal([state.facts.round, state.facts.steps], [0, 3])
  assert.ok(state.vectors.get('residual')!.some((value) => value !== 0))
  assert.is(readVectors(path.join(directory, 'pending.bin'))!.facts.steps, 6)
  // A server that speaks of a round that this client knows nothing of meets a fresh one.
  assert.equal((await train({ round: 1, counted: 7 })).bytes, forgotten.bytes)
})

test('in secure sums no word of the server has the same steps made again, and the order of the texts is its own', async () => {
  const { train } = await setUp('order', { secure: {} })
  const first = await train({ stepsBefore: 0 })
  assert.equal((await train({ stepsBefore: 0 })).bytes, first.bytes)
  assert.not.equal((await train({ round: 1, stepsBefore: 3 })).bytes, first.bytes)
  // Another federation with the same model and terms.
  const other = await setUp('order-again', { secure: {} })
  assert.not.equal((await other.train({ stepsBefore: 0, dataSeed: 1 })).bytes, first.bytes)
})

test('DiLoCo goes on with the moments of its optimiser', async () => {
  const { train, directory } = await setUp('diloco', { strategy: 'diloco' })
  await train()
  await train({ round: 1, counted: 0 })
  const { vectors, facts } = readVectors(path.join(directory, 'pending.bin'))!
  assert.equal([...vectors.keys()], ['moment0', 'moment1'])
  assert.is(facts.optimiserStep, 6)
})

test('SCAFFOLD over two rounds: the variates of client and server follow from the updates', async () => {
  const { train, task, file, elements, spec, directory } = await setUp('scaffold', { strategy: 'scaffold' })
  const made = await train()
  const delta = decodeUpdate(made.bytes, 'none', elements)
  const change = decodeUpdate(made.control!, 'none', elements)
  // Option II from zeros: cᵢ = (x − y) / (K η).
  const { steps, learningRate } = spec.local
  for (let i = 0; i < elements; i++)
    assert.ok(Math.abs(change[i]! + delta[i]! / (steps * learningRate)) < 1e-5)
  const stored = path.join(root, 'scaffold', 'update.bin')
  await storeUpdate({
    update: made.bytes,
    control: made.control,
    codec: 'none',
    elements,
    maxNorm: null,
    file: stored,
  })
  const next = path.join(root, 'scaffold', 'global-1.bin')
  const outcome = await aggregateFiles({
    spec,
    secretSeed: 1,
    globalFile: file,
    nextFile: next,
    files: [stored],
    weights: [made.tokens],
    population: 4,
    summed: null,
  })
  assert.equal(outcome.used, [0])
  const state = readGlobal(next)
  for (let i = 0; i < elements; i++) {
    assert.ok(Math.abs(state.parameters[i]! - task.parameters[i]! - delta[i]!) < 1e-6)
    // One of four clients has reported.
    assert.ok(Math.abs(state.control![i]! - change[i]! / 4) < 1e-6)
  }
  const { vectors, hasControl } = await roundVectors({ file: next })
  assert.ok(hasControl)
  assert.equal(floatsOf(vectors).slice(elements), state.control)
  await train({ round: 1, counted: 0, parameters: state.parameters, control: state.control })
  assert.equal(readVectors(path.join(directory, 'state.bin'))!.vectors.get('control'), change)
})

test('FedProx pulls the real trainer back to where it began, from the second step on', async () => {
  const moved = async (name: string, over: object) => {
    const { train, elements } = await setUp(name, over)
    return Math.hypot(...decodeUpdate((await train()).bytes, 'none', elements))
  }
  const local = { steps: 3, batch: 2, length: 16, learningRate: 0.05 }
  const plain = await moved('plain', { local })
  const pulled = await moved('pulled', { strategy: 'fedprox', local: { ...local, proximal: 10 } })
  assert.ok(pulled < plain * 0.85, `${pulled} ${plain}`)
  const one = { ...local, steps: 1 }
  const first = await moved('first', { local: one })
  assert.ok(
    Math.abs(
      first - (await moved('first-pulled', { strategy: 'fedprox', local: { ...one, proximal: 10 } })),
    ) < 1e-6,
  )
})

test('a model of another layout is refused; LoRA trains the adapters alone', async () => {
  const { train } = await setUp('layout', {})
  await rejectsCode(train({ layoutHash: '00' }), 'FEDERATION_REFUSED')
  const full = await setUp('full', {})
  const lora = await setUp('lora', { method: { kind: 'lora', rank: 2 } })
  assert.ok(lora.elements < full.elements / 5, `${lora.elements} ${full.elements}`)
  const made = await lora.train()
  assert.ok(decodeUpdate(made.bytes, 'none', lora.elements).some((value) => value !== 0))
})

test.run()
