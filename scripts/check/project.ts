/** The files of a project as a check sees them: what git tracks or would, their text, and their syntax trees. */
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Node, SourceFile } from 'typescript/unstable/ast'
import { API } from 'typescript/unstable/sync'

export interface Project {
  /** Absolute, without a slash at its end. */
  readonly root: string
  /** Relative paths with forward slashes, sorted. */
  readonly files: readonly string[]
  has(file: string): boolean
  /** Throws when the file is not there. */
  read(file: string): string
  /** True when the content changed. */
  write(file: string, content: string): boolean
  /** The TypeScript and JavaScript files that tsconfig.json includes, parsed, with their relative paths. */
  sources(): readonly Source[]
  /** Ends the parser's process. */
  close(): void
}

export interface Source {
  readonly file: string
  readonly tree: SourceFile
}

/** Folders that hold what was installed, built or produced; git ignores them. */
const NOT_SOURCE = ['node_modules', '.git', 'dist', 'coverage', 'native/build', '.village-demo']

function listFiles(root: string): string[] {
  try {
    const output = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 64 * 2 ** 20,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    // A file that was deleted but not yet committed is still listed.
    return output.split('\0').filter((file) => file !== '' && existsSync(path.join(root, file)))
  } catch {
    // Not a git checkout (an unpacked archive): everything that is no build product.
    return globSync('**', { cwd: root, exclude: (name) => NOT_SOURCE.includes(name) })
      .map((file) => file.replaceAll('\\', '/'))
      .filter((file) => !NOT_SOURCE.some((folder) => file === folder || file.startsWith(`${folder}/`)))
      .filter((file) => statSync(path.join(root, file)).isFile())
  }
}

export function openProject(root: string): Project {
  const files = listFiles(root).sort()
  let parsed: readonly Source[] | undefined
  let api: API | undefined
  return {
    root,
    files,
    has: (file) => existsSync(path.join(root, file)),
    read: (file) => readFileSync(path.join(root, file), 'utf8'),
    write(file, content) {
      const target = path.join(root, file)
      if (existsSync(target) && readFileSync(target, 'utf8') === content) return false
      mkdirSync(path.dirname(target), { recursive: true })
      writeFileSync(target, content)
      return true
    },
    sources() {
      parsed ??= parse()
      return parsed
    },
    close() {
      api?.close()
      api = undefined
    },
  }

  function parse(): Source[] {
    api = new API({ cwd: root })
    const snapshot = api.updateSnapshot({ openProjects: [path.join(root, 'tsconfig.json')] })
    const [program] = snapshot.getProjects()
    if (program === undefined) throw new Error(`${root} has no tsconfig.json that can be opened`)
    return program.rootFiles.map((absolute) => {
      const tree = program.program.getSourceFile(absolute)
      if (tree === undefined) throw new Error(`${absolute} cannot be parsed`)
      return { file: path.relative(root, absolute).replaceAll('\\', '/'), tree }
    })
  }
}

/** Calls `visit` on every node below `node`, parents first. */
export function walk(node: Node, visit: (node: Node) => void): void {
  visit(node)
  node.forEachChild((child) => walk(child, visit))
}

export function lineOf(tree: SourceFile, node: Node): number {
  return tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1
}
