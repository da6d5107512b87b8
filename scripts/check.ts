/**
 * The habits of this project, held by a program.
 *
 * usage: npm run check [-- [--write] NAME ...]
 *   NAME      only these checks; without one, all but the slow ones
 *   --write   first make generated files anew
 */
import path from 'node:path'
import { parseArgs } from 'node:util'
import { nearest } from '../node/nearest.ts'
import { showFinding } from './check/check.ts'
import { openProject } from './check/project.ts'
import { CHECKS } from './check/table.ts'

function usage(problem: string): never {
  console.error(`${problem}\n\nusage: npm run check [-- [--write] NAME ...]\n`)
  for (const { name, title, slow } of CHECKS)
    console.error(`  ${name.padEnd(10)} ${title}${slow === true ? ' (slow: runs when it is named)' : ''}`)
  process.exit(2)
}

function readArguments(): { names: string[]; write: boolean } {
  try {
    const { positionals, values } = parseArgs({
      options: { write: { type: 'boolean', default: false } },
      allowPositionals: true,
    })
    return { names: positionals, write: values.write }
  } catch (error) {
    return usage((error as Error).message)
  }
}

const { names, write } = readArguments()
const unknown = names.find((name) => CHECKS.every((check) => check.name !== name))
if (unknown !== undefined) {
  const suggestion = nearest(
    unknown,
    CHECKS.map((check) => check.name),
  )
  usage(`there is no check ${unknown}${suggestion === null ? '' : `; did you mean ${suggestion}?`}`)
}

const chosen = CHECKS.filter((check) =>
  names.length === 0 ? check.slow !== true : names.includes(check.name),
)
const project = openProject(path.resolve(import.meta.dirname, '..'))
let problems = 0
try {
  if (write)
    for (const check of chosen)
      for (const file of (await check.write?.(project)) ?? []) console.log(`wrote ${file}`)
  for (const check of chosen) {
    const started = performance.now()
    const findings = await check.run(project)
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    console.log(
      `${findings.length === 0 ? 'ok  ' : 'FAIL'} ${check.name.padEnd(10)} ${check.title} (${seconds} s)`,
    )
    for (const finding of findings) console.log(`     ${showFinding(finding)}`)
    problems += findings.length
  }
} finally {
  project.close()
}
console.log(problems === 0 ? '\nall checks hold' : `\n${problems} problem${problems === 1 ? '' : 's'}`)
process.exit(problems === 0 ? 0 : 1)
