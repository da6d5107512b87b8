/** A kind of task that is cheap and checkable, and a job made of it: the services under test are the real ones. */
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import type { JobKind } from '../../node/compute/jobs/job.ts'
import { readParams } from '../../node/compute/tasks/read-params.ts'
import type { TaskKind, TaskOutput } from '../../node/compute/tasks/task.ts'
import { VillageError } from '../../node/errors.ts'

export interface ToyInit {
  readonly check?: 'verify' | 'replicate'
  /** What a worker does instead of the honest thing. */
  readonly run?: (
    index: number,
    honest: () => TaskOutput,
    signal: AbortSignal,
  ) => Promise<TaskOutput> | TaskOutput
  /** Called on every start of a task. */
  readonly started?: (index: number) => void
  readonly inputs?: readonly string[]
}

/** The bytes of task `index`: a chain of hashes, `sizeBytes` long. */
export function toyBytes(index: number, sizeBytes: number): Uint8Array {
  const out = new Uint8Array(sizeBytes)
  let block = createHash('sha256').update(`toy ${index}`).digest()
  for (let at = 0; at < sizeBytes; at += block.length) {
    out.set(block.subarray(0, Math.min(block.length, sizeBytes - at)), at)
    block = createHash('sha256').update(block).digest()
  }
  return out
}

const sumOf = (bytes: Uint8Array) => bytes.reduce((sum, byte) => sum + byte, 0)

export function toyTask(init: ToyInit = {}): TaskKind {
  return {
    kind: 'toy',
    check: init.check ?? 'verify',
    parseParams(input) {
      const reader = readParams(input)
      const index = reader.integer('index', 0, 1_000_000)
      const sizeBytes = reader.integer('sizeBytes', 1, 4 * 2 ** 20)
      reader.end()
      return { index, sizeBytes }
    },
    inputs: () => [...(init.inputs ?? [])],
    estimate: ({ sizeBytes }) => ({ memoryBytes: 1024, cost: 1, maxOutputBytes: sizeBytes as number }),
    async run(params, { signal }) {
      const index = params.index as number
      init.started?.(index)
      const honest = () => {
        const bytes = toyBytes(index, params.sizeBytes as number)
        return { bytes, stats: { sum: sumOf(bytes) } }
      }
      return init.run === undefined ? honest() : init.run(index, honest, signal)
    },
    async inspect(params, output) {
      if (output.bytes.byteLength !== params.sizeBytes || typeof output.stats.sum !== 'number')
        throw new VillageError('RESULT_INVALID')
    },
    async verify(params, output, _context, depth) {
      const expected = toyBytes(params.index as number, params.sizeBytes as number)
      if (Buffer.compare(output.bytes, expected) !== 0 || output.stats.sum !== sumOf(expected))
        throw new VillageError('RESULT_INVALID')
      return { exact: depth === 'full' }
    },
    agree: (a, b) => Buffer.compare(a.bytes, b.bytes) === 0 && a.stats.sum === b.stats.sum,
  }
}

/** `tasks` toy tasks; with `chain` each waits for the one before. The result is the hash of all outputs in order. */
export const toyJob: JobKind = {
  kind: 'toys',
  parseParams(input) {
    const reader = readParams(input)
    const tasks = reader.integer('tasks', 0, 100_000)
    const sizeBytes = reader.integer('sizeBytes', 1, 4 * 2 ** 20, 32)
    const chain = reader.flag('chain')
    reader.end()
    return { tasks, sizeBytes, chain }
  },
  async plan({ tasks, sizeBytes, chain }) {
    return Array.from({ length: tasks as number }, (_, index) => ({
      kind: 'toy',
      params: { index, sizeBytes: sizeBytes as number },
      after: chain === true && index > 0 ? [index - 1] : [],
      label: `toy ${index}`,
    }))
  },
  async assemble(_params, results, { artifacts, pin }) {
    const hash = createHash('sha256')
    for (const result of results) hash.update(await result.read())
    const { cid } = await artifacts.addBytes(hash.digest(), { pin })
    return { cid, artifacts: [cid] }
  },
}

/**
 * Toy tasks in stages: `tasks` of them, then (a stage without tasks) a number that the bytes of the first stage decide,
 * then as many tasks as that number says. What of the first stage is read ahead is read again from the file that was made of
 * it, as if it were dear. The result is the hash of all outputs in order.
 */
export const stagedToyJob: JobKind & Required<Pick<JobKind, 'next' | 'ahead'>> = {
  kind: 'staged-toys',
  parseParams(input) {
    const reader = readParams(input)
    const tasks = reader.integer('tasks', 1, 1_000)
    const sizeBytes = reader.integer('sizeBytes', 1, 4 * 2 ** 20, 32)
    reader.end()
    return { tasks, sizeBytes }
  },
  plan: async () => [],
  async next({ tasks, sizeBytes }, stages) {
    const toys = (from: number, count: number) =>
      Array.from({ length: count }, (_, index) => ({
        kind: 'toy',
        params: { index: from + index, sizeBytes: sizeBytes as number },
        after: [],
        label: `toy ${from + index}`,
      }))
    const first = tasks as number
    switch (stages.at(-1)?.name) {
      case undefined:
        return { name: 'first', tasks: toys(0, first), facts: {} }
      case 'first': {
        let sum = 0
        for (const { ahead, read } of stages[0]!.results)
          sum += sumOf(ahead === null ? await read() : await readFile(String(ahead.file)))
        return { name: 'number', tasks: [], facts: { count: 1 + (sum % first) } }
      }
      case 'number':
        return { name: 'second', tasks: toys(first, stages[1]!.facts.count as number), facts: {} }
      default:
        return null
    }
  },
  async ahead(_params, { read }, { file }) {
    await writeFile(file, await read())
    return { file }
  },
  async assemble(_params, results, { artifacts, pin }, stages) {
    const hash = createHash('sha256')
    for (const result of results) hash.update(await result.read())
    const { cid } = await artifacts.addBytes(hash.digest(), { pin })
    return { cid, artifacts: [cid], stages: stages.map(({ name, results: own }) => `${name} ${own.length}`) }
  },
}

/** What stagedToyJob gives: how many tasks there are, and the hash of their outputs. */
export function stagedToys(tasks: number, sizeBytes: number): { total: number; hash: string } {
  let sum = 0
  for (let index = 0; index < tasks; index++) sum += sumOf(toyBytes(index, sizeBytes))
  const total = tasks + 1 + (sum % tasks)
  return { total, hash: toyHash(total, sizeBytes) }
}

export function toyHash(tasks: number, sizeBytes: number): string {
  const hash = createHash('sha256')
  for (let index = 0; index < tasks; index++) hash.update(toyBytes(index, sizeBytes))
  return hash.digest('hex')
}
