/** Electronic books (EPUB 2 and 3): the chapters in the order of the package's spine. */
import path from 'node:path'
import { DOMParser } from 'linkedom'
import { VillageError } from '../../../../errors.ts'
import type { Block } from '../../document.ts'
import { decodeText } from './decode-text.ts'
import { type ParseContext, type ParsedBody, toFields, toTitle } from './format.ts'
import { nodeOf } from './html.ts'
import { htmlBlocks } from './html-blocks.ts'
import { openZip, type ZipArchive } from './zip.ts'

const CONTAINER = 'META-INF/container.xml'
const ENCRYPTION = 'META-INF/encryption.xml'
const MAX_CHAPTERS = 5_000

/** The one HTML entity that books are full of, which XML does not know. */
function parseXml(markup: Buffer): Document {
  const text = decodeText(markup).text.replaceAll('&nbsp;', '\u00a0')
  return new DOMParser().parseFromString(text, 'text/xml') as unknown as Document // linkedom types its own class
}

/** Elements by the name behind the prefix: `dc:title` and `title` alike. */
function elements(document: Document, name: string): Element[] {
  return [...document.querySelectorAll('*')].filter(
    (element) => element.nodeName.toLowerCase().replace(/^.*:/, '') === name,
  )
}

function readPackage(archive: ZipArchive): { folder: string; document: Document } {
  const container = archive.read(CONTAINER)
  if (container === null)
    throw new VillageError('FILE_TYPE_MISMATCH', 'The file is a ZIP archive but not an EPUB book.')
  const where = elements(parseXml(container), 'rootfile')[0]?.getAttribute('full-path') ?? ''
  const bytes = archive.read(where)
  if (bytes === null) throw new VillageError('DOCUMENT_MALFORMED', 'The book has no package document.')
  return { folder: path.posix.dirname(where), document: parseXml(bytes) }
}

function decodeName(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

/** Names of the members with the chapters, in reading order. */
function spineOf(folder: string, document: Document): string[] {
  const files = new Map<string, string>()
  for (const item of elements(document, 'item')) {
    const href = item.getAttribute('href') ?? ''
    const isChapter = /xhtml|html/.test(item.getAttribute('media-type') ?? '')
    if (isChapter)
      files.set(item.getAttribute('id') ?? '', path.posix.join(folder, decodeName(href.split('#')[0]!)))
  }
  return elements(document, 'itemref')
    .slice(0, MAX_CHAPTERS)
    .map((reference) => files.get(reference.getAttribute('idref') ?? ''))
    .filter((name) => name !== undefined)
}

/** Fonts are often scrambled, which is listed at the same place; only chapters matter. */
function checkEncryption(archive: ZipArchive, chapters: readonly string[]): void {
  const markup = archive.read(ENCRYPTION)
  if (markup === null) return
  const hidden = new Set(
    elements(parseXml(markup), 'cipherreference').map((one) => decodeName(one.getAttribute('URI') ?? '')),
  )
  if (chapters.some((name) => hidden.has(name)))
    throw new VillageError('DOCUMENT_ENCRYPTED', 'The book is protected against copying.')
}

export function parseEpub(bytes: Buffer, context: ParseContext): ParsedBody {
  const archive = openZip(bytes, context.limits.maxUnpackedBytes)
  const { folder, document } = readPackage(archive)
  const chapters = spineOf(folder, document)
  checkEncryption(archive, chapters)
  const blocks: Block[] = []
  const warnings: string[] = []
  for (const name of chapters) {
    const markup = archive.read(name)
    if (markup === null) {
      warnings.push('A chapter that the book names is missing.')
      continue
    }
    const body = elements(parseXml(markup), 'body')[0]
    if (body !== undefined) blocks.push(...htmlBlocks(nodeOf(body), (element) => element === 'NAV'))
  }
  const meta = (name: string) => toTitle(elements(document, name)[0]?.textContent)
  const language = meta('language')?.slice(0, 2).toLowerCase() ?? ''
  const author = meta('creator')
  const date = meta('date')
  return {
    title: meta('title') ?? context.stem,
    language: /^[a-z]{2}$/.test(language) ? language : null,
    fields: toFields({ ...(author ? { author } : {}), ...(date ? { date } : {}) }),
    blocks,
    warnings: [...new Set(warnings)],
  }
}
