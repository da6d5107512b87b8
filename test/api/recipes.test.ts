/** Recipes as the API reads them: every example of the documentation, and what is wrong with wrong ones. */
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { TOKEN_FILE } from '../../node/api/access-files.ts'
import { listExamples, type RecipeKind, readRecipe } from '../../node/api/recipes.ts'
import { VillageError } from '../../node/errors.ts'
import { startTestApi } from '../helpers/api-server.ts'

const test = suite('recipes')

function refusal(kind: RecipeKind, text: string): { code: string; message: string } {
  try {
    readRecipe(kind, text, null)
  } catch (error) {
    if (error instanceof VillageError) return { code: error.code, message: error.message }
    throw error
  }
  throw new Error('it was not refused')
}

test('every example of the documentation is one that can be started', async () => {
  const examples = await listExamples()
  assert.equal(
    examples.map(({ name, kind }) => [name, kind]),
    [
      ['evolve-agent', 'evolution'],
      ['evolve-compression', 'evolution'],
      ['evolve-merge', 'evolution'],
      ['evolve-perturbation', 'evolution'],
      ['federate', 'federation'],
      ['federate-simulation', 'federation'],
      ['merge-ties', 'merge'],
    ],
  )
  for (const { name, kind, title, text, directory } of examples) {
    assert.ok(title.length > 10 && title !== name, name)
    const { document, files, simulate } = readRecipe(kind, text, directory)
    assert.ok(Object.keys(document).length > 0, name)
    assert.is(simulate, name === 'federate-simulation', name)
    for (const file of files) assert.ok(path.isAbsolute(file.path), file.path)
  }
})

test('a run names its models, and the files that have to be stored first', () => {
  const text = `workload:
  kind: merge
  base: a
  parents: [b, c]
  tasks: [{data: one.jsonl}, {data: /abs/two.jsonl}]`
  const { document, files, models } = readRecipe('evolution', text, null)
  assert.equal(models, ['a', 'b', 'c'])
  assert.equal(files, [
    { at: ['tasks', 0, 'data'], path: 'one.jsonl' },
    { at: ['tasks', 1, 'data'], path: '/abs/two.jsonl' },
  ])
  assert.is(document.population, 12)
  assert.is(readRecipe('evolution', text, '/recipes').files[0]!.path, path.resolve('/recipes/one.jsonl'))
})

test('what is wrong is said with the code of its kind', () => {
  assert.match(refusal('evolution', 'workload: {kind: merge}\npopulatoin: 3').message, /"population"/)
  assert.is(refusal('evolution', '- a list').code, 'EVOLVE_CONFIG_INVALID')
  assert.is(refusal('federation', 'rounds: [').code, 'FEDERATION_CONFIG_INVALID')
  assert.is(refusal('federation', 'rounds: many\nsimulation: {clients: 4}').code, 'FEDERATION_CONFIG_INVALID')
  assert.is(refusal('merge', 'merge_method: nothing\nmodels: []').code, 'MERGE_RECIPE_INVALID')
  assert.is(refusal('merge', 'just words').code, 'MERGE_RECIPE_INVALID')
})

test('over HTTP: examples, a recipe, and problem details for a wrong one', async () => {
  const server = await startTestApi()
  try {
    const { json } = await server.ask('/api/v1/examples')
    assert.is(json.examples.length, 7)
    const merge = json.examples.find(({ kind }: { kind: string }) => kind === 'merge')
    const read = await server.ask('/api/v1/recipes', {
      method: 'POST',
      body: { kind: 'merge', text: merge.text },
    })
    assert.is(read.status, 200)
    assert.is(read.json.models[0], 'village-lm')
    const wrong = await server.ask('/api/v1/recipes', {
      method: 'POST',
      body: { kind: 'merge', text: 'x: [' },
    })
    assert.is(wrong.json.code, 'MERGE_RECIPE_INVALID')
    const goals = async (file: string) =>
      (await server.ask('/api/v1/recipes/goals', { method: 'POST', body: { path: file } })).json
    assert.is((await goals('relative.yaml')).code, 'INVALID_ARGUMENT')
    assert.is((await goals(path.join(server.directory, TOKEN_FILE))).code, 'FILE_REFUSED')
    assert.is((await goals('/dev/zero')).code, 'FILE_REFUSED')
    const key = await server.ask('/api/v1/keys', { method: 'POST', body: { name: 'k', scope: 'admin' } })
    const asKey = await server.ask('/api/v1/recipes/goals', {
      ...{ method: 'POST', body: { path: '/etc/passwd' }, token: key.json.secret },
    })
    assert.is(asKey.json.code, 'API_SCOPE')
    const folder = await mkdtemp(path.join(tmpdir(), 'village-goals-'))
    try {
      const large = path.join(folder, 'large.yaml')
      await writeFile(large, '')
      await truncate(large, 2 ** 40)
      const pipe = path.join(folder, 'pipe.yaml')
      execFileSync('mkfifo', [pipe])
      for (const [file, words] of [
        [large, /is larger than/],
        [pipe, /is no file/],
        [folder, /is no file/],
        [path.join(folder, 'none.yaml'), /cannot be read/],
      ] as const) {
        const { code, detail } = await goals(file)
        assert.is(code, 'SELF_EVOLUTION_GOALS_INVALID', file)
        assert.match(detail, words)
      }
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  } finally {
    await server.close()
  }
})

test.run()
