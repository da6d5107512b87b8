/** Two goals, one about settings and one about a model, and nodes that pursue them. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { newWorld, type SelfEvolutionNode, startSelfEvolution, type World } from './self-evolution-node.ts'

export const never = new AbortController().signal

export const evolve = (kind: string) => `evolve: {workload: ${kind}, population: 6, limits: {generations: 2}}`
export const GOALS = `
budget: {evaluations: 1000}
goals:
  - name: notes
    every: 1d
    target: {collection: notes}
    ${evolve('{kind: agent, judged: judged}')}
  - name: model
    every: 2d
    target: {model: helper}
    ${evolve('{kind: perturbation, model: helper}')}
`
export const WINNER = { c: 200, f: 1, w: 20 }
export const WINNING = { weight: 0.2, feedback: true, candidates: 200 }
export const STEPS = { p: [[0, 10]] }
export const PLAIN = {
  name: 'Helper',
  kind: 'language' as const,
  parameters: 5,
  sizeBytes: 5,
  source: 'a test',
}
export const HELPER = {
  id: 'helper',
  cid: 'bafyhelper',
  ...PLAIN,
  parent: null,
  report: { made: 'by hand' },
  keeps: ['bafypacked'],
}

export async function withDirectory(use: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'village-self-'))
  try {
    await use(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

export async function withNode(
  use: (node: SelfEvolutionNode, directory: string) => Promise<void>,
  init: { keep?: number; world?: World } = {},
): Promise<void> {
  await withDirectory(async (directory) => {
    const node = await startSelfEvolution({ directory, goals: GOALS, world: newWorld(), ...init })
    try {
      await use(node, directory)
    } finally {
      await node.stop()
    }
  })
}

export const DAY_MS = 86_400_000
export const last = (node: SelfEvolutionNode, goal: string) => node.service.history(goal).history[0]!

/** Only the model's goal runs. */
export async function beginModel(node: SelfEvolutionNode): Promise<string> {
  node.resources.isAccepting = false
  await node.service.rollback('notes', 1)
  await node.service.check()
  return node.service.run('model', never)
}
