/**
 * Simulates a village whose members hold parts of a collection: real segments, sketches, routing, statistics, checks and merging, and
 * no network. It says what share of a central index's nDCG@10 is kept when a query asks few of the peers, and what that costs.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { ALLOCATIONS } from './rag-sim/allocate.ts'
import { generateJudgedSet, loadJudgedSet } from './rag-sim/judged-set.ts'
import { type SimulationReport, simulate } from './rag-sim/simulate.ts'

const USAGE = `usage: node scripts/run.js scripts/rag-sim.ts [--data DIR] [--peers 100] [--contacted 5,10] [--segments 1]
       [--replicas 0] [--allocation ${ALLOCATIONS.join('|')}] [--seed 1] [--json]

  --data       a collection in BEIR's layout (corpus.jsonl, queries.jsonl, qrels.tsv); without it one is made up
  --contacted  how many peers a query may ask; several with commas
  --segments   segments that each peer's documents are cut into
  --replicas   copies of each segment besides its owner's`

function usage(problem: string): never {
  console.error(`${problem}\n\n${USAGE}`)
  process.exit(2)
}

function whole(name: string, text: string, least: number): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < least) usage(`--${name} is a whole number of at least ${least}`)
  return value
}

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        data: { type: 'string' },
        peers: { type: 'string', default: '100' },
        contacted: { type: 'string', default: '5,10' },
        segments: { type: 'string', default: '1' },
        replicas: { type: 'string', default: '0' },
        allocation: { type: 'string', default: 'topical' },
        seed: { type: 'string', default: '1' },
        json: { type: 'boolean', default: false },
      },
    })
    return values
  } catch (error) {
    return usage((error as Error).message)
  }
}

function print(report: SimulationReport): void {
  const percent = (share: number) => `${(100 * share).toFixed(1)}%`
  console.log(
    `${report.set}: ${report.documents} documents, ${report.queries} queries, ${report.peers} peers (${report.allocation}), ` +
      `${report.segments} segments, ${report.replicas} replicas`,
  )
  console.log(`central nDCG@10: ${report.centralNdcg.toFixed(4)}`)
  console.log(
    `sketches by peer: ${(report.sketchBytes / 1024).toFixed(1)} KiB, at most ${(report.largestSketchBytes / 1024).toFixed(1)} KiB, ` +
      `${report.bytesByTerm.toFixed(2)} bytes a term`,
  )
  console.log('\n  asked  chosen by  statistics  nDCG@10  of central  same ten  messages  KiB')
  for (const row of report.rows)
    console.log(
      [
        row.contacted.toString().padStart(7),
        row.choice.padStart(9),
        row.statistics.padStart(10),
        row.ndcg.toFixed(4).padStart(7),
        percent(row.share).padStart(10),
        percent(row.overlap).padStart(8),
        row.messages.toFixed(1).padStart(8),
        (row.bytes / 1024).toFixed(1).padStart(5),
      ].join('  '),
    )
}

const options = readArguments()
const allocation = ALLOCATIONS.find((name) => name === options.allocation)
if (allocation === undefined) usage(`--allocation is one of ${ALLOCATIONS.join(', ')}`)
const seed = whole('seed', options.seed, 0)
const set =
  options.data === undefined
    ? generateJudgedSet({ documents: 2_000, topics: 100, queries: 200, seed })
    : loadJudgedSet(options.data, path.basename(path.resolve(options.data)))
const directory = mkdtempSync(path.join(tmpdir(), 'rag-sim-'))
try {
  const report = simulate(set, directory, {
    peers: whole('peers', options.peers, 1),
    segmentsByPeer: whole('segments', options.segments, 1),
    replicas: whole('replicas', options.replicas, 0),
    contacted: options.contacted.split(',').map((text) => whole('contacted', text, 1)),
    allocation,
    seed,
  })
  if (options.json) console.log(JSON.stringify(report, null, 2))
  else print(report)
} finally {
  rmSync(directory, { recursive: true, force: true })
}
