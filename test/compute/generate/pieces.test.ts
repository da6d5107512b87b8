import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CHUNK_TOKENS, pieces } from '../../../node/compute/generate/runner.ts'

const test = suite('pieces of a prompt')
const MAX_LOGITS = 8 * 2 ** 20

test('pieces follow each other, are short, and give each wanted logit once', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 3000 }),
      fc.nat(3000),
      fc.nat(3000),
      fc.constantFrom(300, 32_000, 250_000, 2 ** 22),
      (total, before, wanted, vocabulary) => {
        const from = Math.min(before, total - 1)
        const firstLogit = Math.min(Math.max(wanted, from), total)
        let at = from
        let next = firstLogit
        for (const piece of pieces(total, from, firstLogit, vocabulary)) {
          assert.is(piece.start, at)
          assert.ok(piece.end > piece.start && piece.end - piece.start <= CHUNK_TOKENS)
          const logits = piece.end - piece.firstLogit
          assert.ok(logits <= Math.max(1, MAX_LOGITS / vocabulary))
          if (logits > 0) {
            assert.is(piece.firstLogit, next)
            next = piece.end
          }
          at = piece.end
        }
        assert.is(at, total)
        assert.is(next, total)
      },
    ),
    { numRuns: 500 },
  )
})

test.run()
