/** Runs the whole suite under c8, child processes included, and asks for 85% of the lines of node/. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type SourceFile, SyntaxKind } from 'typescript/unstable/ast'
import {
  isExportDeclaration,
  isImportDeclaration,
  isInterfaceDeclaration,
  isTypeAliasDeclaration,
} from 'typescript/unstable/ast/is'
import { nodeBinary } from '../run.js'
import type { Finding } from './check.ts'
import type { Project } from './project.ts'

export const MIN_LINES_PERCENT = 85

export interface CoverageSummary {
  total: { lines: { pct: number | 'Unknown'; covered: number; total: number } }
  [file: string]: { lines: { pct: number | 'Unknown'; covered: number; total: number } }
}

/** What a summary of istanbul's `json-summary` says against the bar. */
export function judgeCoverage(summary: CoverageSummary): string | null {
  const { pct, covered, total } = summary.total.lines
  if (total === 0 || pct === 'Unknown') return 'no line of node/ was measured'
  return pct >= MIN_LINES_PERCENT
    ? null
    : `${pct}% of the lines of node/ were run (${covered} of ${total}), the bar is ${MIN_LINES_PERCENT}%`
}

/** Whether a file has something to run: one of types alone is never loaded, and no line of it can be covered. */
export function hasCode(tree: SourceFile): boolean {
  return tree.statements.some(
    (statement) =>
      !(
        isInterfaceDeclaration(statement) ||
        isTypeAliasDeclaration(statement) ||
        (isImportDeclaration(statement) &&
          statement.importClause?.phaseModifier === SyntaxKind.TypeKeyword) ||
        (isExportDeclaration(statement) && statement.isTypeOnly)
      ),
  )
}

function run(args: readonly string[], cwd: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(nodeBinary(), args, {
      cwd,
      stdio: 'inherit',
      // V8 counts less precisely in code that comes from a cache.
      env: { ...process.env, NODE_DISABLE_COMPILE_CACHE: '1' },
    })
    child.on('error', reject)
    child.on('exit', (code) => resolve(code ?? 1))
  })
}

export async function checkCoverage(project: Project): Promise<Finding[]> {
  const raw = mkdtempSync(path.join(tmpdir(), 'village-coverage-'))
  const reports = path.join(project.root, 'coverage')
  const typesOnly = project
    .sources()
    .filter(({ file, tree }) => file.startsWith('node/') && !hasCode(tree))
    .map(({ file }) => file)
  try {
    const code = await run(
      [
        'node_modules/c8/bin/c8.js',
        '--all',
        '--src=node',
        '--include=node/**/*.ts',
        ...typesOnly.map((file) => `--exclude=${file}`),
        '--reporter=text',
        '--skip-full',
        '--reporter=json-summary',
        '--merge-async',
        `--temp-directory=${raw}`,
        `--reports-dir=${reports}`,
        nodeBinary(),
        'test/run.ts',
      ],
      project.root,
    )
    if (code !== 0) return [{ file: 'test', line: null, message: 'the suite failed under coverage' }]
    const summary: CoverageSummary = JSON.parse(
      readFileSync(path.join(reports, 'coverage-summary.json'), 'utf8'),
    )
    const message = judgeCoverage(summary)
    return message === null ? [] : [{ file: 'node', line: null, message }]
  } finally {
    rmSync(raw, { recursive: true, force: true })
  }
}
