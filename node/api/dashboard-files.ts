/**
 * The dashboard's files. What can be served is a fixed map made at the start (the folder's own files and a few library
 * files of node_modules), so that no request path ever reaches the file system.
 */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { VillageError } from '../errors.ts'

export interface StaticFile {
  readonly mediaType: string
  readonly etag: string
  readonly bytes: Buffer
}

const FOLDER = fileURLToPath(new URL('dashboard/', import.meta.url))
const MEDIA_TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}
/** Served name → file of a package. */
const LIBRARIES: Record<string, string> = {
  'preact.js': 'preact',
  'hooks.js': 'preact/hooks',
  'htm.js': 'htm',
  'uplot.js': 'uplot/dist/uPlot.esm.js',
  'uplot.css': 'uplot/dist/uPlot.min.css',
}

/** What is shown first. */
const FIRST_MODULES = ['/dashboard/app.js', '/dashboard/pages/overview/page.js']
const FIRST_SHEET = '/dashboard/first.css'
const SHEET_LINK = / *<link rel="stylesheet" href="([^"]+)">\n/g
const STATIC_IMPORT = /(?:^|[;}\n])\s*(?:import|export)\b[^;'"()]*\bfrom\s*["'](\.{1,2}\/[^"']+)["']/g

/**
 * Nothing inline runs, nothing comes from or goes to elsewhere; `data:` images are the QR codes of invites.
 */
export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

function staticFile(name: string, bytes: Buffer): StaticFile {
  const mediaType = MEDIA_TYPES[path.extname(name)]
  if (mediaType === undefined) throw new VillageError('INTERNAL', `No media type is known for ${name}`)
  return {
    mediaType,
    etag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`,
    bytes,
  }
}

async function readLibrary(module: string): Promise<Buffer> {
  const source = await readFile(fileURLToPath(import.meta.resolve(module)), 'utf8')
  // Browsers resolve no bare module names without an import map, and an import map would have to be inline.
  const rewritten = source
    .replace(/from *"preact"/g, 'from"./preact.js"')
    .replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n')
  const left = /(?:^|[;\n])(?:import|export)\b[^;"']*\bfrom *["']([^"'./][^"']*)["']/.exec(rewritten)
  if (left !== null) throw new VillageError('INTERNAL', `${module} imports ${left[1]}, which is not served`)
  return Buffer.from(rewritten)
}

function need(files: ReadonlyMap<string, StaticFile>, url: string): StaticFile {
  const file = files.get(url)
  if (file === undefined) throw new VillageError('INTERNAL', `The dashboard has no file ${url}`)
  return file
}

/** The modules and all that they import at once, as URLs; what is imported on demand is not among them. */
function modulesOf(
  files: ReadonlyMap<string, StaticFile>,
  urls: readonly string[],
  found = new Set<string>(),
): Set<string> {
  for (const url of urls)
    if (!found.has(url)) {
      found.add(url)
      const source = need(files, url).bytes.toString('utf8')
      const imported = [...source.matchAll(STATIC_IMPORT)].map(
        ([, from]) => new URL(from!, `http://localhost${url}`).pathname,
      )
      modulesOf(files, imported, found)
    }
  return found
}

/**
 * The page as it is served. Nothing is painted before its sheets are there: they come as one. Every module is asked for at once:
 * otherwise the browser learns of each only from the one that imports it.
 */
function assemble(files: Map<string, StaticFile>): void {
  const page = need(files, '/').bytes.toString('utf8')
  const sheets = [...page.matchAll(SHEET_LINK)].map(([, url]) => need(files, url!).bytes)
  files.set(FIRST_SHEET, staticFile(FIRST_SHEET, Buffer.concat(sheets)))
  const modules = [...modulesOf(files, FIRST_MODULES)].sort()
  const links = [
    `    <link rel="stylesheet" href="${FIRST_SHEET}">\n`,
    ...modules.map((url) => `    <link rel="modulepreload" href="${url}">\n`),
  ]
  const assembled = page.replace(SHEET_LINK, '').replace('  </head>', `${links.join('')}  </head>`)
  files.set('/', staticFile('index.html', Buffer.from(assembled)))
}

/** Request path → file: `/` is the page, the rest is below `/dashboard/`. */
export async function loadDashboardFiles(): Promise<ReadonlyMap<string, StaticFile>> {
  const files = new Map<string, StaticFile>()
  for (const entry of await readdir(FOLDER, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const at = path.join(entry.parentPath, entry.name)
    const name = path.relative(FOLDER, at).split(path.sep).join('/')
    const file = staticFile(name, await readFile(at))
    files.set(name === 'index.html' ? '/' : `/dashboard/${name}`, file)
  }
  for (const [name, module] of Object.entries(LIBRARIES))
    files.set(`/dashboard/lib/${name}`, staticFile(name, await readLibrary(module)))
  assemble(files)
  return files
}
