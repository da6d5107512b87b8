/** What the dashboard's forms offer and send, without a browser: it has to be what the daemon takes. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ITEM_SUITES } from '../../../node/compute/evaluate/suite-table.ts'

const part = (name: string) => import(new URL(`../../../node/api/dashboard/${name}.js`, import.meta.url).href)
const { OPTIONS, optionsOf, suitesOf, WITH_DATA } = await part('pages/jobs/suites')
const { targetOf } = await part('pages/jobs/targets')
const { counted, readSize, writtenSize } = await part('parts/format')

const test = suite('dashboard forms')

interface Offered {
  readonly name: string
  readonly kinds: readonly string[]
  readonly files: readonly { name: string; optional?: boolean }[]
  readonly options: readonly string[]
}

test('every suite over data can be asked for, with its files, its options and the models that it fits', () => {
  const wanted = ITEM_SUITES.filter(({ files }) => files.required.length > 0).map((row) => ({
    name: row.name,
    kinds: ['language', 'encoder'].filter((kind) => row.fits({ kind })),
    required: [...row.files.required],
    optional: [...row.files.optional],
    options: [...row.options].sort(),
  }))
  const offered = (WITH_DATA as Offered[]).map(({ name, kinds, files, options }) => ({
    ...{ name, kinds: [...kinds] },
    required: files.filter(({ optional }) => optional !== true).map((file) => file.name),
    optional: files.filter(({ optional }) => optional === true).map((file) => file.name),
    options: [...options].sort(),
  }))
  const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name)
  assert.equal(offered.sort(byName), wanted.sort(byName))
  for (const { options } of WITH_DATA as Offered[])
    for (const name of options) assert.ok(name in OPTIONS, name)
})

test('a suite that the daemon has data for needs no files; options that are left empty are not sent', () => {
  const catalog = { suites: [{ name: 'mmlu', title: 'own', kinds: ['language'] }] }
  const all = suitesOf(catalog) as Offered[]
  assert.equal([all[0]!.name, all[0]!.files.length], ['mmlu', 0])
  assert.is(all.filter(({ name }) => name === 'mmlu').length, 1)
  const form = new FormData()
  for (const [name, value] of [
    ['limit', '20'],
    ['shots', ' '],
    ['temperature', '0'],
    ['other', '3'],
  ] as const)
    form.set(name, value)
  assert.equal(optionsOf({ options: ['limit', 'shots', 'temperature', 'seed'] }, form), {
    ...{ limit: 20, temperature: 0 },
  })
})

test('a target takes a size as people write it', () => {
  assert.equal(targetOf('sizeBytes', '4 MB'), { sizeBytes: 4_000_000 })
  assert.equal(targetOf('sizeBytes', '1.5MiB'), { sizeBytes: 1.5 * 2 ** 20 })
  assert.equal(targetOf('sizeBytes', '4096'), { sizeBytes: 4096 })
  assert.equal(targetOf('ratio', '8'), { ratio: 8 })
  assert.equal([readSize(writtenSize(3 * 2 ** 30)), writtenSize(1001)], [3 * 2 ** 30, '1001'])
})

test('one is counted as one', () => {
  assert.equal(
    [counted(1, 'document'), counted(0, 'document'), counted(2_000, 'query', 'queries')],
    ['1 document', '0 documents', '2,000 queries'],
  )
})

test.run()
