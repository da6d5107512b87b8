/** The sentences that models without data of their own are calibrated on. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CALIBRATION_SENTENCES, calibrationSentence } from '../../../node/compute/calibration/sentences.ts'
import { SENTENCE_GROUPS } from '../../../node/compute/evaluate/sentences.ts'

const test = suite('calibration sentences')

test('the sentences differ from each other and from those of the evaluation', () => {
  const sentences = Array.from({ length: CALIBRATION_SENTENCES }, (_, index) => calibrationSentence(index))
  assert.is(new Set(sentences).size, CALIBRATION_SENTENCES)
  const evaluated = new Set(SENTENCE_GROUPS.flat().map((text) => text.toLowerCase()))
  for (const sentence of sentences) {
    assert.not(evaluated.has(sentence.toLowerCase()))
    assert.match(sentence, /^[\p{Lu}“].*[.?”]$/u)
    assert.not(sentence.includes('undefined'))
  }
  assert.is(calibrationSentence(7), sentences[7])
})

test.run()
