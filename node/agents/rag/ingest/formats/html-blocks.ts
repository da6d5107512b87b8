/** A DOM to blocks: for web pages, and for the HTML that DOCX and EPUB come as. */
import type { Block, BlockKind } from '../../document.ts'
import { block, heading, tableBlock } from './blocks.ts'

/** Never text for a reader. Forms and navigation are left out by whoever wants them left out. */
const IGNORED = new Set([
  ...[
    'SCRIPT',
    'STYLE',
    'TEMPLATE',
    'NOSCRIPT',
    'HEAD',
    'SVG',
    'MATH',
    'IFRAME',
    'OBJECT',
    'EMBED',
    'CANVAS',
  ],
  ...['AUDIO', 'VIDEO', 'SELECT', 'BUTTON', 'INPUT', 'TEXTAREA'],
])

/** They begin and end a block of their own. */
const BLOCK_ELEMENTS = new Set([
  ...[
    'ADDRESS',
    'ARTICLE',
    'ASIDE',
    'BLOCKQUOTE',
    'BODY',
    'CENTER',
    'DD',
    'DETAILS',
    'DIALOG',
    'DIV',
    'DL',
    'DT',
  ],
  ...[
    'FIELDSET',
    'FIGCAPTION',
    'FIGURE',
    'FOOTER',
    'FORM',
    'HEADER',
    'HGROUP',
    'HR',
    'HTML',
    'LEGEND',
    'LI',
    'MAIN',
  ],
  ...['NAV', 'OL', 'P', 'SECTION', 'SUMMARY', 'TBODY', 'TD', 'TFOOT', 'TH', 'THEAD', 'TR', 'UL', 'CAPTION'],
])

const ELEMENT = 1
const TEXT = 3
/** A list of more characters is not kept as one block. */
const MAX_LIST = 20_000

/** What the walk needs of a DOM node; linkedom's and the browser's have it. */
export interface DomNode {
  readonly nodeType: number
  readonly nodeName: string
  readonly firstChild: DomNode | null
  readonly nextSibling: DomNode | null
  readonly parentNode: DomNode | null
  readonly nodeValue: string | null
}

/** The nodes below `root` in their order, without recursion: pages nest as deep as their makers like. */
function* walk(
  root: DomNode,
  isEntered: (node: DomNode) => boolean,
): Generator<{ node: DomNode; isEnd: boolean }> {
  let node: DomNode | null = root.firstChild
  while (node !== null) {
    yield { node, isEnd: false }
    if (node.firstChild !== null && isEntered(node)) {
      node = node.firstChild
      continue
    }
    while (node !== null && node.nextSibling === null) {
      yield { node, isEnd: true }
      node = node.parentNode === root ? null : node.parentNode
    }
    if (node === null) return
    yield { node, isEnd: true }
    node = node.nextSibling
  }
}

/** How many elements there are, and how deep they lie: some algorithms suffer from either. */
export function measureDom(root: DomNode): { elements: number; depth: number } {
  let elements = 0
  let depth = 0
  let deepest = 0
  for (const { node, isEnd } of walk(root, () => true)) {
    if (node.nodeType !== ELEMENT) continue
    if (!isEnd) elements++
    if (node.firstChild === null) continue
    depth += isEnd ? -1 : 1
    deepest = Math.max(deepest, depth)
  }
  return { elements, depth: deepest }
}

function nameOf(node: DomNode): string {
  return node.nodeName.toUpperCase()
}

const enter = (node: DomNode) => !IGNORED.has(nameOf(node))

/** The text below a node as a browser would lay it out, roughly: blanks folded, a line for each block element. */
export function textOf(root: DomNode, keepsSpace = false): string {
  const pieces: string[] = []
  for (const { node, isEnd } of walk(root, enter)) {
    if (node.nodeType === TEXT) {
      if (!isEnd)
        pieces.push(keepsSpace ? (node.nodeValue ?? '') : (node.nodeValue ?? '').replace(/\s+/g, ' '))
    } else if (node.nodeType === ELEMENT) {
      if (nameOf(node) === 'BR') pieces.push(isEnd ? '' : '\n')
      else if (!keepsSpace && BLOCK_ELEMENTS.has(nameOf(node))) pieces.push('\n')
    }
  }
  const text = pieces.join('')
  return keepsSpace ? text : foldLines(text)
}

