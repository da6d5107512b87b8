/** What `village evolve` sends and refuses; the whole way through a daemon is in test/network/evolve.test.ts. */
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { EXIT_CODES } from '../../node/cli/exit-codes.ts'
import { withApi } from '../helpers/command-line.ts'

const test = suite('village evolve')

const TOY = `
workload: {kind: toy, items: 12}
strategy: {name: cma-es, step: 0.1}
population: 5
limits: {generations: 2, duration: 1h}
`

test('a configuration is announced under the name of its file; options go before it', () =>
  withApi(async (cli, { directory, services }) => {
    const file = path.join(directory, 'cube.yaml')
    await writeFile(file, TOY)
    const { code, json, err } = await cli('evolve', file, '--json')
    assert.is(code, 0, err)
    assert.is(json.name, 'cube')
    const { spec } = services.rounds.details(json.run).rules
    assert.equal([spec.population, spec.limits.durationMs, spec.seed], [5, 3_600_000, 1])
    assert.is(spec.strategy.options.step, 0.1)
    const named = await cli('evolve', file, '--name', 'other', '--seed', '9', '--json')
    assert.is(named.json.name, 'other')
    assert.is(services.rounds.details(named.json.run).rules.spec.seed, 9)
    assert.match((await cli('evolve', 'run', file)).out, /village evolve report/)
  }))

test('a dry run announces nothing', () =>
  withApi(async (cli, { directory, services }) => {
    const file = path.join(directory, 'cube.yaml')
    await writeFile(file, TOY)
    const before = services.rounds.list().length
    const { code, json, err } = await cli('evolve', file, '--dry-run', '--json')
    assert.is(code, 0, err)
    assert.is(json.name, 'cube')
    assert.equal([json.genes, json.first.length, json.mostCandidates], [4, 5, 10])
    assert.is(json.cost, null, 'nothing is scored unless it is asked for')
    assert.match((await cli('evolve', file, '--dry-run')).out, /seed: \{"x"/)
    const measured = await cli('evolve', file, '--dry-run', '--measure')
    assert.match(measured.out, /one candidate +1\.5 s: seed 0, on \d+ items, measured here/)
    assert.match(measured.out, /the whole +about .+ of one such machine for \d+ scorings at most/)
    assert.is(services.rounds.list().length, before)
  }))

test('what is wrong is said before anything is sent', () =>
  withApi(async (cli, { directory, services }) => {
    const before = services.rounds.list().length
    const file = path.join(directory, 'cube.yaml')
    await writeFile(file, `${TOY}\npopulatoin: 3\n`)
    const misspelt = await cli('evolve', file)
    assert.is(misspelt.code, EXIT_CODES.usage.code)
    assert.match(misspelt.err, /did you mean "population"/)
    await writeFile(file, TOY)
    for (const args of [
      [path.join(directory, 'nowhere.yaml')],
      [file, '--seed', 'x'],
      [file, '--dry-run', '--wait'],
      [file, '--measure'],
      [],
    ])
      assert.is.not((await cli('evolve', ...args)).code, 0, args.join(' '))
    await writeFile(file, 'workload: {kind: merge, tasks: [{data: missing.jsonl}]}')
    assert.match((await cli('evolve', file)).err, /missing\.jsonl is no file/)
    await writeFile(file, TOY.replace('cma-es', 'cma'))
    assert.match((await cli('evolve', file)).err, /it knows tournament, cma-es|did you mean/)
    assert.is(services.rounds.list().length, before)
    assert.is.not((await cli('evolve', 'report', 'nothing')).code, 0)
  }))

test.run()
