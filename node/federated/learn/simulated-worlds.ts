/** What virtual clients learn: the generated classification task, or a language model on parts of texts. */
import type { BatchSource, RowSource } from '../../compute/training/batches.ts'
import { layRow } from '../../compute/training/packing.ts'
import { counterRandom, streamOf } from '../../compute/training/philox.ts'
import { IGNORED_LABEL } from '../../compute/training/trainer.ts'
import { VillageError } from '../../errors.ts'
import { dirichlet } from './dirichlet.ts'
import { type FederateSpec, localOptimiser } from './federate-spec.ts'
import { createFlatTrainer } from './flat-trainer.ts'
import { modelLocalTrainer, openModelTrainer, openTexts, parametersOf } from './model-trainer.ts'
import { split } from './parameter-layout.ts'
import type { SimulatedWorld } from './simulate.ts'
import { createSimulatedTask } from './simulated-task.ts'

const TEST_EXAMPLES = 2_000
/** Share of the rows of a text that no client learns. */
const TEST_SHARE = 0.1
const MAX_TEST_BATCHES = 8

/** 1,000 clients with little data each, of few classes each. */
export function classificationWorld(spec: FederateSpec): SimulatedWorld {
  const { clients, alpha, classes, features, hidden, examples } = spec.simulation!
  const task = createSimulatedTask({
    seed: spec.seed,
    clients,
    alpha,
    classes,
    features,
    hidden,
    examplesByClient: examples,
    testExamples: TEST_EXAMPLES,
  })
  const optimiser = localOptimiser(spec.local)
  return {
    clients,
    start: task.start(),
    trainer: (client) =>
      createFlatTrainer(
        {
          elements: task.elements,
          gradient: (at, parameters, into) => task.gradient(client, at, spec.local.batch, parameters, into),
        },
        optimiser,
      ),
    test: async (parameters) => task.test(parameters),
  }
}

/** Rows that one client has: a part of the text that belongs together, so that clients differ as the parts do. */
interface Part {
  readonly start: number
  readonly rows: number
}

/** Parts of sizes drawn from a Dirichlet distribution, at least one batch each. Throws INVALID_ARGUMENT for too little text. */
export function partsOf(rows: number, spec: FederateSpec): Part[] {
  const { clients, alpha } = spec.simulation!
  const { batch } = spec.local
  const spare = rows - clients * batch
  if (spare < 0)
    throw new VillageError(
      'INVALID_ARGUMENT',
      `${clients} clients need ${clients * batch} rows of text, and there are ${rows}`,
      { fields: { argument: 'simulation.clients' } },
    )
  const shares = dirichlet(clients, alpha, counterRandom(spec.seed, streamOf('parts')))
  let start = 0
  return Array.from(shares, (share) => {
    const part = { start, rows: batch + Math.floor(share * spare) }
    start += part.rows
    return part
  })
}

/** Batches of one part, over and over, in the order of the text. */
function batchesOf(rows: RowSource, part: Part, batch: number, length: number): BatchSource {
  return {
    rows: part.rows,
    heldOutBatches: 0,
    batch(at) {
      const made = {
        tokens: new Int32Array(batch * length),
        labels: new Int32Array(batch * length).fill(IGNORED_LABEL),
      }
      for (let index = 0; index < batch; index++)
        layRow(rows.row('train', part.start + ((at + index) % part.rows)), made, index * length)
      return made
    },
    heldOut() {
      throw new VillageError('INTERNAL', 'A part of a text holds nothing back')
    },
  }
}

/** One trainer serves all clients in turn. Close it afterwards. */
export async function languageWorld(
  init: {
    spec: FederateSpec
    modelDir: string
    files: readonly string[]
    directory: string
    threads: number
  },
  signal: AbortSignal,
): Promise<SimulatedWorld & AsyncDisposable> {
  const { spec, modelDir, files, directory, threads } = init
  const { batch, length } = spec.local
  const texts = await openTexts({ directory, modelDir, files, spec }, signal)
  const { trainer, layout } = await openModelTrainer(modelDir, spec, threads)
  const { rows } = texts
  const testRows = Math.max(batch, Math.floor(rows.rows * TEST_SHARE))
  const parts = partsOf(rows.rows - testRows, spec)
  const testPart = batchesOf(rows, { start: rows.rows - testRows, rows: testRows }, batch, length)
  return {
    clients: parts.length,
    start: parametersOf(trainer, layout),
    trainer: (client) =>
      modelLocalTrainer({ trainer, layout, batches: batchesOf(rows, parts[client]!, batch, length), spec }),
    async test(parameters, testSignal) {
      trainer.restore({ ...trainer.state(), parameters: split(layout, parameters) })
      let lossSum = 0
      let count = 0
      for (let at = 0; at < Math.min(testRows, MAX_TEST_BATCHES * batch); at += batch) {
        const loss = await trainer.loss(testPart.batch(at), testSignal)
        lossSum += loss.lossSum
        count += loss.count
      }
      return { loss: lossSum / count, accuracy: null }
    },
    async [Symbol.asyncDispose]() {
      await trainer.close()
      texts[Symbol.dispose]()
    },
  }
}
