import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createMarkReader, type Mark, markLine } from './marks.ts'

const test = suite('marks of the test runner')

const TOKEN = 'b4c0'
const markOf = (file: string): Mark => ({ file, processorSeconds: 0.5, open: ['Timeout'] })

test('whatever a file prints is its text, and only the lines of this process are marks, however they arrive', () => {
  const piece = fc.constantFrom(
    '\u001e',
    '\u001ex\n',
    '\n',
    TOKEN,
    `\u001e${TOKEN.slice(0, 2)}`,
    'text',
    ' {}',
  )
  const forged = [markLine('other', markOf('forged')), `\u001e${JSON.stringify(markOf('forged'))}\n`]
  const printed = fc.array(fc.oneof(piece, fc.constantFrom(...forged)), { maxLength: 8 })
  fc.assert(
    fc.property(fc.array(printed, { maxLength: 4 }), fc.integer({ min: 1, max: 40 }), (files, size) => {
      const texts = files.map((pieces) => pieces.join(''))
      const stream = texts.map((text, index) => text + markLine(TOKEN, markOf(`${index}`))).join('')
      // A mark is told from what comes before it by its opening alone: such a text would be one.
      fc.pre(!texts.some((text) => text.includes(`\u001e${TOKEN} `)))
      const read: string[] = []
      let text = ''
      const onChunk = createMarkReader(
        TOKEN,
        (more) => (text += more),
        (mark) => {
          assert.equal(mark, markOf(`${read.length}`))
          read.push(text)
          text = ''
        },
      )
      for (let at = 0; at < stream.length; at += size) onChunk(stream.slice(at, at + size))
      assert.equal(read, texts)
      assert.is(text, '')
    }),
  )
})

test('what is printed before a mark has come whole is told at once', () => {
  let text = ''
  const onChunk = createMarkReader(
    TOKEN,
    (more) => (text += more),
    () => assert.unreachable(),
  )
  onChunk('a test that hangs\u001ex')
  assert.is(text, 'a test that hangs\u001ex')
})

test.run()
