import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createWordWrap } from '../../node/cli/chat/wrap-words.ts'

const test = suite('wrapped words')

test('answers are wrapped between words, whatever pieces they come in', () => {
  const words = fc.stringMatching(/^[a-z]{1,12}$/)
  fc.assert(
    fc.property(
      fc.array(words, { minLength: 1, maxLength: 40 }),
      fc.array(fc.nat(9), { minLength: 1 }),
      (all, sizes) => {
        const text = all.join(' ')
        const wrap = createWordWrap(20)
        let shown = ''
        for (let at = 0, n = 0; at < text.length; n += 1) {
          const next = at + 1 + sizes[n % sizes.length]!
          shown += wrap.add(text.slice(at, next))
          at = next
        }
        shown += wrap.end()
        assert.is(shown.replaceAll('\n', ' '), text)
        for (const line of shown.split('\n')) assert.ok(line.length <= 20, line)
      },
    ),
  )
  const wrap = createWordWrap(10)
  const code = '    a line of code that is longer\n'
  assert.is(wrap.add(code) + wrap.end(), code)
})

test.run()
