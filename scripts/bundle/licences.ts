/** LICENCES.md of a bundle: what is inside, under which terms, and where their text lies. */
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

const LICENCE = /^(?:licen[cs]e|copying|notice)/i

export interface Licensed {
  readonly name: string
  readonly version: string
  /** As its manifest says it (SPDX); null where it says nothing. */
  readonly terms: string | null
  /** Files with the text, below the bundle's folder. */
  readonly files: readonly string[]
}

interface Manifest {
  name?: string
  version?: string
  license?: string | { type?: string }
  licenses?: readonly { type?: string }[]
}

function termsOf({ license, licenses }: Manifest): string | null {
  if (typeof license === 'string') return license
  return license?.type ?? licenses?.map(({ type }) => type).join(' OR ') ?? null
}

/** Every package below `folder`/app, and Node, sorted by name. */
export function licencesOf(folder: string, nodeVersion: string): Licensed[] {
  const manifests = globSync('app/**/node_modules/{*,@*/*}/package.json', { cwd: folder })
  const packages = ['app/package.json', ...manifests].flatMap((file) => {
    const manifest = JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as Manifest
    const home = path.dirname(file)
    // Folders inside a package have manifests without a name.
    if (manifest.name === undefined || manifest.version === undefined) return []
    const files = readdirSync(path.join(folder, home)).filter((name) => LICENCE.test(name))
    const { name, version } = manifest
    return [{ name, version, terms: termsOf(manifest), files: files.map((text) => `${home}/${text}`).sort() }]
  })
  const runtime = existsSync(path.join(folder, 'runtime/LICENSE')) ? ['runtime/LICENSE'] : []
  packages.push({ name: 'Node.js', version: nodeVersion, terms: 'MIT and others', files: runtime })
  return packages.sort((one, other) =>
    `${one.name} ${one.version}` < `${other.name} ${other.version}` ? -1 : 1,
  )
}

export function licencesPage(rows: readonly Licensed[]): string {
  const lines = rows.map(
    ({ name, version, terms, files }) =>
      `| ${name} | ${version} | ${terms ?? 'not stated'} | ${files.join(', ') || 'none in the package'} |`,
  )
  return `# Licences\n\nEvery program and library in this bundle, its terms, and where their text lies.\n\n| What | Version | Terms | Text |\n|---|---|---|---|\n${lines.join('\n')}\n`
}
