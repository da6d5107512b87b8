/**
 * Server-sent events out of bytes that come in any pieces (WHATWG HTML, section 9.2.6): lines end with CR, LF or both, a first byte order mark
 * is no part of them, several `data` lines are one text. Pure.
 */
import { VillageError } from '../../errors.ts'

export interface SseEvent {
  /** `message` where the stream names none. */
  readonly event: string
  readonly data: string
}

export interface SseParser {
  /** Events that are complete with these bytes. Throws CHAT_ENDPOINT_FAILED for an event of more than `maxEventUnits`. */
  push(bytes: Uint8Array): SseEvent[]
}

export function createSseParser(init: { maxEventUnits: number }): SseParser {
  // A byte order mark is taken off by the decoder; what is no UTF-8 becomes a replacement character, as the standard has it.
  const decoder = new TextDecoder('utf-8')
  let rest = ''
  let endedWithReturn = false
  let event = ''
  let data: string[] = []
  let units = 0

  function take(line: string, events: SseEvent[]): void {
    if (line === '') {
      if (data.length > 0) events.push({ event: event === '' ? 'message' : event, data: data.join('\n') })
      event = ''
      data = []
      units = 0
      return
    }
    if (line.startsWith(':')) return
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1))
    if (field === 'data') {
      data.push(value)
      units += value.length + 1
    } else if (field === 'event') event = value
  }

  return {
    push(bytes) {
      const decoded = decoder.decode(bytes, { stream: true })
      if (decoded === '') return []
      // The LF of a CR LF that was cut between the two.
      const text = endedWithReturn && decoded.startsWith('\n') ? decoded.slice(1) : decoded
      endedWithReturn = decoded.endsWith('\r')
      const lines = text.split(/\r\n|\r|\n/)
      lines[0] = rest + lines[0]!
      rest = lines.pop()!
      const events: SseEvent[] = []
      for (const line of lines) take(line, events)
      if (units + rest.length > init.maxEventUnits)
        throw new VillageError('CHAT_ENDPOINT_FAILED', 'The endpoint sent an event that is too large', {
          fields: { maxUnits: init.maxEventUnits },
        })
      return events
    },
  }
}
