/** Word documents (Office Open XML), by mammoth: structure and text, no pictures, no macros, nothing that is linked. */
import { strToU8, zipSync } from 'fflate'
import mammoth from 'mammoth'
import { VillageError } from '../../../../errors.ts'
import { type ParseContext, type ParsedBody, toFields, toTitle } from './format.ts'
import { nodeOf, parseDom } from './html.ts'
import { htmlBlocks } from './html-blocks.ts'
import { openZip, type ZipArchive } from './zip.ts'

/** What has text or says how it is structured; media, fonts, embedded objects and macros are never unpacked. */
const NEEDED =
  /^(\[Content_Types\]\.xml|_rels\/\.rels|word\/[a-z0-9]+\.xml|word\/_rels\/[a-z0-9]+\.xml\.rels)$/i
const STYLE_MAP = ["p[style-name='Title'] => h1:fresh", "p[style-name='Subtitle'] => p:fresh"]

/** XML of the format has no document type; one that has is built to unfold entities. */
function checkMarkup(markup: Buffer): void {
  if (markup.includes('<!DOCTYPE') || markup.includes('<!ENTITY'))
    throw new VillageError(
      'DOCUMENT_MALFORMED',
      'The document declares XML entities, which its format forbids.',
    )
}

/** The same document from members that were checked, not compressed: what mammoth unpacks cannot be a bomb any more. */
function repack(archive: ZipArchive): Buffer {
  const members: Record<string, Uint8Array> = {}
  for (const name of archive.names) {
    if (!NEEDED.test(name)) continue
    const markup = archive.read(name)
    if (markup === null) continue
    checkMarkup(markup)
    members[name] = markup
  }
  if (members['[Content_Types].xml'] === undefined) members['[Content_Types].xml'] = strToU8('<Types/>')
  return Buffer.from(zipSync(members, { level: 0 }))
}

function property(markup: string, name: string): string | null {
  const text = new RegExp(`<${name}(?: [^>]{0,200})?>([^<]{0,1000})</${name}>`).exec(markup)?.[1]
  return text === undefined ? null : toTitle(parseDom(`<html><body>${text}</body></html>`).body.textContent)
}

export async function parseDocx(bytes: Buffer, context: ParseContext): Promise<ParsedBody> {
  const archive = openZip(bytes, context.limits.maxUnpackedBytes)
  if (!archive.has('word/document.xml'))
    throw new VillageError('FILE_TYPE_MISMATCH', 'The file is a ZIP archive but not a Word document.')
  const properties = archive.read('docProps/core.xml')?.toString('utf8') ?? ''
  let pictures = 0
  const image = mammoth.images.imgElement(async () => {
    pictures++
    return { src: '' }
  })
  const { value } = await mammoth
    .convertToHtml(
      { buffer: repack(archive) },
      { styleMap: STYLE_MAP, includeEmbeddedStyleMap: false, externalFileAccess: false, convertImage: image },
    )
    .catch((error: unknown) => {
      throw new VillageError('DOCUMENT_MALFORMED', 'The Word document cannot be read.', { cause: error })
    })
  const blocks = htmlBlocks(nodeOf(parseDom(`<html><body>${value}</body></html>`).body))
  const author = property(properties, 'dc:creator')
  const modified = property(properties, 'dcterms:modified')
  return {
    title:
      property(properties, 'dc:title') ??
      toTitle(blocks.find((one) => one.level === 1)?.text) ??
      context.stem,
    language: null,
    fields: toFields({ ...(author ? { author } : {}), ...(modified ? { modified } : {}) }),
    blocks,
    warnings:
      pictures > 0 ? [`${pictures} ${pictures === 1 ? 'picture was' : 'pictures were'} left out.`] : [],
  }
}
