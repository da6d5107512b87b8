/**
 * Makes the small language models of models/village-lm: the tokenizer, the base, and the specialists that go on from it,
 * each with its scores on held-out questions and its card. At the end the scores stand beside those that are shipped.
 *
 * usage: node scripts/run.js scripts/train-village-lm.ts --out DIR [--only NAME] [--threads N] [--quick]
 *   --only     one model; a specialist needs the base in DIR
 *   --quick    a few steps of each, to see that all parts work; the models are good for nothing
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { TOKENIZER_FILE } from '../node/compute/models/model-files.ts'
import { documents } from './village-lm/corpus.ts'
import { DOMAINS } from './village-lm/curriculum/domains.ts'
import {
  CARD_NAME,
  fileRecords,
  type ModelRecord,
  readManifest,
  shareOf,
  withRecord,
  writeManifest,
} from './village-lm/manifest.ts'
import { modelCard } from './village-lm/model-card.ts'
import { RECIPES, type Recipe, VOCABULARY } from './village-lm/recipes.ts'
import { scoreDirectory } from './village-lm/score-directory.ts'
import { SUITE_ITEMS, suiteText } from './village-lm/suites.ts'
import { type TokenizerFile, trainTokenizer } from './village-lm/tokenizer.ts'
import { trainModel } from './village-lm/train-model.ts'

const USAGE =
  'usage: node scripts/run.js scripts/train-village-lm.ts --out DIR [--only NAME] [--threads N] [--quick]'
const SHIPPED = path.resolve(import.meta.dirname, '../models/village-lm')
const TOKENIZER_DOCUMENTS = 24_000
const QUICK = { steps: 20, documents: 2_000, items: 20 }
const MESSAGE_STEPS = 100

interface Options {
  readonly out: string
  readonly recipes: readonly Recipe[]
  readonly threads: number
  readonly quick: boolean
}

function readOptions(): Options {
  try {
    const { values } = parseArgs({
      options: {
        out: { type: 'string' },
        only: { type: 'string' },
        threads: { type: 'string', default: String(availableParallelism()) },
        quick: { type: 'boolean', default: false },
      },
    })
    const recipes = RECIPES.filter(({ name }) => values.only === undefined || name === values.only)
    if (values.out === undefined) throw new Error('--out is missing')
    if (recipes.length === 0)
      throw new Error(
        `there is no model ${values.only}; there are ${RECIPES.map(({ name }) => name).join(', ')}`,
      )
    const threads = Number(values.threads)
    if (!Number.isInteger(threads) || threads < 1) throw new Error('--threads is a whole number from 1')
    return { out: path.resolve(values.out), recipes, threads, quick: values.quick }
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`)
    process.exit(2)
  }
}

/** That of the base where only a specialist is made, so that both speak the same tokens. */
function tokenizerFor({ out, recipes }: Options): TokenizerFile {
  const base = RECIPES[0]!
  if (!recipes.includes(base))
    return JSON.parse(readFileSync(path.join(out, base.name, TOKENIZER_FILE), 'utf8')) as TokenizerFile
  const texts = documents({ mix: base.mix, count: TOKENIZER_DOCUMENTS, seed: base.seed })
  return trainTokenizer(
    texts.map(({ prompt, text }) => prompt + text),
    VOCABULARY,
  )
}

async function make(recipe: Recipe, tokenizer: TokenizerFile, options: Options, signal: AbortSignal) {
  const outDir = path.join(options.out, recipe.name)
  const workDir = mkdtempSync(path.join(tmpdir(), 'village-lm-'))
  try {
    const training = await trainModel(
      {
        recipe: options.quick ? { ...recipe, ...QUICK } : recipe,
        baseDir: recipe.base === null ? null : path.join(options.out, recipe.base),
        tokenizer,
        outDir,
        workDir,
        threads: options.threads,
      },
      signal,
      ({ step, steps, loss, tokensPerSecond }) => {
        if (step % MESSAGE_STEPS === 0 || step === steps)
          console.log(
            `${recipe.name}: step ${step} of ${steps}, loss ${loss.toFixed(3)}, ${tokensPerSecond.toFixed(0)} learned tokens/s`,
          )
      },
    )
    const items = options.quick ? QUICK.items : SUITE_ITEMS
    const scores = await scoreDirectory(
      { modelDir: outDir, workDir, items, threads: options.threads },
      signal,
    )
    return { name: recipe.name, files: fileRecords(outDir), training, scores } satisfies ModelRecord
  } finally {
    rmSync(workDir, { recursive: true, force: true })
  }
}

function showScores(record: ModelRecord, shipped: ModelRecord | undefined): void {
  for (const { domain } of record.scores) {
    const own = 100 * shareOf(record, domain)
    const other = shipped === undefined ? '' : `, shipped ${(100 * shareOf(shipped, domain)).toFixed(1)}%`
    console.log(`  ${record.name} on ${domain}: ${own.toFixed(1)}%${other}`)
  }
}

const options = readOptions()
const stop = new AbortController()
process.once('SIGINT', () => stop.abort())
const shipped = readManifest(SHIPPED)
const tokenizer = tokenizerFor(options)
const heldOutDir = path.join(options.out, 'held-out')
mkdirSync(heldOutDir, { recursive: true })
for (const domain of DOMAINS) writeFileSync(path.join(heldOutDir, `${domain.name}.jsonl`), suiteText(domain))
for (const recipe of options.recipes) {
  const record = await make(recipe, tokenizer, options, stop.signal)
  const manifest = withRecord(
    readManifest(options.out),
    record,
    RECIPES.map(({ name }) => name),
  )
  writeManifest(options.out, manifest)
  const base = manifest.models.find(({ name }) => name === recipe.base) ?? null
  writeFileSync(path.join(options.out, recipe.name, CARD_NAME), modelCard(recipe, record, base))
  showScores(
    record,
    shipped.models.find(({ name }) => name === recipe.name),
  )
}
