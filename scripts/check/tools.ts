/** The checks that other programs make: the TypeScript compiler and Biome. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { nodeBinary } from '../run.js'
import type { Finding } from './check.ts'
import type { Project } from './project.ts'

/** `node_modules` of this checkout: a project under test elsewhere uses the same tools. */
const MODULES = path.join(import.meta.dirname, '../../node_modules')

interface Ended {
  code: number
  output: string
}

function runTool(script: string, args: readonly string[], cwd: string): Promise<Ended> {
  return new Promise((resolve, reject) => {
    execFile(
      nodeBinary(),
      [path.join(MODULES, script), ...args],
      { cwd, maxBuffer: 64 * 2 ** 20, env: { ...process.env, NO_COLOR: '1' } },
      (error, stdout, stderr) => {
        if (error !== null && typeof error.code !== 'number') reject(error)
        else resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr })
      },
    )
  })
}

/** The lines of a tool that name a place; a tool that failed without naming one is a finding of its own. */
function findings(tool: string, ended: Ended, found: Finding[]): Finding[] {
  if (ended.code === 0 || found.length > 0) return found
  return [{ file: '.', line: null, message: `${tool} failed: ${ended.output.trim().slice(0, 2000)}` }]
}

/** What the compiler knows of files from its last run: only what has changed, and what depends on it, is looked at anew. */
function typesCache(root: string): string[] {
  const modules = path.join(root, 'node_modules')
  return existsSync(modules)
    ? ['--incremental', '--tsBuildInfoFile', path.join(modules, '.cache/village-check/types.tsbuildinfo')]
    : []
}

export async function checkTypes(project: Project): Promise<Finding[]> {
  const { root } = project
  const args = ['-p', '.', '--pretty', 'false', ...typesCache(root)]
  const ended = await runTool('typescript/bin/tsc', args, root)
  const found = [...ended.output.matchAll(/^(\S[^(\n]*)\((\d+),\d+\): (error .*)$/gm)].map((match) => ({
    file: match[1]!,
    line: Number(match[2]),
    message: match[3]!,
  }))
  return findings('tsc', ended, found)
}

/** Lint, import order and format in one pass; a warning counts. */
export async function checkLint(project: Project): Promise<Finding[]> {
  const ended = await runTool(
    '@biomejs/biome/bin/biome',
    ['ci', '--colors=off', '--reporter=concise', '--diagnostic-level=warn', '--max-diagnostics=none', '.'],
    project.root,
  )
  const found = [...ended.output.matchAll(/^[×!] ([^:\n]+)(?::(\d+):\d+)?: (.*)$/gm)].map((match) => ({
    file: match[1]!,
    line: match[2] === undefined ? null : Number(match[2]),
    message: match[3]!,
  }))
  return findings('biome', ended, found)
}
