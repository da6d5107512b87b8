/** The pure parts of the checks: the import rule by table, the documents, the bar of coverage. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { judgeCoverage } from '../../scripts/check/coverage.ts'
import { errorGroups, renderErrorDocs } from '../../scripts/check/generated.ts'
import { importProblem } from '../../scripts/check/imports.ts'

const parts = suite('check parts')

/** from, to, allowed */
const IMPORTS: readonly [string, string, boolean][] = [
  ['node/agents/a.ts', 'node/federated/b.ts', true],
  ['node/agents/a.ts', 'node/mesh/protocols/b.ts', true],
  ['node/federated/a.ts', 'node/agents/b.ts', false],
  ['node/compute/jobs/a.ts', 'node/compute/b.ts', true],
  ['node/compute/a.ts', 'node/errors.ts', true],
  ['node/compute/a.ts', 'node/daemon.ts', false],
  ['node/store.ts', 'node/errors.ts', true],
  ['node/store.ts', 'node/mesh/a.ts', false],
  ['node/daemon.ts', 'node/api/a.ts', true],
  ['node/daemon.ts', 'node/compute/a.ts', true],
  ['node/daemon.ts', 'node/cli/a.ts', false],
  ['node/main.ts', 'node/cli/a.ts', true],
  ['node/main.ts', 'node/mesh/a.ts', false],
  ['node/api/a.ts', 'node/mesh/a.ts', true],
  ['node/mesh/a.ts', 'node/api/b.ts', false],
  ['node/cli/a.ts', 'node/api/b.ts', false],
  ['node/cli/start.ts', 'node/daemon.ts', true],
  ['node/cli/peers.ts', 'node/daemon.ts', false],
  ['node/cli/peers.ts', 'node/mesh/a.ts', false],
  ['node/api/a.ts', 'node/cli/b.ts', false],
  ['node/elsewhere/a.ts', 'node/mesh/b.ts', false],
  ['node/mesh/a.ts', 'scripts/b.ts', false],
  ['scripts/a.ts', 'node/agents/b.ts', true],
  ['test/a.ts', 'node/api/b.ts', true],
]
for (const [from, to, allowed] of IMPORTS)
  parts(`${from} ${allowed ? 'may' : 'may not'} import ${to}`, () =>
    assert.is(importProblem(from, to) === null, allowed),
  )

parts('the documents of errors leave no row out', () => {
  assert.equal(
    [...errorGroups('  // one\n  INTERNAL: {\n  // two\n  ABORTED: {\n')],
    [
      ['one', ['INTERNAL']],
      ['two', ['ABORTED']],
    ],
  )
  assert.throws(() => renderErrorDocs('  // one\n  INTERNAL: {\n'), /the layout of .*ABORTED/)
})

parts('coverage is judged by lines of node/', () => {
  const summary = (pct: number, total: number) => ({ total: { lines: { pct, covered: 0, total } } })
  assert.is(judgeCoverage(summary(85, 100)), null)
  assert.match(judgeCoverage(summary(84.99, 100)) ?? '', /84\.99%/)
  assert.match(judgeCoverage(summary(100, 0)) ?? '', /no line/)
})
parts.run()
