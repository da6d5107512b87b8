/** Every check but the slow ones holds for this tree, so that `npm test` is enough. */
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { showFinding } from '../../scripts/check/check.ts'
import { openProject } from '../../scripts/check/project.ts'
import { CHECKS } from '../../scripts/check/table.ts'

const root = path.resolve(import.meta.dirname, '../..')
const project = openProject(root)

const tree = suite('checks on this tree')
tree.after(() => project.close())
for (const check of CHECKS.filter((row) => row.slow !== true))
  tree(`${check.name}: ${check.title}`, async () => {
    const findings = await check.run(project)
    if (findings.length > 0) assert.unreachable(findings.map(showFinding).join('\n    '))
  })
tree.run()

const command = suite('npm run check')
const run = (...args: string[]) =>
  spawnSync(process.execPath, [path.join(root, 'scripts/check.ts'), ...args], { encoding: 'utf8' })

command('runs the checks that are named', () => {
  const ended = run('changelog', 'vectors')
  assert.is(ended.status, 0, ended.stdout + ended.stderr)
  assert.match(ended.stdout, /^ok {3}changelog /m)
  assert.match(ended.stdout, /^ok {3}vectors /m)
  assert.not.match(ended.stdout, /types/)
})

command('an unknown name lists the checks and suggests one', () => {
  const ended = run('tipes')
  assert.is(ended.status, 2)
  assert.match(ended.stderr, 'did you mean types?')
  for (const { name } of CHECKS) assert.match(ended.stderr, new RegExp(`^ {2}${name}\\b`, 'm'))
})

command('an unknown option is refused', () => assert.is(run('--fix').status, 2))
command.run()
