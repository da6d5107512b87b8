/** What `village geometry` says of numbers that mean nothing. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { geometryPage } from '../../node/cli/geometry-page.ts'
import { geometryText } from '../../node/cli/geometry-text.ts'
import type { GeometryView } from '../../node/cli/geometry-view.ts'

const test = suite('the text of geometry')

const matrix = (name: string, alpha: number, p: number | null) => ({
  name: `model.${name}.weight`,
  rows: 8,
  cols: 8,
  stableRank: 2,
  effectiveRank: 3,
  entropy: 0.5,
  tail: { alpha, p, tail: 60 },
})

const view = (loss: number): GeometryView => ({
  models: [
    {
      model: 'one',
      cid: 'bafy',
      texts: 30,
      matrices: [matrix('good', 3.25, 0.6), matrix('bad', 7.75, 0.02), matrix('unknown', 2.5, null)],
      layers: null,
    },
  ],
  pairs: [
    {
      first: 'one',
      second: 'two',
      alignment: null,
      barrier: { line: [0, 0.5, 1].map((t) => ({ t, loss })), height: 0.1, at: 0.5, vocabulary: 1_016 },
      noBarrier: null,
    },
  ],
})

test('an exponent of what is no power law is not shown', () => {
  const text = geometryText(view(2))
  assert.match(text, /3\.25 \(p 0\.60\)/)
  assert.match(text, /no power law/)
  assert.not.match(text, /7\.75/)
  assert.match(text, /2\.50/)
  // The chart has a gap there: two runs of one point.
  assert.match(geometryPage(view(2)), /Spectral exponent by matrix, where the tail may be a power law/)
})

test('losses worse than chance are said to be that', () => {
  assert.match(geometryText(view(14.6)), /with 1,016 tokens chance is 6\.9 nats: .* Give --data/)
  assert.not.match(geometryText(view(2)), /chance/)
})

test.run()