function foldLines(text: string): string {
  return text
    .split('\n')
    .map((line) => line.replace(/ {2,}/g, ' ').trim())
    .filter((line) => line !== '')
    .join('\n')
}

function tableRows(table: DomNode): string[][] {
  const rows: string[][] = []
  for (const { node, isEnd } of walk(
    table,
    (child) => !['TD', 'TH'].includes(nameOf(child)) && enter(child),
  )) {
    if (isEnd) continue
    const name = nameOf(node)
    if (name === 'TR') rows.push([])
    else if (name === 'TD' || name === 'TH') rows.at(-1)?.push(textOf(node))
  }
  return rows.filter((row) => row.length > 0)
}

/** A table that holds tables or headings only lays out a page. Looked at first: rows of nested tables cost their square. */
function hasStructure(table: DomNode): boolean {
  for (const { node } of walk(table, enter)) if (/^(TABLE|H[1-6])$/.test(nameOf(node))) return true
  return false
}

const MAX_CELL = 2_000

/** A single column, or cells as long as pages. */
function isLayout(rows: readonly string[][]): boolean {
  return rows.every((row) => row.length < 2) || rows.some((row) => row.some((cell) => cell.length > MAX_CELL))
}

function listLines(list: DomNode): string {
  const lines: string[] = []
  let depth = 0
  let text = ''
  const flush = () => {
    const line = foldLines(text).replace(/\n/g, ' ')
    if (line !== '') lines.push(`${'  '.repeat(Math.min(depth, 8))}- ${line}`)
    text = ''
  }
  for (const { node, isEnd } of walk(list, enter)) {
    const name = nameOf(node)
    if (node.nodeType === TEXT) text += isEnd ? '' : (node.nodeValue ?? '').replace(/\s+/g, ' ')
    else if (name === 'LI') flush()
    else if (name === 'UL' || name === 'OL') {
      flush()
      depth += isEnd ? -1 : 1
    } else if (BLOCK_ELEMENTS.has(name) || name === 'BR') text += '\n'
  }
  flush()
  return lines.join('\n')
}

/** Blocks of everything below `root`. `isSkipped` leaves out further elements, by their upper-case name. */
export function htmlBlocks(root: DomNode, isSkipped: (name: string) => boolean = () => false): Block[] {
  const blocks: Block[] = []
  let inline = ''
  const add = (made: Block | null) => {
    if (made !== null) blocks.push(made)
  }
  const flush = (kind: BlockKind = 'text') => {
    add(block(kind, foldLines(inline)))
    inline = ''
  }
  /** Elements that became one block: their inside is not walked. */
  let taken: DomNode | null = null
  const isEntered = (node: DomNode) => node !== taken && enter(node) && !isSkipped(nameOf(node))
  for (const { node, isEnd } of walk(root, isEntered)) {
    if (node.nodeType === TEXT) {
      if (!isEnd) inline += (node.nodeValue ?? '').replace(/\s+/g, ' ')
      continue
    }
    if (node.nodeType !== ELEMENT) continue
    const name = nameOf(node)
    if (isEnd || IGNORED.has(name) || isSkipped(name)) {
      if (BLOCK_ELEMENTS.has(name)) flush()
      continue
    }
    if (name === 'BR') inline += '\n'
    else if (/^H[1-6]$/.test(name)) {
      flush()
      add(heading(Number(name[1]), textOf(node)))
      taken = node
    } else if (name === 'PRE') {
      flush()
      add(block('code', textOf(node, true)))
      taken = node
    } else if (name === 'TABLE') {
      flush()
      const rows = hasStructure(node) ? [] : tableRows(node)
      if (isLayout(rows)) continue
      add(tableBlock(rows))
      taken = node
    } else if (name === 'UL' || name === 'OL') {
      flush()
      const lines = listLines(node)
      if (lines.length > MAX_LIST) continue
      add(block('list', lines))
      taken = node
    } else if (BLOCK_ELEMENTS.has(name)) flush()
  }
  flush()
  return blocks
}
