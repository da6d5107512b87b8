/** Markdown (GitHub flavoured, by the lexer of marked) with YAML front matter. */
import { Lexer, type Token, type Tokens } from 'marked'
import type { Block } from '../../document.ts'
import { block, heading, tableBlock } from './blocks.ts'
import { decodeText } from './decode-text.ts'
import { type ParseContext, type ParsedBody, toFields, toTitle } from './format.ts'
import { readFrontMatter } from './front-matter.ts'
import { htmlFragmentText } from './html-fragment.ts'

const MAX_DEPTH = 50

/** Marked leaves character references in texts as they are. */
const REFERENCES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: '\u00a0',
  '#39': "'",
  mdash: '—',
  ndash: '–',
  hellip: '…',
  copy: '©',
}

function unescapeReferences(text: string): string {
  return text.includes('&')
    ? text.replace(/&(#39|[a-z]{2,6});/g, (all, name) => REFERENCES[name] ?? all)
    : text
}

/** What a reader sees of inline tokens: no marks, no targets of links; of a picture, its description. */
function inlineText(tokens: readonly Token[] | undefined, depth = 0): string {
  if (tokens === undefined || depth > MAX_DEPTH) return ''
  let text = ''
  for (const token of tokens) {
    if (token.type === 'br') text += '\n'
    else if (token.type === 'html') text += htmlFragmentText((token as Tokens.Tag).text)
    else if (token.type === 'codespan') text += (token as Tokens.Codespan).text
    else if (token.type === 'image') text += (token as Tokens.Image).text
    else if ('tokens' in token && token.tokens !== undefined) text += inlineText(token.tokens, depth + 1)
    else if ('text' in token) text += unescapeReferences(String(token.text))
  }
  return text
}

function listText(list: Tokens.List, depth: number): string {
  const lines: string[] = []
  const indent = '  '.repeat(Math.min(depth, 8))
  let number = typeof list.start === 'number' ? list.start : 1
  for (const item of list.items) {
    const mark = list.ordered ? `${number++}.` : item.task ? (item.checked ? '[x]' : '[ ]') : '-'
    const parts = blocksOf(item.tokens, depth + 1).map((one) => one.text)
    // Nested lists already carry their indent.
    lines.push(`${indent}${mark} ${parts.join('\n').trimStart()}`)
  }
  return lines.join('\n')
}

function blocksOf(tokens: readonly Token[], depth = 0): Block[] {
  const blocks: Block[] = []
  if (depth > MAX_DEPTH) return blocks
  const push = (made: Block | null) => {
    if (made !== null) blocks.push(made)
  }
  for (const token of tokens) {
    switch (token.type) {
      case 'heading':
        push(heading((token as Tokens.Heading).depth, inlineText(token.tokens)))
        break
      case 'code':
        push(block('code', (token as Tokens.Code).text))
        break
      case 'table': {
        const table = token as Tokens.Table
        push(
          tableBlock([table.header, ...table.rows].map((row) => row.map((cell) => inlineText(cell.tokens)))),
        )
        break
      }
      case 'list':
        push(block('list', listText(token as Tokens.List, depth)))
        break
      case 'blockquote':
        blocks.push(...blocksOf(token.tokens ?? [], depth + 1))
        break
      case 'html':
        push(block('text', htmlFragmentText((token as Tokens.HTML).text)))
        break
      case 'paragraph':
      case 'text':
        push(block('text', 'tokens' in token && token.tokens ? inlineText(token.tokens) : String(token.text)))
        break
    }
  }
  return blocks
}

/** The title is that of the front matter, else the first heading of the highest level. */
export function parseMarkdown(bytes: Buffer, context: ParseContext): ParsedBody {
  const { text, warnings } = decodeText(bytes)
  const front = readFrontMatter(text)
  const blocks = blocksOf(new Lexer({ gfm: true }).lex(front.body))
  const headings = blocks.filter((one) => one.kind === 'heading')
  const level = Math.min(...headings.map((one) => one.level ?? 6))
  const first = headings.find((one) => one.level === level)?.text
  const { title, language, lang, ...rest } = front.values
  const said = [language, lang].find((value) => typeof value === 'string' && /^[a-z]{2}(-|$)/i.test(value))
  return {
    title: (typeof title === 'string' ? toTitle(title) : null) ?? toTitle(first) ?? context.stem,
    language: said === undefined ? null : String(said).slice(0, 2).toLowerCase(),
    fields: toFields(rest),
    blocks,
    warnings: front.warning === null ? warnings : [...warnings, front.warning],
  }
}
