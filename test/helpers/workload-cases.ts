/** One small settled case of every workload, on tiny random models: the same on every machine. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { JsonObject } from '../../node/json.ts'
import { customSuite } from './evaluations.ts'
import { writeJudgedFolder } from './judged-folder.ts'
import { writeTinySource } from './language-models.ts'
import type { WorkloadNode } from './workload-node.ts'

/** Choices and prompts that tiny models answer rightly now and then. */
export function taskLines(items: number): string {
  const isAnswered = (line: string) => (JSON.parse(line) as JsonObject).type !== 'text'
  return customSuite(items)
    .split('\n')
    .filter((line) => line !== '' && isAnswered(line))
    .map((line) => `${line}\n`)
    .join('')
}

const CODECS = [
  { codec: 'int8', params: {} },
  { codec: 'int4', params: {} },
  { codec: 'trellis', params: { bits: 3 } },
]

/** Unsettled options by kind; models and data are put on the node. */
export async function workloadCases(node: WorkloadNode): Promise<Record<string, JsonObject>> {
  const directory = await mkdtemp(path.join(tmpdir(), 'village-workload-models-'))
  try {
    for (const [seed, id] of ['base', 'red', 'blue'].entries()) {
      writeTinySource(path.join(directory, id), 'llama', { seed: seed + 1 })
      await node.models.add({ path: path.join(directory, id), id })
    }
    writeTinySource(path.join(directory, 'encoder'), 'bert', { config: { num_hidden_layers: 1 } })
    await node.models.add({ path: path.join(directory, 'encoder'), id: 'encoder' })
    const judgedFolder = path.join(directory, 'judged')
    await mkdir(judgedFolder)
    await writeJudgedFolder(judgedFolder)
    const { cid: judged } = await node.artifacts.addPath(judgedFolder, { name: 'judged' })
    const data = await node.store(taskLines(60))
    const tasks = { tasks: [{ data }], selectionItems: 12, validationItems: 8, finalItems: 8 }
    return {
      merge: { parents: ['red', 'blue'], base: 'base', groups: 2, ...tasks },
      compression: {
        model: 'encoder',
        bitsPerWeight: 6,
        choices: CODECS,
        selectionItems: 12,
        validationItems: 8,
        finalItems: 8,
      },
      perturbation: { model: 'base', directions: 5, rank: 2, ...tasks },
      agent: { judged },
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
