/**
 * Makes dist/: the JavaScript of node/ as a published package runs it (Node strips no types below node_modules), with
 * the files of node/ that are no TypeScript beside it, and the type declarations of the client alone.
 */
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** Threads and child processes are named by their source file. */
const ENTRY = /new URL\('(\.{1,2}\/[^']*)\.ts', import\.meta\.url\)/g

/** A module of dist/ with the entries that it names as they are called there. */
export function emittedEntries(source: string): { source: string; entries: readonly string[] } {
  const entries = [...source.matchAll(ENTRY)].map(([, name]) => `${name}.js`)
  return { source: source.replace(ENTRY, "new URL('$1.js', import.meta.url)"), entries }
}

function compile(init: { root: string; project: string; dist: string; checked: boolean }): void {
  const { root, project, dist, checked } = init
  const compiler = path.join(root, 'node_modules/typescript/bin/tsc')
  const words = ['-p', path.join(root, 'scripts/package', project), '--outDir', dist]
  const run = spawnSync(process.execPath, [compiler, ...words, ...(checked ? [] : ['--noCheck'])], {
    encoding: 'utf8',
  })
  if (run.status !== 0) throw new Error(`tsc failed:\n${run.stdout}${run.stderr}`)
}

/**
 * Writes `dist`, which is removed first. Throws where the sources do not compile or name an entry that is not there. Without
 * `checked` types are not looked at, which takes a quarter of the time and gives the same files.
 */
export function emitPackage(root: string, dist: string, { checked }: { checked: boolean }): void {
  rmSync(dist, { recursive: true, force: true })
  compile({ root, project: 'program.tsconfig.json', dist, checked })
  // Of the client alone: it is what others may import.
  compile({ root, project: 'client.tsconfig.json', dist, checked: false })
  for (const file of globSync('node/**/*.js', { cwd: dist })) {
    const at = path.join(dist, file)
    const { source, entries } = emittedEntries(readFileSync(at, 'utf8'))
    if (entries.length === 0) continue
    for (const entry of entries)
      if (!existsSync(path.join(path.dirname(at), entry)))
        throw new Error(`${file} names ${entry}, which is not there`)
    writeFileSync(at, source)
  }
  const sources = path.join(root, 'node')
  for (const entry of globSync('**', { cwd: sources, withFileTypes: true })) {
    if (!entry.isFile() || entry.name.endsWith('.ts')) continue
    const from = path.join(entry.parentPath, entry.name)
    const to = path.join(dist, 'node', path.relative(sources, from))
    mkdirSync(path.dirname(to), { recursive: true })
    copyFileSync(from, to)
  }
}
