/** Text of a growing list of tokens, given out as soon as no later token can change it. */

export interface StreamDecoder {
  /** Text that became certain by this token; often empty. */
  push(token: number): string
  /** What is left when no more tokens come; half a character is U+FFFD then, as decode() has it. */
  flush(): string
}

/** Tokens that are decoded again for what they say about the next one: more than a character has bytes. */
const KEPT = 8
const MOST = 2 * KEPT
const REPLACEMENT = '\uFFFD'

/**
 * `decode` turns tokens into text. Three things are relied on, and hold for the decoders of tokenizer.json: the text of some
 * tokens begins the text of those and more, except that an incomplete UTF-8 sequence at the end is one U+FFFD; what a token
 * adds depends on nothing but the few tokens before it; and the very first token may lose a space.
 */
export function createStreamDecoder(decode: (tokens: readonly number[]) => string): StreamDecoder {
  let window: number[] = []
  /** Characters of the window's text that were given out. */
  let given = 0

  const certain = (text: string): number => (text.endsWith(REPLACEMENT) ? text.length - 1 : text.length)

  return {
    push(token) {
      window.push(token)
      const text = decode(window)
      const end = certain(text)
      const added = text.slice(given, end)
      given = Math.max(given, end)
      if (window.length >= MOST) {
        const kept = window.slice(-KEPT)
        const keptText = decode(kept)
        // A window without text says nothing of whether a first space is lost.
        if (keptText.length > 0) {
          window = kept
          given = certain(keptText)
        }
      }
      return added
    },
    flush() {
      const rest = decode(window).slice(given)
      window = []
      given = 0
      return rest
    },
  }
}
