import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openLanguageModel } from '../../../node/compute/generate/open-language-model.ts'
import { DOMAINS } from '../../../scripts/village-lm/curriculum/domains.ts'
import {
  CARD_NAME,
  fileRecords,
  MANIFEST_FILE,
  readManifest,
  shareOf,
} from '../../../scripts/village-lm/manifest.ts'
import { modelCard } from '../../../scripts/village-lm/model-card.ts'
import { RECIPES } from '../../../scripts/village-lm/recipes.ts'
import { buildForScoring } from '../../../scripts/village-lm/score-directory.ts'
import { scoreModel } from '../../../scripts/village-lm/scores.ts'
import { heldOutItems, suiteText } from '../../../scripts/village-lm/suites.ts'

const SHIPPED = path.resolve(import.meta.dirname, '../../../models/village-lm')
const LARGEST_BYTES = 5e6
const SAMPLE = 100

const manifest = readManifest(SHIPPED)
const recordOf = (name: string) => manifest.models.find((record) => record.name === name)!
const workDir = mkdtempSync(path.join(tmpdir(), 'village-test-'))
test.after(() => rmSync(workDir, { recursive: true }))

async function scoreShipped(name: string, domain: (typeof DOMAINS)[number]): Promise<number> {
  const builtDir = path.join(workDir, name, domain.name)
  mkdirSync(builtDir, { recursive: true })
  buildForScoring(path.join(SHIPPED, name), builtDir)
  const model = await openLanguageModel(builtDir, { threads: 2 })
  try {
    const { right, items } = await scoreModel(
      model,
      heldOutItems(domain).slice(0, SAMPLE),
      new AbortController().signal,
    )
    return right / items
  } finally {
    await model.close()
  }
}

test('every recipe is shipped, with nothing beside it', () => {
  const names = RECIPES.map(({ name }) => name)
  assert.equal(
    manifest.models.map(({ name }) => name),
    names,
  )
  assert.equal(readdirSync(SHIPPED).sort(), [...names, 'held-out', MANIFEST_FILE].sort())
})

for (const recipe of RECIPES)
  test(`${recipe.name}: files, sizes and card are those of the manifest`, () => {
    const directory = path.join(SHIPPED, recipe.name)
    const record = recordOf(recipe.name)
    assert.equal(fileRecords(directory), record.files)
    const sizeBytes = record.files.reduce((sum, file) => sum + file.sizeBytes, 0)
    assert.ok(sizeBytes <= LARGEST_BYTES, String(sizeBytes))
    const base = recipe.base === null ? null : recordOf(recipe.base)
    assert.is(readFileSync(path.join(directory, CARD_NAME), 'utf8'), modelCard(recipe, record, base))
    assert.is(record.training.steps, recipe.steps)
  })

for (const domain of DOMAINS) {
  test(`${domain.name}: the held-out suite is what the generator gives`, () => {
    const file = path.join(SHIPPED, 'held-out', `${domain.name}.jsonl`)
    assert.ok(existsSync(file))
    assert.is(readFileSync(file, 'utf8'), suiteText(domain))
  })

  test(`${domain.name}: the specialist has 90% or more of its questions right, the base less`, async () => {
    const recipe = RECIPES.find((one) => one.domain === domain.name)!
    assert.ok(shareOf(recordOf(recipe.name), domain.name) >= 0.9)
    const specialist = await scoreShipped(recipe.name, domain)
    const base = await scoreShipped('base', domain)
    assert.ok(specialist >= 0.9, `${specialist}`)
    assert.ok(base < specialist, `${base} and ${specialist}`)
  })
}

test.run()
