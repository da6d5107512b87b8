/**
 * The import rule of the architecture: agents → federated → compute → mesh, downward only; the top-level files of
 * node/ may be imported by all and import no domain, except daemon.ts, which wires everything; only daemon.ts imports
 * the API; the CLI is a client of the HTTP API. Types count: a type is a dependency too.
 */
import path from 'node:path'
import { type Node, SyntaxKind } from 'typescript/unstable/ast'
import { isExportDeclaration, isImportDeclaration } from 'typescript/unstable/ast/is'
import { BROUGHT_IN } from '../package/onnxruntime.ts'
import type { Finding } from './check.ts'
import { lineOf, type Project } from './project.ts'

/** Lower may not import higher. */
const LAYERS: readonly string[] = ['mesh', 'compute', 'federated', 'agents']

/** Imports that the rule forbids and that are right all the same, each with its reason. */
const EXCEPTIONS: readonly { from: string; to: string; why: string }[] = [
  { from: 'node/cli/start.ts', to: 'node/daemon.ts', why: 'start runs the daemon in this process' },
  { from: 'node/cli/doctor.ts', to: 'node/compute/kernels.ts', why: 'doctor has to work without a daemon' },
  {
    from: 'node/cli/doctor.ts',
    to: 'node/compute/sandbox/sandbox.ts',
    why: 'doctor has to work without a daemon',
  },
  { from: 'node/main.ts', to: 'node/cli/', why: 'main hands the arguments to the commands' },
]

/** `node/mesh/x.ts` → `mesh`; a top-level file → its own name. */
function placeOf(file: string): { domain: string | null; name: string } {
  const [, first, ...rest] = file.split('/')
  return rest.length === 0 ? { domain: null, name: first ?? '' } : { domain: first ?? null, name: file }
}

/** Why the file `from` may not import the file `to` (both relative, of this project), or null when it may. */
export function importProblem(from: string, to: string): string | null {
  if (!from.startsWith('node/')) return null
  if (EXCEPTIONS.some((row) => row.from === from && to.startsWith(row.to))) return null
  if (!to.startsWith('node/')) return 'files of node/ import nothing outside node/'
  const source = placeOf(from)
  const target = placeOf(to)
  if (from === 'node/daemon.ts')
    return target.domain === 'cli' || target.name === 'main.ts' ? 'the daemon does not know the CLI' : null
  if (target.domain === null)
    return target.name === 'daemon.ts' || target.name === 'main.ts'
      ? `${target.name} is where the program begins: nothing imports it`
      : null
  if (source.domain === target.domain) return null
  if (target.domain === 'api') return 'only daemon.ts imports the API'
  if (target.domain === 'cli') return 'nothing imports the CLI'
  if (source.domain === null) return 'top-level files import no domain'
  if (source.domain === 'cli') return 'the CLI is a client of the HTTP API and imports no domain'
  if (source.domain === 'api') return null
  const sourceLayer = LAYERS.indexOf(source.domain)
  const targetLayer = LAYERS.indexOf(target.domain)
  if (sourceLayer < 0 || targetLayer < 0) return 'this folder has no place in the import rule'
  return targetLayer < sourceLayer ? null : `imports go downward: ${[...LAYERS].reverse().join(' → ')}`
}

function isTypeOnly(specifier: Node): boolean {
  const statement = specifier.parent
  if (isImportDeclaration(statement)) return statement.importClause?.phaseModifier === SyntaxKind.TypeKeyword
  if (isExportDeclaration(statement)) return statement.isTypeOnly
  return false
}

/** The package that a bare specifier names: `@scope/name/sub` → `@scope/name`. */
function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

function problemOf(file: string, specifier: Node & { text: string }, shipped: Set<string>): string | null {
  const { text } = specifier
  if (text.startsWith('.')) {
    const target = path.posix.join(path.posix.dirname(file), text)
    const problem = importProblem(file, target)
    return problem === null ? null : `imports ${target}: ${problem}`
  }
  if (!file.startsWith('node/') || text.startsWith('node:') || shipped.has(packageOf(text))) return null
  if (isTypeOnly(specifier)) return null // stripped: not needed at run time
  return `imports ${packageOf(text)}, which package.json does not list under dependencies`
}

export async function checkImports(project: Project): Promise<Finding[]> {
  const manifest = JSON.parse(project.read('package.json')) as { dependencies?: Record<string, string> }
  const shipped = new Set([...Object.keys(manifest.dependencies ?? {}), ...BROUGHT_IN])
  const found: Finding[] = []
  for (const { file, tree } of project.sources())
    for (const specifier of tree.imports as readonly (Node & { text: string })[]) {
      const message = problemOf(file, specifier, shipped)
      if (message !== null) found.push({ file, line: lineOf(tree, specifier), message })
    }
  return found
}
