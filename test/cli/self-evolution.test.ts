/** `village self-evolution`: what people read, and what is refused. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { EXIT_CODES } from '../../node/cli/exit-codes.ts'
import { type HistoryView, historyText } from '../../node/cli/self-evolution-text.ts'
import { withApi } from '../helpers/command-line.ts'

const test = suite('village self-evolution')

test('from the status to the rollback and back', () =>
  withApi(async (run) => {
    const status = await run('self-evolution')
    assert.match(status.out, /Today \(UTC\) +0 of 500 candidates, 0\.00 Wh of 50\.00 Wh/)
    assert.match(status.out, /notes +collection town +2 /)
    assert.match((await run('self-evolution', 'history', 'notes')).out, /2 \* .*weight 0\.7, feedback off/)
    assert.match((await run('self-evolution', 'run', 'notes')).out, /Run abab\w+ has begun/)
    assert.match((await run('self-evolution', 'run', 'notes')).err, /SELF_EVOLUTION_BUSY/)
    assert.match((await run('self-evolution')).out, /runs: abab/)
    const back = await run('self-evolution', 'rollback', 'notes', '--to', '1')
    assert.match(back.out, /^Version 1 of the collection town is back\. The goal is paused/)
    assert.match((await run('self-evolution')).out, /paused/)
    assert.match((await run('self-evolution', 'resume', 'notes')).out, /runs again/)
    assert.match((await run('self-evolution', 'rollback', 'notes')).err, /SELF_EVOLUTION_NO_VERSION/)
    const wrong = await run('self-evolution', 'rollback', 'notes', '--to', 'one')
    assert.is(wrong.code, EXIT_CODES.usage.code)
    assert.match((await run('self-evolution', 'history', 'nots')).err, /did you mean "notes"/)
  }))

test('a comparison is shown with what p had to be below', () => {
  const view: HistoryView = {
    ...{ goal: 'g', target: { kind: 'model', name: 'm' }, paused: false, versions: [] },
    history: [
      {
        ...{ atMs: 0, event: 'kept', reason: 'not-told-apart', run: 'ab'.repeat(16), version: 1 },
        look: {
          number: 2,
          alpha: 0.0038,
          comparison: { items: 60, difference: { value: 0.02 }, p: 0.00004 },
        },
      },
    ],
  }
  assert.match(historyText(view), /kept +may be chance +0\.0200 +4\.0e-5 +< 0\.0038/)
})

test.run()
