/** Every attack of the table is stopped and told, and nothing is left behind. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { leftBehind, openTargets, runAttack } from '../../helpers/run-attacks.ts'
import { ATTACKS } from '../../helpers/sandbox-attacks.ts'
import { sandboxHere } from '../../helpers/sandboxes.ts'

const sandbox = await sandboxHere({ parallel: 4 })
if (sandbox === null) test.skip('attacks on the sandbox', () => undefined)
else {
  test('every attack is stopped, told, and leaves nothing', async () => {
    const targets = await openTargets()
    try {
      const outcomes = await Promise.all(ATTACKS.map((attack) => runAttack(sandbox, attack, targets)))
      const problems = outcomes.flatMap(({ attack, problems: found }) =>
        found.map((problem) => `${attack.name}: ${problem}`),
      )
      assert.equal(problems, [])
      assert.equal(leftBehind(targets), [])
    } finally {
      await targets.close()
      await sandbox.stop()
    }
  })
}

test.run()
