/** Code that stands in a message without a fence: `run this in python: print(6 * 7)`. */

/** An order to run what follows a colon. */
const RUNS_WHAT_FOLLOWS =
  /^([^`]*\b(?:run|execute|try|test)\b[^`:]{0,200}\b(?:code|python3?|javascript|js|node|bash|shell|script|program|snippet|line|this|following)\b[^`:]{0,200}:)[ \t]*\n?([ \t]*\S[^`]*)$/i
/** A call, an assignment, an import or a block: what no sentence has. */
const IS_CODE =
  /^\s*(?:[\w.]+\(.*\)|[\w.[\]'", ]+ ?[-+*/]?= ?\S|import \w|from \w+ import |(?:for|while|if|def|class) .*:|(?:const|let|var|function) \w|echo |#!)/m

/** The message with its code in a fence, so that no rule reads orders in it. */
export function fenceInlineCode(text: string): string {
  const found = RUNS_WHAT_FOLLOWS.exec(text)
  if (found === null || !IS_CODE.test(found[2]!)) return text
  return `${found[1]}\n\`\`\`\n${found[2]!.trim()}\n\`\`\``
}
