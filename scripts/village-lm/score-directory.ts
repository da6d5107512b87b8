/** Scores of a model directory as it is shipped: built into a graph like any other model, and asked the held-out questions. */
import { copyFileSync, mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { openLanguageModel } from '../../node/compute/generate/open-language-model.ts'
import { buildModel } from '../../node/compute/models/builder/build-model.ts'
import { TOKENIZER_FILE } from '../../node/compute/models/model-files.ts'
import { DOMAINS } from './curriculum/domains.ts'
import type { DomainScore } from './manifest.ts'
import { scoreModel } from './scores.ts'
import { heldOutItems } from './suites.ts'

/** Writes the runnable form of the model of `modelDir` into the empty directory `builtDir`. */
export function buildForScoring(modelDir: string, builtDir: string): void {
  buildModel({ modelDir, outDir: builtDir, adapters: false })
  copyFileSync(path.join(modelDir, TOKENIZER_FILE), path.join(builtDir, TOKENIZER_FILE))
}

/** On `items` held-out questions of every domain. */
export async function scoreDirectory(
  init: { modelDir: string; workDir: string; items: number; threads: number },
  signal: AbortSignal,
): Promise<DomainScore[]> {
  const builtDir = path.join(init.workDir, 'scored')
  mkdirSync(builtDir)
  buildForScoring(init.modelDir, builtDir)
  const model = await openLanguageModel(builtDir, { threads: init.threads })
  try {
    const scores: DomainScore[] = []
    for (const domain of DOMAINS) {
      const score = await scoreModel(model, heldOutItems(domain, init.items), signal)
      scores.push({ domain: domain.name, ...score })
    }
    return scores
  } finally {
    await model.close()
    rmSync(builtDir, { recursive: true })
  }
}
