import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { historyText } from '../../node/cli/resources.ts'
import { downsample, sparkline } from '../../node/cli/sparkline.ts'

test('bars go from nothing to the largest value, with gaps', () => {
  assert.is(sparkline([0, 5, null, 10], 10), '▁▅ █')
  assert.is(sparkline([], 10), '')
  assert.is(sparkline([0, 0], 10), '▁▁')
  assert.is(sparkline([null], 10), ' ')
})

test('many values are means of parts', () => {
  assert.equal(downsample([1, 3, 5, 7], 2), [2, 6])
  assert.equal(downsample([null, null, 4, null], 2), [null, 4])
  assert.is(
    downsample(
      Array.from({ length: 361 }, () => 1),
      60,
    ).length,
    60,
  )
})

test('what has no sensor has no row', () => {
  const text = historyText(
    { intervalSeconds: 10, at: [1, 2], cpuCores: [0.5, 1], temperatureCelsius: [null, null] },
    20,
  )
  assert.match(text, /this node +1\.00 cores +▅█/)
  assert.not.match(text, /temperature/)
  assert.match(historyText({ intervalSeconds: 10, at: [] }, 20), /ten seconds/)
})

test.run()
