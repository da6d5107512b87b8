/** `village rounds …` and `village ledger …` against runs in memory, whose ledgers are real. */
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { EXIT_CODES } from '../../node/cli/exit-codes.ts'
import type { TestApi } from '../helpers/api-server.ts'
import { type Ran, withApi } from '../helpers/command-line.ts'
import { toySpec } from '../helpers/paper-run.ts'

const test = suite('rounds and ledger commands')
const SIGNAL = new AbortController().signal

const announce = ({ services }: TestApi) => services.rounds.announce(toySpec({ name: 'better toys' }), SIGNAL)

const withRun = (
  work: (cli: (...args: string[]) => Promise<Ran>, run: string, server: TestApi) => Promise<void>,
) => withApi(async (cli, server) => work(cli, (await announce(server)).run, server))

test('without runs it says how to get one', () =>
  withApi(async (cli) => {
    assert.match((await cli('rounds')).out, 'village evolve')
    assert.match((await cli('ledger')).out, 'No ledgers')
  }))

test('a run is listed and shown, by the beginning of its id', () =>
  withRun(async (cli, run) => {
    assert.match((await cli('rounds')).out, /better toys +toy +proposing +0\/3/)
    const shown = await cli('rounds', 'show', run.slice(0, 8))
    assert.is(shown.code, 0, shown.err)
    assert.match(shown.out, run)
    assert.match(shown.out, /Waits for +12D3/)
    assert.match(shown.out, /CANDIDATE/)
    const { json } = await cli('rounds', 'show', run, '--json')
    assert.is(json.run, run)
    assert.is((await cli('rounds', 'show', 'ffff')).code, 1)
    assert.match((await cli('rounds', 'show', 'ffff')).err, 'No run has the id')
  }))

test('a genome of a person’s own is put up, and what is none is refused', () =>
  withRun(async (cli, run, { directory }) => {
    const file = path.join(directory, 'genome.json')
    await writeFile(file, '{"x": [0.1, 0.2, 0.3, 0.4]}')
    const put = await cli('rounds', 'suggest', run.slice(0, 8), file, '--json')
    assert.is(put.code, 0, put.err)
    assert.equal(put.json, { run, genome: { x: [0.1, 0.2, 0.3, 0.4] } })
    for (const [text, problem] of [
      ['[1]', /holds no genome/],
      ['{x: 1}', /is not JSON/],
      [`{"x": "${'y'.repeat(70_000)}"}`, /too long/],
    ] as const) {
      await writeFile(file, text)
      assert.match((await cli('rounds', 'suggest', run, file)).err, problem)
    }
    assert.match((await cli('rounds', 'suggest', run, `${file}.no`)).err, /FILE_UNREADABLE/)
  }))

test('a run is paused, resumed and stopped; then nothing more can be done with it', () =>
  withRun(async (cli, run) => {
    assert.is((await cli('rounds', 'pause', run)).code, 0)
    assert.match((await cli('rounds')).out, /paused/)
    assert.match((await cli('rounds', 'pause', run)).out, /stands still already/)
    assert.is((await cli('rounds', 'resume', run)).code, 0)
    assert.match((await cli('rounds', 'resume', run)).out, /is not paused/)
    assert.is((await cli('rounds', 'stop', run)).code, 0)
    assert.match((await cli('rounds')).out, /ended: stopped/)
    const { json } = await cli('rounds', 'pause', run, '--json')
    assert.is(json.error.code, 'RUN_OVER')
    const watched = await cli('rounds', 'watch', run)
    assert.is(watched.code, EXIT_CODES.jobFailed.code, 'a run without a winner is no success')
    assert.match(watched.err, /\d {2}ended: stopped/, 'the end is no generation')
  }))

test('a run is removed from this node', () =>
  withRun(async (cli, run) => {
    assert.match((await cli('rounds', 'rm', run.slice(0, 8))).out, /is removed from this node/)
    assert.match((await cli('rounds')).out, 'village evolve')
    assert.is((await cli('rounds', 'rm', run)).code, 1)
  }))

test('a ledger is shown, verified and exported, and a changed file is found out', () =>
  withRun(async (cli, run, { directory, services }) => {
    services.rounds.act(run, 'pause')
    const shown = await cli('ledger', 'show', run)
    assert.match(shown.out, /join +12D3.* cores/)
    assert.match(shown.out, /control +12D3.* pause/)
    assert.is((await cli('ledger', 'show', run, '--from', '2', '--json')).json.blocks.length, 1)
    assert.is((await cli('ledger', 'show', run, '--from', 'x')).code, 2)
    assert.match((await cli('ledger', 'verify', run)).out, /is whole: 2 blocks with 2 statements/)
    const file = path.join(directory, 'a.ledger')
    assert.is((await cli('ledger', 'export', run, file)).code, 0)
    assert.match((await cli('ledger', 'export', run, file)).err, 'exists already')
    assert.match((await cli('ledger', 'verify', file)).out, /is whole/)
    const bytes = await readFile(file)
    bytes[bytes.length - 100]! ^= 1
    await writeFile(file, bytes)
    const changed = await cli('ledger', 'verify', file)
    assert.is(changed.code, EXIT_CODES.failure.code)
    assert.match(changed.out + changed.err, /not valid|LEDGER/)
    assert.match(changed.out + changed.err, /fix: /)
    assert.match((await cli('ledger', 'verify', `${file}.no`)).err, /There is no file/)
    await writeFile(file, 'no ledger at all')
    assert.match((await cli('ledger', 'verify', file)).err, 'record of a run is not valid')
  }))

test.run()
