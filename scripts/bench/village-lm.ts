/** village-lm as it is shipped: how well each specialist does on its own held-out questions, and the base on the same. */
import { mkdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { RECIPES } from '../village-lm/recipes.ts'
import { scoreDirectory } from '../village-lm/score-directory.ts'
import { SUITE_ITEMS } from '../village-lm/suites.ts'
import type { Bench } from './bench.ts'

const SHIPPED = path.resolve(import.meta.dirname, '../../models/village-lm')
const LEAST_PERCENT = 90
const THREADS = 2

export const villageLmBench: Bench = {
  name: 'village-lm',
  title: 'the shipped language models on held-out questions, the base beside each specialist',
  async run({ report, log, signal }) {
    const directory = await mkdtemp(path.join(tmpdir(), 'village-bench-'))
    try {
      const percentOf = async (name: string): Promise<Map<string, number>> => {
        log(`${name}: ${SUITE_ITEMS} questions of each domain`)
        const workDir = path.join(directory, name)
        mkdirSync(workDir)
        const init = { modelDir: path.join(SHIPPED, name), workDir, items: SUITE_ITEMS, threads: THREADS }
        const scores = await scoreDirectory(init, signal)
        return new Map(scores.map(({ domain, right, items }) => [domain, (100 * right) / items]))
      }
      const base = await percentOf('base')
      for (const { name, domain } of RECIPES) {
        if (domain === null) continue
        const own = (await percentOf(name)).get(domain)!
        const unit = '% right'
        report({ case: `${name}: its own questions`, value: own, unit, better: 'higher', bar: LEAST_PERCENT })
        // The base is to be weaker than the specialist.
        report({ case: `${name}: the base`, value: base.get(domain)!, unit, better: 'lower', bar: own - 0.1 })
      }
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  },
}
