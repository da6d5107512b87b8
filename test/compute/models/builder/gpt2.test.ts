/** The graph of GPT-2 against a naive forward pass. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { largestDifference } from '../../../helpers/differences.ts'
import { type TinyInit, writeTinyLanguageModel } from '../../../helpers/language-models.ts'
import { gpt2Logits } from '../../../helpers/reference-gpt2.ts'
import { openGraph } from '../../../helpers/run-graph.ts'

let directory = ''
test.before.each(() => {
  directory = mkdtempSync(join(tmpdir(), 'village-gpt2-'))
})
test.after.each(() => rmSync(directory, { recursive: true, force: true }))

const TOKENS = [1, 300, 261, 270, 330, 45, 299, 281]
const TOLERANCE = 2e-5

for (const [name, init] of [
  ['as published', {}],
  ['with a hidden layer of another width', { config: { n_inner: 40, n_layer: 1 } }],
] as const satisfies readonly (readonly [string, TinyInit])[])
  test(`gpt2 ${name}: prefill, decode and padded rows give the reference's logits`, async () => {
    const tiny = writeTinyLanguageModel(directory, 'gpt2', init)
    assert.is(tiny.card.positionInput, true)
    assert.is(tiny.card.keyValueHeads, 4)
    const graph = await openGraph(directory, tiny.card)
    try {
      const logits = gpt2Logits(tiny, TOKENS)
      assert.ok(largestDifference(await graph.prefill({ rows: [TOKENS] }), logits) < TOLERANCE)
      const tail = logits.subarray(3 * tiny.card.vocabulary)
      assert.ok(largestDifference(await graph.decode(TOKENS, 3), tail) < TOLERANCE)
      const rows = [TOKENS.slice(2, 4), TOKENS]
      const apart = Float32Array.from(rows.flatMap((row) => [...gpt2Logits(tiny, row)]))
      assert.ok(largestDifference(await graph.prefill({ rows }), apart) < TOLERANCE)
    } finally {
      await graph.close()
    }
  })

test.run()
