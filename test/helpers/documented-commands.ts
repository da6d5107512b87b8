/** The commands that the documents show: what stands in their blocks of `sh`, one by one. */

export interface DocumentedCommand {
  readonly line: number
  /** As it is written, with lines that belong together joined by line breaks, comments left out. */
  readonly text: string
}

/** A command goes on where its line ends with a backslash or within quotes. */
function isOpen(text: string): boolean {
  let quote: string | null = null
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!
    if (char === '\\' && quote !== "'") at++
    else if (quote === null && (char === '"' || char === "'")) quote = char
    else if (char === quote) quote = null
  }
  return quote !== null || text.endsWith('\\')
}

/** Cuts a comment off: a `#` at the start or after white space, outside quotes. */
function withoutComment(line: string): string {
  let quote: string | null = null
  for (let at = 0; at < line.length; at++) {
    const char = line[at]!
    if (char === '\\' && quote !== "'") at++
    else if (quote === null && (char === '"' || char === "'")) quote = char
    else if (char === quote) quote = null
    else if (quote === null && char === '#' && /^$|\s/.test(line[at - 1] ?? '')) return line.slice(0, at)
  }
  return line
}

/** Throws a SyntaxError naming the line of a block that is never closed, or of a command that is never finished. */
export function documentedCommands(markdown: string): DocumentedCommand[] {
  const commands: DocumentedCommand[] = []
  let inside = false
  let begun: { line: number; text: string } | null = null
  for (const [index, raw] of markdown.split('\n').entries()) {
    if (!inside) {
      inside = /^```sh\s*$/.test(raw)
      continue
    }
    if (/^```\s*$/.test(raw)) {
      if (begun !== null) throw new SyntaxError(`The command of line ${begun.line} is not finished`)
      inside = false
      continue
    }
    const text: string = begun === null ? withoutComment(raw).trimEnd() : `${begun.text}\n${raw.trimEnd()}`
    if (text.trim() === '') continue
    const line: number = begun?.line ?? index + 1
    if (isOpen(text)) begun = { line, text }
    else {
      commands.push({ line, text: text.trim() })
      begun = null
    }
  }
  if (inside) throw new SyntaxError('A block of commands is never closed')
  return commands
}
