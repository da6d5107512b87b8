/** Breaks text between words where a line of the terminal ends, as the text comes in pieces. */

export interface WordWrap {
  /** What can be shown by now: the last word waits for its end. */
  add(text: string): string
  /** What was waiting. The next text begins a line. */
  end(): string
}

/** Words longer than a line, and lines that are indented (code, tables), stay as they are. */
export function createWordWrap(columns: number): WordWrap {
  let column = 0
  let isIndented = false
  /** Spaces before it and the word itself. */
  let gap = ''
  let word = ''

  function flush(): string {
    if (word === '') return ''
    const fits = isIndented || column === 0 || column + gap.length + word.length <= columns
    const shown = fits ? gap + word : `\n${word}`
    column = fits ? column + shown.length : word.length
    gap = ''
    word = ''
    return shown
  }

  return {
    add(text) {
      let shown = ''
      for (const character of text) {
        if (character === '\n') {
          shown += `${flush()}\n`
          column = 0
          gap = ''
          isIndented = false
        } else if (character === ' ') {
          shown += flush()
          if (column === 0) isIndented = true
          gap += ' '
        } else word += character
      }
      return shown
    },
    end() {
      const shown = flush()
      column = 0
      gap = ''
      isIndented = false
      return shown
    },
  }
}
