/**
 * Makes the weights of King's classifier of clauses (node/agents/king/intent/weights.json) from written clauses and goals. The same files give the same
 * weights.
 *
 * usage: node scripts/run.js scripts/train-king.ts [--out FILE] [GOALS...]
 *   --out    instead of the file that is shipped
 *   GOALS    files of goals; test/agents/king/goals.json if none is given
 */
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { deflateRawSync } from 'node:zlib'
import type { LinearModel } from '../node/agents/king/intent/linear-model.ts'
import { trainLinear } from '../node/agents/king/intent/train-linear.ts'
import { readWrittenGoals } from './bench/grade-plan.ts'
import { examplesIn, examplesOf, sha256Of } from './king/label-clauses.ts'

const ROOT = path.resolve(import.meta.dirname, '..')
const WRITTEN = path.join(ROOT, 'test/agents/king')
/** Each lays the steps of goals along their clauses by what the one before has learned. */
const ROUNDS = 3
/** Of the largest weight: what is smaller in every class is left out. */
const MIN_WEIGHT = 0.03
const MOST = 31

function written({ classes, rows }: LinearModel, dataSha256: string): string {
  const size = (row: Float32Array | Int8Array): number => Math.max(...[...row].map(Math.abs))
  const most = [...rows.values()].reduce((top, row) => Math.max(top, size(row)), 0)
  const kept = [...rows].filter(([, row]) => size(row) >= MIN_WEIGHT * most)
  const bytes = Int8Array.from(
    kept.flatMap(([, row]) => [...row].map((one) => Math.round((one / most) * MOST))),
  )
  const weights = {
    classes: classes.join(' '),
    scale: most / MOST,
    dataSha256,
    features: packed(Buffer.from(kept.map(([feature]) => feature).join('\n'))),
    rows: packed(Buffer.from(bytes.buffer)),
  }
  console.log(`${kept.length} of ${rows.size} features, ${classes.length} classes`)
  return `${JSON.stringify(weights, null, 2)}\n`
}

const packed = (bytes: Buffer): string => deflateRawSync(bytes, { level: 9 }).toString('base64')

const { values, positionals } = parseArgs({ options: { out: { type: 'string' } }, allowPositionals: true })
const files = positionals.length > 0 ? positionals : [path.join(WRITTEN, 'goals.json')]
const goals = files.flatMap((file) => readWrittenGoals(readFileSync(file, 'utf8')))
const clauses = readFileSync(path.join(WRITTEN, 'clauses.txt'), 'utf8')
const lines = examplesIn(clauses)
let model: LinearModel | null = null
for (let round = 0; round <= ROUNDS; round++) {
  const examples = [...lines, ...examplesOf(goals, model)]
  model = trainLinear(examples)
  console.log(`round ${round}: ${examples.length} clauses`)
}
const out = values.out ?? path.join(ROOT, 'node/agents/king/intent/weights.json')
writeFileSync(out, written(model!, sha256Of(clauses, goals)))
