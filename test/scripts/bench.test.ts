import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { holds } from '../../scripts/bench/bench.ts'
import { sampleOf } from '../../scripts/bench/daemon.ts'
import { BENCHES } from '../../scripts/bench/table.ts'

const bench = suite('npm run bench')
const run = (...args: string[]) =>
  spawnSync(process.execPath, [path.resolve(import.meta.dirname, '../../scripts/bench.ts'), ...args], {
    encoding: 'utf8',
  })

bench('without a name, every benchmark is listed', () => {
  const ended = run()
  assert.is(ended.status, 0, ended.stderr)
  for (const { name, title } of BENCHES) assert.match(ended.stdout, `${name.padEnd(10)} ${title}`)
})

bench('an unknown name lists them too, suggests one, and is exit code 2', () => {
  const ended = run('deamon', '--json')
  assert.is(ended.status, 2)
  assert.is(ended.stdout, '')
  assert.match(ended.stderr, 'there is no benchmark deamon; did you mean daemon?')
  for (const { name } of BENCHES) assert.match(ended.stderr, new RegExp(`^ {2}${name} `, 'm'))
})

bench('an unknown option is exit code 2', () => assert.is(run('daemon', '--fast').status, 2))

bench('names are unique words', () => {
  const names = BENCHES.map(({ name }) => name)
  assert.is(new Set(names).size, names.length)
  for (const name of names) assert.match(name, /^[a-z][a-z0-9-]*$/)
})

bench('a bar is met from the right side, and a figure without one is only watched', () => {
  const figure = { case: 'x', unit: 'ms', value: 5 }
  assert.is(holds({ ...figure, better: 'lower', bar: 5 }), true)
  assert.is(holds({ ...figure, better: 'lower', bar: 4.9 }), false)
  assert.is(holds({ ...figure, better: 'higher', bar: 5 }), true)
  assert.is(holds({ ...figure, better: 'higher', bar: 5.1 }), false)
  assert.is(holds({ ...figure, better: 'higher', bar: null }), null)
})

bench('a sample of a scrape is found by its whole name', () => {
  const text = '# HELP a b\nvillage_pool_busy_x 9\nvillage_pool_busy 2\nd{quantile="0.99"} 0.0125\n'
  assert.is(sampleOf(text, 'village_pool_busy'), 2)
  assert.is(sampleOf(text, 'd{quantile="0.99"}'), 0.0125)
  assert.throws(() => sampleOf(text, 'village_pool'), /has no village_pool/)
})

bench.run()
