/** PDF by PDF.js (as packed by unpdf): text with pages; what is only a picture of text is reported. */
import { VillageError } from '../../../../errors.ts'
import { type ParseContext, type ParsedBody, toFields, toTitle } from './format.ts'
import { blocksOfLines, linesOf, type PageLine, type TextPiece } from './pdf-lines.ts'

/** A page of text has more letters than this; below it over all pages there is nothing to find. */
const MIN_LETTERS = 3
/** Marks of word processors that put their own file name where the title should be. */
const POOR_TITLE = /\.(docx?|odt|tex|indd|dvi|pdf|qxd)$|^(untitled|microsoft word|document\d*$)/i

interface PdfItem {
  readonly str?: string
  readonly transform?: readonly number[]
  readonly width?: number
  readonly hasEOL?: boolean
}

function pieceOf(item: PdfItem): TextPiece | null {
  const [, , c = 0, d = 0, x = 0, y = 0] = item.transform ?? []
  if (typeof item.str !== 'string') return null
  return {
    text: item.str,
    x,
    y,
    width: item.width ?? 0,
    fontSize: Math.hypot(c, d),
    endsLine: item.hasEOL === true,
  }
}

function asVillageError(error: unknown): VillageError {
  if (error instanceof VillageError) return error
  const name = error instanceof Error ? error.name : ''
  if (name === 'PasswordException') return new VillageError('DOCUMENT_ENCRYPTED', undefined, { cause: error })
  return new VillageError('DOCUMENT_MALFORMED', 'The PDF is damaged and cannot be read.', { cause: error })
}

async function openPdf(bytes: Buffer) {
  const { getResolvedPDFJS } = await import('unpdf')
  const { getDocument } = await getResolvedPDFJS()
  // No URL is given anywhere: it has nothing to fetch fonts, maps or pages from.
  const task = getDocument({
    data: new Uint8Array(bytes),
    isEvalSupported: false,
    useSystemFonts: false,
    disableFontFace: true,
    enableXfa: false,
    stopAtErrors: false,
    maxImageSize: 1,
    verbosity: 0,
  })
  return { document: await task.promise, task }
}

function fieldsOf(info: Record<string, unknown>): Record<string, string> {
  const fields: Record<string, string> = {}
  const names = [
    ['Author', 'author'],
    ['Subject', 'subject'],
    ['Keywords', 'keywords'],
    ['CreationDate', 'created'],
  ] as const
  for (const [from, to] of names) {
    const value = info[from]
    if (typeof value === 'string' && value.trim() !== '') fields[to] = value.trim()
  }
  // D:20240131120000+01'00' → 2024-01-31
  const date = /^D:(\d{4})(\d{2})(\d{2})/.exec(fields.created ?? '')
  if (date !== null) fields.created = `${date[1]}-${date[2]}-${date[3]}`
  return fields
}

export async function parsePdf(bytes: Buffer, context: ParseContext): Promise<ParsedBody> {
  let opened: Awaited<ReturnType<typeof openPdf>> | null = null
  try {
    opened = await openPdf(bytes)
    const { document } = opened
    const pages: PageLine[][] = []
    let broken = 0
    for (let number = 1; number <= document.numPages; number++) {
      try {
        const page = await document.getPage(number)
        const { items } = await page.getTextContent()
        const pieces = (items as readonly PdfItem[]).map(pieceOf).filter((piece) => piece !== null)
        pages.push(linesOf(pieces, number))
        page.cleanup()
      } catch {
        broken++
      }
    }
    const letters = pages
      .flat()
      .reduce((sum, line) => sum + (line.text.match(/[\p{L}\p{N}]/gu)?.length ?? 0), 0)
    if (broken === document.numPages)
      throw new VillageError('DOCUMENT_MALFORMED', 'No page of the PDF can be read.')
    if (letters < MIN_LETTERS) throw new VillageError('PDF_NO_TEXT')
    const { info } = await document.getMetadata()
    const properties = info as Record<string, unknown>
    const blocks = blocksOfLines(pages)
    const said = typeof properties.Title === 'string' ? toTitle(properties.Title) : null
    const first = blocks.find((one) => one.kind === 'heading' && one.page === blocks[0]?.page)
    const empty = pages.filter((page) => page.length === 0).length
    const warnings: string[] = []
    if (broken > 0) warnings.push(`${broken} of ${document.numPages} pages are damaged and were left out.`)
    if (empty > 0) warnings.push(`${empty} of ${document.numPages} pages have no text.`)
    return {
      title: (said !== null && !POOR_TITLE.test(said) ? said : null) ?? toTitle(first?.text) ?? context.stem,
      language: null,
      fields: toFields({ ...fieldsOf(properties), pages: document.numPages }),
      blocks,
      warnings,
    }
  } catch (error) {
    throw asVillageError(error)
  } finally {
    await opened?.task.destroy()
  }
}
