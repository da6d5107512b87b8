/** Takes out what a model thinks aloud in front of its answer (`<think>…</think>`, as reasoning models write it). Pure. */
export interface ThoughtFilter {
  /** What of the text so far is said and not thought. */
  push(piece: string): string
  end(): string
}

const OPEN = '<think>'
const CLOSE = '</think>'

export function createThoughtFilter(): ThoughtFilter {
  let held = ''
  let state: 'start' | 'thought' | 'said' = 'start'

  function settle(): string {
    if (state === 'start') {
      const begun = held.trimStart()
      if (OPEN.startsWith(begun)) return '' // not known yet
      state = begun.startsWith(OPEN) ? 'thought' : 'said'
    }
    if (state === 'thought') {
      const at = held.indexOf(CLOSE)
      if (at < 0) return ''
      held = held.slice(at + CLOSE.length).trimStart()
      // Blanks behind a thought come in pieces of their own.
      if (held === '') {
        held = CLOSE
        return ''
      }
      state = 'said'
    }
    const out = held
    held = ''
    return out
  }

  return {
    push(piece) {
      if (piece === '') return ''
      held += piece
      return settle()
    },
    end() {
      const rest = state === 'start' ? held : ''
      held = ''
      return rest
    },
  }
}

export function withoutThoughts(text: string): string {
  const filter = createThoughtFilter()
  return filter.push(text) + filter.end()
}
