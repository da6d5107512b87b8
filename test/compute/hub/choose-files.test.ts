import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { smallFiles, weightFiles } from '../../../node/compute/hub/choose-files.ts'
import {
  type HubFile,
  parseModel,
  parseRepo,
  patiently,
  retryAfterMs,
} from '../../../node/compute/hub/hub-api.ts'
import { VillageError } from '../../../node/errors.ts'
import { rejectsCode, throwsCode } from '../../helpers/throws.ts'

const test = suite('files of a hub')
const file = (path: string, sizeBytes = 10): HubFile => ({
  path,
  sizeBytes,
  hash: { kind: 'sha256', hex: '0'.repeat(64) },
})
const files = (...paths: string[]) => paths.map((path) => file(path))
const WISH = { file: null, include: [], weightsOnly: false }
const unsupported = (): true => {
  throw new VillageError('MODEL_ARCHITECTURE_UNSUPPORTED')
}
const choose = (
  paths: string[],
  init: { wish?: object; canBuild?: () => true; config?: object | null } = {},
) =>
  weightFiles(
    files(...paths),
    { ...WISH, ...init.wish },
    {
      config: init.config === undefined ? {} : (init.config as null),
      canBuild: init.canBuild ?? (() => true),
    },
  ).map(({ path }) => path)

const SHARDS = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']
const INDEX = 'model.safetensors.index.json'
const GRAPHS = ['onnx/model.onnx', 'onnx/model.onnx_data', 'onnx/model_q4.onnx', 'onnx/model_q4.onnx_data_1']

test('safetensors that can be built come first, then published graphs', () => {
  assert.equal(choose(['model.safetensors', 'pytorch_model.bin', ...SHARDS, INDEX]), ['model.safetensors'])
  assert.equal(choose([...SHARDS, INDEX, 'consolidated.safetensors']), [INDEX, ...SHARDS])
  assert.equal(choose(['model.safetensors', ...GRAPHS]), ['model.safetensors'])
  const published = GRAPHS.slice(0, 2)
  assert.equal(choose(['model.safetensors', ...GRAPHS], { canBuild: unsupported }), published)
  assert.equal(choose(GRAPHS), published)
  assert.equal(choose(['model.safetensors'], { config: null }), ['model.safetensors'])
  throwsCode(() => choose(['model.safetensors'], { canBuild: unsupported }), 'MODEL_ARCHITECTURE_UNSUPPORTED')
  const weightsOnly = { wish: { weightsOnly: true }, canBuild: unsupported }
  assert.equal(choose(['model.safetensors', ...GRAPHS], weightsOnly), ['model.safetensors'])
})

test('a graph is chosen by its name, and comes with its data', () => {
  assert.equal(choose(GRAPHS, { wish: { file: 'onnx/model_q4.onnx' } }), GRAPHS.slice(2))
  throwsCode(() => choose(GRAPHS, { wish: { file: 'onnx/model_q8.onnx' } }), 'HUB_NOT_FOUND')
  throwsCode(() => choose(['config.json'], { wish: { file: 'config.json' } }), 'HUB_NOT_FOUND')
  const several = throwsCode(() => choose(['onnx/model_q4.onnx', 'onnx/model_fp16.onnx']), 'INVALID_ARGUMENT')
  assert.match(several.message, 'onnx/model_fp16.onnx')
  const pickled = throwsCode(() => choose(['pytorch_model.bin']), 'HUB_NOTHING_TO_PULL')
  assert.match(pickled.message, 'pytorch_model.bin')
  throwsCode(() => choose([]), 'HUB_NOTHING_TO_PULL')
})

