/**
 * The dashboard's files. What can be served is a fixed map (the folder's own files and a few library files of node_modules), made
 * when the first of them is asked for, so that no request path ever reaches the file system.
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

const APP = '/dashboard/app.js'
/** What asks the daemon first, then what is shown first; what starts the dashboard comes last. */
const FIRST_MODULES = ['/dashboard/parts/first-reads.js', '/dashboard/pages/overview/page.js', APP]
const FIRST_SCRIPT = '/dashboard/first.js'
const FIRST_SHEET = '/dashboard/first.css'
const SHEET_LINK = / *<link rel="stylesheet" href="([^"]+)">\n/g

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

/**
 * The page as it is served. Nothing is painted before its sheets are there: they come as one. So do the modules of the first page: otherwise
 * the browser learns of each only from the one that imports it, and asks dozens of times.
 */
async function assemble(files: Map<string, StaticFile>): Promise<void> {
  const { joinModules, modulesOf } = await import('./dashboard-join.ts')
  const page = need(files, '/').bytes.toString('utf8')
  const sheets = [...page.matchAll(SHEET_LINK)].map(([, url]) => need(files, url!).bytes)
  files.set(FIRST_SHEET, staticFile(FIRST_SHEET, Buffer.concat(sheets)))
  const modules = modulesOf(FIRST_MODULES, (url) => need(files, url).bytes.toString('utf8'))
  const { text, link } = joinModules(modules, FIRST_SCRIPT)
  for (const url of modules.keys()) files.delete(url)
  for (const [url, { bytes }] of files)
    if (url.endsWith('.js')) files.set(url, staticFile(url, Buffer.from(link(url, bytes.toString('utf8')))))
  files.set(FIRST_SCRIPT, staticFile(FIRST_SCRIPT, Buffer.from(text)))
  const assembled = page
    .replace(SHEET_LINK, '')
    .replace(APP, FIRST_SCRIPT)
    .replace('  </head>', `    <link rel="stylesheet" href="${FIRST_SHEET}">\n  </head>`)
  files.set('/', staticFile('index.html', Buffer.from(assembled)))
}

/** Request path → file: `/` is the page, the rest is below `/dashboard/`. */
async function loadDashboardFiles(): Promise<ReadonlyMap<string, StaticFile>> {
  const entries = await readdir(FOLDER, { recursive: true, withFileTypes: true })
  const own = entries
    .filter((entry) => entry.isFile())
    .map(async (entry): Promise<[string, StaticFile]> => {
      const at = path.join(entry.parentPath, entry.name)
      const name = path.relative(FOLDER, at).split(path.sep).join('/')
      return [name === 'index.html' ? '/' : `/dashboard/${name}`, staticFile(name, await readFile(at))]
    })
  const libraries = Object.entries(LIBRARIES).map(
    async ([name, module]): Promise<[string, StaticFile]> => [
      `/dashboard/lib/${name}`,
      staticFile(name, await readLibrary(module)),
    ],
  )
  const files = new Map(await Promise.all([...own, ...libraries]))
  await assemble(files)
  return files
}

export interface DashboardFiles {
  find(path: string): Promise<StaticFile | undefined>
}

/** Most daemons of a village are never looked at: their start reads no file of the dashboard. */
export function createDashboardFiles(load = loadDashboardFiles): DashboardFiles {
  let loading: Promise<ReadonlyMap<string, StaticFile>> | undefined
  return {
    async find(path) {
      loading ??= load().catch((error: unknown) => {
        // What cannot be read now (no descriptor is free, say) may be the next time.
        loading = undefined
        throw error
      })
      return (await loading).get(path)
    },
  }
}
