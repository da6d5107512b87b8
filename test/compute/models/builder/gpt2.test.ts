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
  test(`gpt2 ${name}: prefill, parts, padded rows and decoding give the reference's logits`, async () => {
    const tiny = writeTinyLanguageModel(directory, 'gpt2', init)
    assert.is(tiny.card.positionInput, true)
    assert.is(tiny.card.keyValueHeads, 4)
    const graph = await openGraph(directory, tiny.card)
    try {
      const logits = gpt2Logits(tiny, TOKENS)
      assert.ok(largestDifference(await graph.prefill({ rows: [TOKENS] }), logits) < TOLERANCE)
      assert.ok(largestDifference(await graph.prefillInParts(TOKENS, [3, 5]), logits) < TOLERANCE)
      const rows = [TOKENS.slice(2, 5), TOKENS]
      const apart = rows.map((row) => gpt2Logits(tiny, row))
      const together = Float32Array.from(apart.flatMap((row) => [...row]))
      assert.ok(largestDifference(await graph.prefill({ rows }), together) < TOLERANCE)
      const last = apart.flatMap((row) => [...row.subarray(-tiny.card.vocabulary)])
      const [decoded] = await graph.decode(rows, 1)
      assert.ok(largestDifference(decoded!, last) < TOLERANCE)
    } finally {
      await graph.close()
    }
  })

test.run()
