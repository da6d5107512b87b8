import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { documents } from '../../../scripts/village-lm/corpus.ts'
import { fileRecords } from '../../../scripts/village-lm/manifest.ts'
import { RECIPES, type Recipe, recipeOf } from '../../../scripts/village-lm/recipes.ts'
import { trainTokenizer } from '../../../scripts/village-lm/tokenizer.ts'
import { trainModel } from '../../../scripts/village-lm/train-model.ts'

const directory = mkdtempSync(path.join(tmpdir(), 'village-test-'))
test.after(() => rmSync(directory, { recursive: true }))

const SMALL = { documents: 150, batch: 2, length: 96, steps: 6, warmupSteps: 2 } as const
const tokenizer = trainTokenizer(
  documents({ mix: RECIPES[0]!.mix, count: 2000, seed: 5 }).map(({ prompt, text }) => prompt + text),
  800,
)

async function train(name: string, recipe: Recipe, baseDir: string | null) {
  const outDir = path.join(directory, name)
  const workDir = path.join(directory, `${name}-work`)
  mkdirSync(workDir)
  const losses: number[] = []
  const record = await trainModel(
    { recipe: { ...recipe, ...SMALL }, baseDir, tokenizer, outDir, workDir, threads: 1 },
    new AbortController().signal,
    ({ loss }) => losses.push(loss),
  )
  return { outDir, record, losses, files: fileRecords(outDir) }
}

test('the same recipe gives the same files, and a specialist goes on where the base ended', async () => {
  const base = await train('one', recipeOf('base'), null)
  const again = await train('two', recipeOf('base'), null)
  assert.equal(again.files, base.files)
  assert.equal(again.losses, base.losses)
  assert.is(base.record.steps, SMALL.steps)
  assert.is(base.record.tokens, SMALL.steps * SMALL.batch * SMALL.length)
  assert.ok(base.losses.at(-1)! < base.losses[0]! - 0.2, base.losses.join(' '))

  const other = await train('other', { ...recipeOf('base'), seed: 99 }, null)
  assert.not.equal(
    other.files.find(({ name }) => name === 'model.safetensors'),
    weightsOf(base),
  )

  const specialist = await train('specialist', recipeOf('strings'), base.outDir)
  // Random weights begin at the logarithm of the vocabulary.
  assert.ok(specialist.losses[0]! < base.losses[0]! - 0.2, specialist.losses.join(' '))
  assert.not.equal(weightsOf(specialist), weightsOf(base))
})

function weightsOf({ files }: { files: ReturnType<typeof fileRecords> }) {
  return files.find(({ name }) => name === 'model.safetensors')
}

test('the command says what is wrong with its arguments', () => {
  const run = (...args: string[]) =>
    spawnSync(
      process.execPath,
      [path.resolve(import.meta.dirname, '../../../scripts/train-village-lm.ts'), ...args],
      { encoding: 'utf8' },
    )
  const missing = run()
  assert.is(missing.status, 2)
  assert.match(missing.stderr, '--out is missing')
  const unknown = run('--out', directory, '--only', 'poems')
  assert.is(unknown.status, 2)
  assert.match(unknown.stderr, 'there is no model poems; there are base, arithmetic, facts, strings')
})

test.run()
