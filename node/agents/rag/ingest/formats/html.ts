/** Web pages. Nothing is fetched and no script runs: the page is data. */
import { Readability } from '@mozilla/readability'
import { parseHTML } from 'linkedom'
import type { Block } from '../../document.ts'
import { decodeText, detectEncoding } from './decode-text.ts'
import { type ParseContext, type ParsedBody, toFields, toTitle } from './format.ts'
import { type DomNode, htmlBlocks, measureDom } from './html-blocks.ts'

/** Readability keeps the article and drops the rest. Below this share of the page it has missed the content. */
const MIN_ARTICLE_SHARE = 0.25
const MIN_ARTICLE_CHARACTERS = 500
/**
 * Its time grows with the square of the size and with the cube of the depth (a minute at a depth of 2,000): a page of more
 * elements, or a deeper one, is taken whole. Pages that people write are less than 100 deep.
 */
const MAX_ELEMENTS = 20_000
const MAX_DEPTH = 200

/** Around the content, and not content, also where the article could not be told. */
const FURNITURE = new Set(['NAV', 'FOOTER', 'ASIDE', 'FORM', 'DIALOG', 'MENU'])

export function parseDom(html: string): Document {
  return parseHTML(html).document
}

/** linkedom's nodes are DOM nodes; the library's `Document` type is the browser's. */
export function nodeOf(element: Node): DomNode {
  return element
}

/** What the page says its encoding is, for the pages that are not UTF-8. */
function declaredEncoding(bytes: Buffer): string | null {
  const head = bytes.subarray(0, 2048).toString('latin1')
  return /<meta[^>]{0,200}charset\s{0,4}=\s{0,4}["']?\s{0,4}([a-z0-9_-]{2,32})/i.exec(head)?.[1] ?? null
}

function decodePage(bytes: Buffer): { text: string; warnings: string[] } {
  const encoding = detectEncoding(bytes, true)
  const declared = encoding === 'windows-1252' ? declaredEncoding(bytes) : null
  if (declared !== null) {
    try {
      return { text: new TextDecoder(declared, { fatal: true }).decode(bytes), warnings: [] }
    } catch {
      // An encoding that does not exist, or not that of the page: guessed below, with a warning.
    }
  }
  return decodeText(bytes)
}

function length(blocks: readonly Block[]): number {
  return blocks.reduce((sum, one) => sum + one.text.length, 0)
}

function articleBlocks(document: Document): Block[] {
  const size = measureDom(nodeOf(document))
  if (size.elements > MAX_ELEMENTS || size.depth > MAX_DEPTH) return []
  try {
    // It rewrites the document that it is given.
    const copy = document.cloneNode(true) as Document
    const article = new Readability<Node>(copy, { serializer: (node) => node, disableJSONLD: true }).parse()
    return article?.content ? htmlBlocks(nodeOf(article.content)) : []
  } catch {
    // Pages nested beyond the stack, or so broken that it trips: the page as a whole is what remains.
    return []
  }
}

function metaFields(document: Document): Record<string, string> {
  const fields: Record<string, string> = {}
  for (const name of ['author', 'keywords', 'date'] as const) {
    const value = document.querySelector(`meta[name="${name}"]`)?.getAttribute('content')?.trim()
    if (value) fields[name] = value
  }
  return fields
}

export function parseHtml(bytes: Buffer, context: ParseContext): ParsedBody {
  const { text, warnings } = decodePage(bytes)
  // A scrap without <html> and <body> would otherwise have no body to walk.
  const isPage = /<(html|body|head)[\s>]/i.test(text.slice(0, 64 * 1024))
  const document = parseDom(isPage ? text : `<html><body>${text}</body></html>`)
  const root: Node = document.querySelector('body') ?? document.documentElement ?? document
  const whole = htmlBlocks(nodeOf(root), (name) => FURNITURE.has(name))
  const article = articleBlocks(document)
  const articleLength = length(article)
  const isArticle =
    articleLength >= MIN_ARTICLE_CHARACTERS && articleLength >= length(whole) * MIN_ARTICLE_SHARE
  const blocks = isArticle ? article : whole.length > 0 ? whole : htmlBlocks(nodeOf(root))
  const title =
    toTitle(document.querySelector('title')?.textContent) ??
    toTitle(document.querySelector('h1')?.textContent)
  const first = blocks.find((one) => one.kind === 'heading')?.text
  const language = document.documentElement
    ?.getAttribute('lang')
    ?.slice(0, 3)
    .toLowerCase()
    .replace(/[-_].*/, '')
  return {
    title: title ?? toTitle(first) ?? context.stem,
    language: language !== undefined && /^[a-z]{2}$/.test(language) ? language : null,
    fields: toFields(metaFields(document)),
    blocks,
    warnings,
  }
}
