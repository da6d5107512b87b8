/**
 * A process that adopts a model and is killed before its n-th write. Started with fork(): argv is the data directory and n, counted from 0.
 */
import { newWorld, startSelfEvolution } from './self-evolution-node.ts'

const [directory, writes] = process.argv.slice(2)
const GOALS = `
budget: {evaluations: 1000}
goals:
  - {name: model, every: 1d, target: {model: helper}, evolve: {workload: {kind: perturbation, model: helper}, population: 6}}
`
let left: number | null = null
const node = await startSelfEvolution({
  directory: directory!,
  goals: GOALS,
  world: newWorld(),
  onWrite() {
    if (left === 0) process.kill(process.pid, 'SIGKILL')
    if (left !== null) left -= 1
  },
})
await node.models.register({
  ...{ id: 'helper', cid: 'bafyhelper', name: 'Helper', kind: 'language', parameters: 5, sizeBytes: 5 },
  ...{ source: 'a test', parent: null, report: null, keeps: ['bafypacked'] },
})
const run = await node.service.run('model', new AbortController().signal)
node.resources.isAccepting = false
left = Number(writes)
node.end(run, { better: 30, genome: { p: [[0, 10]] }, cid: 'bafybetter' })
await node.service.check()
process.exit(0)
