/**
 * What a query keeps when it asks 5 or 10 of 100 peers, by the simulation of scripts/rag-sim: real segments, sketches, routing,
 * statistics, checks and merging; topics are found by k-means over tf-idf.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { loadJudgedSet } from '../rag-sim/judged-set.ts'
import { type SimulationReport, simulate } from '../rag-sim/simulate.ts'
import type { BenchContext } from './bench.ts'
import type { RagCase } from './rag.ts'

const DATA = path.resolve(import.meta.dirname, '../../../shared/data/ir')
const SETS = ['scifact', 'cranfield'] as const
const PEERS = 100
const CONTACTED = [5, 10]
/** The bar is for this set and number of peers; the rest is watched. */
const BARS: Readonly<Record<string, number>> = { 'scifact 10': 97 }

export const routing: RagCase = {
  name: 'routing',
  title: 'quality of asking 5 and 10 of 100 peers by their sketches, and its bytes',
  async run(context) {
    for (const name of SETS) {
      const folder = path.join(DATA, name)
      if (!existsSync(folder)) {
        context.log(`skipped: no data (${name})`)
        continue
      }
      context.signal.throwIfAborted()
      const directory = mkdtempSync(path.join(tmpdir(), 'rag-routing-'))
      try {
        const init = { peers: PEERS, segmentsByPeer: 1, replicas: 0, allocation: 'topical', seed: 1 } as const
        report(context, simulate(loadJudgedSet(folder, name), directory, { ...init, contacted: CONTACTED }))
      } finally {
        rmSync(directory, { recursive: true, force: true })
      }
    }
  },
}

function report(
  { report: add }: BenchContext,
  { set, sketchBytes, bytesByTerm, rows }: SimulationReport,
): void {
  for (const { choice, statistics, contacted, share, bytes } of rows) {
    const isMain = choice === 'sketches' && statistics === 'all'
    const how = `${choice === 'random' ? ', peers at random' : ''}${statistics === 'own' ? ', own statistics' : ''}`
    const label = `${set}, ${contacted} of ${PEERS} asked`
    add({
      case: `${label}${how}: share of central nDCG@10`,
      value: 100 * share,
      unit: '%',
      better: 'higher',
      bar: isMain ? (BARS[`${set} ${contacted}`] ?? null) : null,
    })
    if (isMain)
      add({ case: `${label}: sent by query`, value: bytes / 1024, unit: 'KiB', better: 'lower', bar: null })
  }
  add({
    case: `${set}: sketches by peer`,
    value: sketchBytes / 1024,
    unit: 'KiB',
    better: 'lower',
    bar: null,
  })
  add({ case: `${set}: sketch by term`, value: bytesByTerm, unit: 'bytes', better: 'lower', bar: null })
}
