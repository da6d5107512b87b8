import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createSseParser, type SseEvent } from '../../../node/agents/chat/sse-parser.ts'
import { VillageError } from '../../../node/errors.ts'

const test = suite('server-sent events')
const MAX = 10_000

function parse(pieces: readonly Uint8Array[]): SseEvent[] {
  const parser = createSseParser({ maxEventUnits: MAX })
  return pieces.flatMap((piece) => parser.push(piece))
}

/** Cut at the given places. */
function cut(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const places = [0, ...[...at].map((one) => one % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return places.slice(1).map((end, index) => bytes.subarray(places[index]!, end))
}

const bytesOf = (text: string) => new TextEncoder().encode(text)
const line = fc
  .string({ unit: 'binary', maxLength: 20 })
  .map((text) => text.replaceAll(/[\r\n\uFEFF\uD800-\uDFFF]/g, '_'))

test('events come out as they were written, however lines end and bytes are cut', () => {
  const event = fc.record({
    event: line.filter((name) => name !== '' && !name.startsWith(' ')),
    data: fc.array(line, { minLength: 1, maxLength: 4 }),
  })
  fc.assert(
    fc.property(
      fc.array(event, { maxLength: 6 }),
      fc.constantFrom('\n', '\r', '\r\n'),
      fc.array(fc.nat(), { maxLength: 30 }),
      fc.boolean(),
      (events, ending, places, hasMark) => {
        const text = events
          .map(({ event: name, data }) => [
            `: a comment`,
            `event: ${name}`,
            ...data.map((one) => `data: ${one}`),
            '',
          ])
          .map((lines) => lines.map((one) => one + ending).join(''))
          .join('')
        const bytes = bytesOf((hasMark ? '\uFEFF' : '') + text)
        const expected = events.map(({ event: name, data }) => ({ event: name, data: data.join('\n') }))
        assert.equal(parse(cut(bytes, places)), expected)
      },
    ),
  )
})

test('any bytes in any pieces give the same events, or the same refusal', () => {
  const outcome = (pieces: readonly Uint8Array[]) => {
    try {
      return parse(pieces)
    } catch (error) {
      return (error as VillageError).code
    }
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.array(fc.nat(), { maxLength: 20 }), (bytes, places) => {
      assert.equal(outcome(cut(bytes, places)), outcome([bytes]))
    }),
  )
})

test('a blank line of CR LF in two pieces ends one event', () => {
  assert.equal(parse(['data: a\r', '\n\r', '\n', '\ndata: b\n\n'].map(bytesOf)), [
    { event: 'message', data: 'a' },
    { event: 'message', data: 'b' },
  ])
})

test('what has no end is refused before it fills the memory', () => {
  for (const piece of ['x', 'data: x\n']) {
    const parser = createSseParser({ maxEventUnits: 1_000 })
    assert.throws(
      () => {
        for (let count = 0; count < 1_100; count++) parser.push(bytesOf(piece))
      },
      (error: unknown) => error instanceof VillageError && error.code === 'CHAT_ENDPOINT_FAILED',
    )
  }
})

test.run()
