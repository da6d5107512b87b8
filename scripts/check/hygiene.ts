/** The checks on text and layout: sizes, leftovers, foreign hosts, golden bytes, documents that point nowhere. */
import path from 'node:path'
import { BENCHES } from '../bench/table.ts'
import type { Finding } from './check.ts'
import type { Project } from './project.ts'

const MAX_LINES = 350
/** One table each, a row a fact: splitting them would only hide rows from each other. */
const DATA_TABLES = ['node/errors.ts']
const CODE = /\.(ts|js|cc|h|css|html)$/

/** Written so that this file does not match itself. */
const LEFTOVERS = /\b(?:TO[D]O|FIX[M]E|X[X]X|HA[C]K)\b/
const REGISTRY_HOSTS =
  /\b(?:registry\.(?:npmjs\.org|yarnpkg\.com|npmmirror\.com)|npm\.pkg\.github\.com|(?:deb|security|snapshot)\.debian\.org|archive\.ubuntu\.com|pypi\.org|files\.pythonhosted\.org|crates\.io|proxy\.golang\.org)\b/
/** Absolute paths of somebody's machine, not of a system (`/etc`, `/tmp`) and not of an example (`/home/you`). */
const MACHINE_PATHS =
  /(?<![\w.:@/~$}-])\/(?:work|root|home\/(?!you\b|me\b)[a-z][\w-]*|Users\/(?!you\b|me\b)[A-Za-z][\w-]*)\/[\w.-]+/

const LINE_RULES: readonly { rule: RegExp; message: string }[] = [
  { rule: LEFTOVERS, message: 'has a leftover marker: do it, or file an issue' },
  { rule: REGISTRY_HOSTS, message: 'names the host of a package registry' },
  { rule: MACHINE_PATHS, message: 'names a path of one machine' },
]

/** Text files, with their lines; binary ones (a zero byte) are left out. */
function* textLines(project: Project): Iterable<[file: string, lines: string[]]> {
  for (const file of project.files) {
    const text = project.read(file)
    if (!text.slice(0, 8192).includes('\0')) yield [file, text.split('\n')]
  }
}

export async function checkText(project: Project): Promise<Finding[]> {
  const found: Finding[] = []
  for (const [file, lines] of textLines(project))
    for (const [index, line] of lines.entries())
      for (const { rule, message } of LINE_RULES)
        if (rule.test(line)) found.push({ file, line: index + 1, message })
  return found
}

export async function checkFileSizes(project: Project): Promise<Finding[]> {
  return project.files
    .filter(
      (file) =>
        !DATA_TABLES.includes(file) && CODE.test(file) && /^(?:node|scripts|test|native)\//.test(file),
    )
    .map((file) => ({ file, lines: project.read(file).trimEnd().split('\n').length }))
    .filter(({ lines }) => lines > MAX_LINES)
    .map(({ file, lines }) => ({
      file,
      line: MAX_LINES + 1,
      message: `has ${lines} lines, the limit is ${MAX_LINES}: split it by reason to change`,
    }))
}

export async function checkChangelog(project: Project): Promise<Finding[]> {
  const file = 'CHANGELOG.md'
  const { version } = JSON.parse(project.read('package.json')) as { version: string }
  const finding = (message: string): Finding[] => [{ file, line: null, message }]
  if (!project.has(file)) return finding('is missing')
  const text = project.read(file)
  const entries = [...text.matchAll(/^## \[([^\]]+)\](.*)$/gm)]
  if (!entries.some(([, name]) => name === 'Unreleased' || name === version))
    return finding(`has neither an [Unreleased] section nor one for ${version}`)
  return entries
    .filter(([, name, rest]) => name !== 'Unreleased' && !/^ - \d{4}-\d{2}-\d{2}$/.test(rest ?? ''))
    .flatMap(([, name]) => finding(`the section [${name}] has no date`))
}

/** A golden vector is compared byte for byte: neither the formatter nor git may touch it. */
export async function checkVectors(project: Project): Promise<Finding[]> {
  const found: Finding[] = []
  const biome = JSON.parse(project.read('biome.json')) as { files?: { includes?: string[] } }
  if (biome.files?.includes?.includes('!test/vectors') !== true)
    found.push({ file: 'biome.json', line: null, message: 'does not exclude test/vectors from formatting' })
  const attributes = project.has('.gitattributes') ? project.read('.gitattributes') : ''
  if (!/^test\/vectors\/\*\* .*-text/m.test(attributes))
    found.push({ file: '.gitattributes', line: null, message: 'lets git change line ends in test/vectors' })
  return found
}

/** Links and commands in the documents lead somewhere. */
export async function checkDocuments(project: Project): Promise<Finding[]> {
  const { scripts } = JSON.parse(project.read('package.json')) as { scripts: Record<string, string> }
  const found: Finding[] = []
  for (const [file, lines] of textLines(project)) {
    if (!file.endsWith('.md')) continue
    for (const [index, line] of lines.entries()) {
      for (const [, target] of line.matchAll(/\]\((?!\w+:|#)([^)#\s]+)[^)]*\)/g))
        if (!project.has(path.posix.join(path.posix.dirname(file), decodeURI(target!))))
          found.push({ file, line: index + 1, message: `links to ${target}, which is not there` })
      for (const [, name] of line.matchAll(/\bnpm run ([a-z][\w:-]*)/g))
        if (scripts[name!] === undefined)
          found.push({ file, line: index + 1, message: `package.json has no script ${name}` })
    }
  }
  return found
}

/** Every file of scripts/bench that exports a benchmark has its row, under its own name. */
export async function checkBenches(project: Project): Promise<Finding[]> {
  const names = new Set(BENCHES.map((bench) => bench.name))
  return project.files
    .filter((file) => /^scripts\/bench\/[\w-]+\.ts$/.test(file))
    .filter((file) => /^export const \w+Bench\b/m.test(project.read(file)))
    .filter((file) => !names.has(path.posix.basename(file, '.ts')))
    .map((file) => ({ file, line: null, message: 'is no row of scripts/bench/table.ts' }))
}
