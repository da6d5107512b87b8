import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { leastElements, parseCompressParams } from '../../../node/compute/jobs/compress-params.ts'
import type { JsonObject } from '../../../node/json.ts'

const base = { model: 'encoder', codec: 'int4' }

test('what is left out has its default, and what was parsed is parsed again to the same', () => {
  const parsed = parseCompressParams(base)
  assert.equal(
    { ...parsed, params: {} },
    {
      model: 'encoder',
      codec: 'int4',
      params: {},
      target: null,
      tensors: {},
      calibrate: 'auto',
      runtime: 'int8',
      keep: 0.95,
      suite: null,
      force: false,
      id: null,
      minElements: null,
    },
  )
  for (const given of [
    base,
    { model: 'm', codec: 'auto', target: { ratio: 8 }, tensors: { w: { codec: 'int8' } }, keep: 0 },
    { model: 'm', codec: 'ternary', force: true, suite: 'similarity', runtime: 'dense', calibrate: 'none' },
  ]) {
    const once = parseCompressParams(given)
    assert.equal(parseCompressParams(JSON.parse(JSON.stringify(once))), once)
  }
})

test('jobs of daemons before stages are still understood', () => {
  const { codec, params } = parseCompressParams({
    model: 'encoder',
    codec: 'seedlm',
    params: { bits: 3 },
    id: null,
    minElements: 1,
  })
  assert.is(codec, 'seedlm')
  assert.is(params.bits, 3)
})

test('a codec that there is not is told with the one that was meant, auto among them', () => {
  for (const [codec, says] of [
    ['aut', /did you mean auto\?$/],
    ['seedlmm', /did you mean seedlm\?$/],
    ['gguf-q4-k-m', /there are int8, int4, .*, auto$/],
  ] as const)
    assert.throws(() => parseCompressParams({ ...base, codec }), says)
  // For one tensor there is nothing to choose from.
  const tensors = { w: { codec: 'auto' } }
  assert.throws(() => parseCompressParams({ ...base, tensors }), /There is no codec "auto"; .*planes$/)
})

test('the limit for small weights grows with the model between its ends', () => {
  assert.equal([1, 260_032, 2_000_000, 8e9].map(leastElements), [1_024, 1_024, 7_812, 16_384])
})

const WRONG: [given: JsonObject, argument: string][] = [
  [{ codec: 'auto' }, 'target'],
  [{ codec: 'auto', target: { ratio: 8, bits: 4 } }, 'target'],
  [{ codec: 'auto', target: { ratio: 0.5 } }, 'ratio'],
  [{ codec: 'auto', target: { quality: 1.1 } }, 'quality'],
  [{ codec: 'auto', target: { quality: 0 } }, 'quality'],
  [{ codec: 'auto', target: { size: 1 } }, 'size'],
  [{ codec: 'auto', target: { ratio: 8 }, params: { bits: 4 } }, 'params'],
  [{ target: { ratio: 8 } }, 'target'],
  [{ runtime: 'gpu' }, 'runtime'],
  [{ keep: -0.1 }, 'keep'],
  [{ keep: 'all' }, 'keep'],
  [{ tensors: { w: 'int8' } }, 'tensors.w'],
  [{ tensors: { w: { codec: 'int8', extra: 1 } } }, 'extra'],
  [{ calibrate: 7 }, 'calibrate'],
  [{ minElements: 0 }, 'minElements'],
  [{ minElements: 1.5 }, 'minElements'],
  [{ unknown: true }, 'unknown'],
]
for (const [given, argument] of WRONG)
  test(`${JSON.stringify(given)} is refused by name`, () => {
    try {
      parseCompressParams({ ...base, ...given })
      assert.unreachable()
    } catch (error) {
      const { code, fields } = error as { code?: string; fields?: Record<string, unknown> }
      assert.is(code, 'INVALID_ARGUMENT', String(error))
      assert.is(fields?.argument, argument)
    }
  })

test.run()
