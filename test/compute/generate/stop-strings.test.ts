import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkStopStrings, createStopScanner } from '../../../node/compute/generate/stop-strings.ts'
import { throwsCode } from '../../helpers/throws.ts'

const test = suite('stop strings')

/** What is given out when a text comes in these parts. */
function scan(
  parts: readonly string[],
  stop: readonly string[],
): { text: string; stopped: boolean; steps: string[] } {
  const scanner = createStopScanner(stop)
  const steps: string[] = []
  for (const part of parts) {
    const { text, stopped } = scanner.push(part)
    steps.push(text)
    if (stopped) return { text: steps.join(''), stopped, steps }
  }
  return { text: steps.join('') + scanner.flush(), stopped: false, steps }
}

test('however a text is cut into parts, it ends before the stop string that is complete first', () => {
  const letters = fc.constantFrom('a', 'b', 'ab', 'ba', '\n', '')
  fc.assert(
    fc.property(
      fc.array(letters, { maxLength: 12 }),
      fc.array(
        fc
          .array(fc.constantFrom('a', 'b', '\n'), { minLength: 1, maxLength: 4 })
          .map((part) => part.join('')),
        { maxLength: 3 },
      ),
      (parts, stop) => {
        const whole = parts.join('')
        const { text, stopped } = scan(parts, stop)
        // By the definition: the shortest beginning of the text that ends with a stop string.
        const ends = Array.from({ length: whole.length }, (_, index) => whole.slice(0, index + 1))
        const end = ends.find((beginning) => stop.some((one) => beginning.endsWith(one)))
        const longest = Math.max(0, ...stop.filter((one) => end?.endsWith(one)).map((one) => one.length))
        assert.is(stopped, end !== undefined)
        assert.is(text, end === undefined ? whole : end.slice(0, end.length - longest))
      },
    ),
    { numRuns: 1000 },
  )
})

test('text that may begin a stop string is held back, and comes when it did not', () => {
  const { steps, stopped } = scan(['one \n', '\nQ', 'uiet'], ['\n\nQuestion:'])
  assert.equal(steps, ['one ', '', '\n\nQuiet'])
  assert.not(stopped)
})

test('empty, too long and too many stop strings are refused', () => {
  for (const bad of [[''], ['x'.repeat(300)], Array.from({ length: 65 }, (_, index) => `${index}`)])
    throwsCode(() => checkStopStrings(bad), 'INVALID_ARGUMENT')
  checkStopStrings(['\n', 'x'])
})

test.run()