test('small files are those of a list, and what is included of allowed kinds', () => {
  const all = files(
    'config.json',
    'x.py',
    'extra/a.json',
    'extra/b.py',
    'extra/deep/c.json',
    'README.md',
    '1_Pooling/config.json',
    'image.png',
  )
  const chosen = (include: string[]) => smallFiles(all, { ...WISH, include }).map(({ path }) => path)
  assert.equal(chosen([]), ['config.json', 'README.md', '1_Pooling/config.json'])
  assert.equal(chosen(['extra/*', '*.py', 'image.png']), [
    'config.json',
    'extra/a.json',
    'README.md',
    '1_Pooling/config.json',
  ])
  throwsCode(() => smallFiles([file('tokenizer.json', 2 ** 30)], WISH), 'HUB_ANSWER_INVALID')
  const pooling = Array.from({ length: 9 }, (_, index) => file(`${index}_Pooling/config.json`, 60 * 2 ** 20))
  assert.is(smallFiles(pooling.slice(1), WISH).length, 8)
  throwsCode(() => smallFiles(pooling, WISH), 'HUB_ANSWER_INVALID')
  // Weights that are wished for are as large as they are.
  const large = file('extra/model.safetensors', 2 ** 40)
  assert.equal(smallFiles([large], { ...WISH, include: ['extra/*'] }), [large])
})

test('names of repositories, pauses, descriptions', () => {
  assert.equal(parseRepo('gpt2'), { repo: 'gpt2', revision: 'main' })
  assert.equal(parseRepo('a/b@refs/pr/1'), { repo: 'a/b', revision: 'refs/pr/1' })
  assert.is(retryAfterMs('7', 0), 7000)
  assert.is(retryAfterMs('Thu, 01 Jan 1970 00:00:10 GMT', 4000), 6000)
  assert.is(retryAfterMs('soon', 0), null)
  assert.is(retryAfterMs(undefined, 0), null)
  fc.assert(
    fc.property(fc.json(), (text) => {
      try {
        parseModel(JSON.parse(text), 'a/b')
      } catch (error) {
        assert.ok(error instanceof VillageError && error.code === 'HUB_ANSWER_INVALID', String(error))
      }
    }),
  )
})

test('patience ends after so many failures in a row, and progress begins it anew', async () => {
  const signal = new AbortController().signal
  const patience = { attempts: 3, backoffMs: 0, maxPauseMs: 10 }
  let calls = 0
  const failing = async () => {
    calls++
    throw new VillageError('HUB_STALLED')
  }
  await rejectsCode(patiently(failing, { patience, signal }), 'HUB_STALLED')
  assert.is(calls, 3)
  calls = 0
  const progressing = async (progressed: () => void) => {
    calls++
    if (calls < 10) {
      progressed()
      throw new VillageError('HUB_UNREACHABLE')
    }
    return calls
  }
  assert.is(await patiently(progressing, { patience, signal }), 10)
  const lasting = async () => {
    calls++
    throw new VillageError('HUB_NOT_FOUND')
  }
  calls = 0
  await rejectsCode(patiently(lasting, { patience, signal }), 'HUB_NOT_FOUND')
  assert.is(calls, 1)
})

test('a star stands for anything within a folder, and no name makes a pattern slow', () => {
  const fits = (path: string, pattern: string) =>
    smallFiles([file(path)], { ...WISH, include: [pattern] }).length === 1
  for (const [path, pattern] of [
    ['extra.json', '*'],
    ['extra.json', '*.json'],
    ['extra.json', 'e*a.j*n'],
    ['extra.json', '**.json'],
    ['extra.json', 'extra.json'],
    ['a/b-c.json', '*/b*.json'],
  ] as const)
    assert.ok(fits(path, pattern), pattern)
  for (const [path, pattern] of [
    ['extra.json', 'extra'],
    ['extra.json', '*a.json*.json'],
    ['extra.json', 'extra.json*json'],
    ['a/b.json', '*.json'],
    ['a/b.json', 'a/*/b.json'],
    ['xtrajson', 'xtra.json'],
  ] as const)
    assert.not.ok(fits(path, pattern), pattern)
  const letters = fc.array(fc.constantFrom('a', 'b', '-'), { maxLength: 6 })
  fc.assert(
    fc.property(letters, fc.array(fc.constantFrom('a', 'b', '*'), { maxLength: 6 }), (name, pattern) => {
      const expected = new RegExp(`^${pattern.join('').replaceAll('*', '[^/]*')}json$`)
      const path = `x${name.join('')}.json`
      assert.is(fits(path, `${pattern.join('')}json`), expected.test(path))
    }),
  )
  assert.not.ok(fits(`${'a'.repeat(190)}.json`, `${'*a'.repeat(60)}*b`))
})

test.run()
