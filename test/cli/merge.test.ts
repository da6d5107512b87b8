/** What `village merge` makes of its arguments, and what it shows. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { withAbsolutePaths } from '../../node/cli/merge.ts'
import { mergeSubject, mergeText } from '../../node/cli/merge-text.ts'

const test = suite('village merge')
const root = mkdtempSync(path.join(tmpdir(), 'village-merge-cli-'))
test.after(() => rmSync(root, { recursive: true, force: true }))

test('directories of a recipe are found from where the recipe lies, ids stay ids', () => {
  mkdirSync(path.join(root, 'models', 'one'), { recursive: true })
  writeFileSync(path.join(root, 'models', 'one', 'config.json'), '{}')
  const placed = withAbsolutePaths(
    {
      base_model: './models/one',
      models: [{ model: 'models/one' }, { model: 'org/name' }, { model: 'plain' }, { model: '/somewhere' }],
      tokenizer: {
        source: './models/one',
        tokens: { x: { source: { kind: 'model_token', model: 'plain' } } },
      },
      merge_method: './models/one',
    },
    root,
  )
  const one = path.join(root, 'models', 'one')
  assert.equal(placed, {
    base_model: one,
    models: [{ model: one }, { model: 'org/name' }, { model: 'plain' }, { model: '/somewhere' }],
    tokenizer: { source: one, tokens: { x: { source: { kind: 'model_token', model: 'plain' } } } },
    merge_method: './models/one',
  })
})

test('a result and a replay are shown', () => {
  const result = {
    id: 'mixed',
    cid: 'bafy1',
    replayed: false,
    method: 'ties',
    seed: 0,
    tensors: 56,
    parameters: 1_219_200,
    shared: 3,
    models: { a: { id: 'a', cid: 'bafy2' }, '/b': { id: null, cid: null } },
  }
  const text = mergeText(result)
  for (const part of ['mixed', 'ties', '56 with 1,219,200 parameters', '3 slices', 'bafy2', 'a directory'])
    assert.ok(text.includes(part), part)
  assert.match(mergeText({ id: 'mixed', cid: 'bafy1', replayed: true }), /the same bit by bit/)
})

test('the report of a merged model is that of a merge: recipe, and the hashes of directories', () => {
  const files = { '/b': { files: { 'model.safetensors': 'ab'.repeat(32) } }, bafy2: { cid: 'bafy2' } }
  const models = { bafy2: { id: 'a', cid: 'bafy2' }, '/b': { id: null, cid: null } }
  const recipe = { merge_method: 'ties', models: [{ model: 'bafy2' }] }
  const text = mergeText({
    method: 'ties',
    seed: 0,
    tensors: 5,
    parameters: 7,
    shared: 0,
    files,
    models,
    recipe,
  })
  for (const part of ['merged by', 'model.safetensors abababababababab…', 'merge_method: ties', 'bafy2 (a)'])
    assert.ok(text.includes(part), `${part} in ${text}`)
  assert.not.match(text, /undefined|NaN/)
})

test('jobs are told apart by what they make', () => {
  const recipe = { merge_method: 'ties' }
  assert.is(mergeSubject({ id: 'mixed', replay: null, recipe }), 'mixed (ties)')
  assert.is(mergeSubject({ id: null, replay: null, recipe }), 'ties')
  assert.is(mergeSubject({ id: null, replay: 'mixed', recipe: {} }), 'replay mixed')
})

test.run()
