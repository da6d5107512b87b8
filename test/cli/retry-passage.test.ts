/** `jobs retry` and `passage`, against an API over services in memory. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { passageAddress } from '../../node/cli/passage.ts'
import { withApi } from '../helpers/command-line.ts'

const test = suite('jobs retry and passage')

test('a job that has ended is submitted again with its parameters; one that runs is not', () =>
  withApi(async (cli, { services }) => {
    const { json: first } = await cli('compress', 'encoder', '--codec', 'int4', '--priority', '5', '--json')
    assert.match((await cli('jobs', 'retry', first.id)).err, /^error JOB_RUNNING/)
    await cli('jobs', 'cancel', first.id)
    const again = await cli('jobs', 'retry', first.id.slice(0, 8), '--json')
    assert.is(again.code, 0, again.err)
    assert.is.not(again.json.id, first.id)
    assert.equal([again.json.params, again.json.priority], [first.params, 5])
    assert.is(services.jobs.list().length, 2)
    await cli('jobs', 'cancel', again.json.id)
    assert.match((await cli('jobs', 'retry', first.id, '--resume')).err, /is for a training that failed/)
  }))

test('a passage that a search names is read whole, with its neighbours', () =>
  withApi(async (cli) => {
    const explained = await cli('search', 'lighthouse', 'keeper', '--explain', '--limit', '1')
    const address = /passage ([0-9a-f]+\/\d+)/.exec(explained.out)?.[1]
    assert.ok(address !== undefined, explained.out)
    const one = await cli('passage', address)
    assert.is(one.code, 0, one.err)
    assert.match(one.out, /^The lighthouse of Carrow Point · lighthouse\.md · .*characters \d+ to \d+\n\n/)
    const { passages } = (await cli('passage', address, '--around', '2', '--json')).json
    assert.ok(passages.some((found: { segment: string; chunk: number }) => passageAddress(found) === address))
    assert.is((await cli('passage', 'nonsense')).code, 2)
    assert.is((await cli('passage', address, '--around', 'all')).code, 2)
    assert.match((await cli('passage', `${'0'.repeat(64)}/0`)).err, /^error PASSAGE_UNKNOWN/)
  }))

test.run()
