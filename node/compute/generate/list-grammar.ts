/**
 * Lists of texts as grammars. The grammar library joins states of alternatives that are not the same: of the numbers from -120
 * to -20, written as alternatives, it also lets -129 through. A grammar in which every beginning stands once has nothing to
 * join; where lists are inside a schema, whose grammar the library makes itself, they are tried out first.
 */
import type { GrammarLibrary } from './grammar-library.ts'

const quoted = (text: string) =>
  `"${Array.from(text, (character) =>
    /[A-Za-z0-9 ]/.test(character)
      ? character
      : `\\U${character.codePointAt(0)!.toString(16).padStart(8, '0')}`,
  ).join('')}"`

/** A grammar of exactly these texts: a tree of their beginnings. */
export function listGrammar(texts: readonly string[]): string {
  const rules: string[] = []
  function rule(name: string, rests: readonly (readonly string[])[]): string {
    const byFirst = new Map<string, (readonly string[])[]>()
    let ends = false
    for (const rest of rests) {
      if (rest.length === 0) ends = true
      else byFirst.set(rest[0]!, [...(byFirst.get(rest[0]!) ?? []), rest.slice(1)])
    }
    const alternatives = [...byFirst].map(([first, group], index) =>
      group.length === 1
        ? quoted([first, ...group[0]!].join(''))
        : `${quoted(first)} ${rule(`${name}_${index}`, group)}`,
    )
    if (ends) alternatives.push('""')
    rules.push(`${name} ::= ${alternatives.join(' | ')}`)
    return name
  }
  rule(
    'root',
    [...new Set(texts)].map((text) => Array.from(text)),
  )
  return rules.reverse().join('\n')
}

/** Whether the library's grammar for an `enum` of these JSON texts allows nothing else: all that it allows is gone through. */
export async function isListExact(library: GrammarLibrary, texts: readonly string[]): Promise<boolean> {
  const wanted = new Set(texts)
  const END = '</end>'
  const alphabet = [END, ...new Set(texts.flatMap((text) => Array.from(text)))]
  const info = await library.TokenizerInfo.createTokenizerInfo(alphabet, 'raw', false, alphabet.length, [0])
  const compiler = await library.GrammarCompiler.createGrammarCompiler(info, false)
  const schema = `{"enum":[${texts.join(',')}]}`
  const grammar = await compiler.compileJSONSchema(schema, false, -1, [', ', ': '], true)
  const matcher = await library.GrammarMatcher.createGrammarMatcher(grammar)

  async function visit(text: string): Promise<boolean> {
    const mask = await matcher.getNextTokenBitmask()
    for (const [token, character] of alphabet.entries()) {
      if (((mask[token >>> 5]! >>> (token & 31)) & 1) === 0) continue
      if (token === 0) {
        if (!wanted.has(text)) return false
        continue
      }
      matcher.acceptToken(token)
      if (!(await visit(text + character))) return false
      matcher.rollBack(1)
    }
    return true
  }

  try {
    return await visit('')
  } finally {
    for (const one of [matcher, grammar, compiler, info]) one.dispose()
  }
}
