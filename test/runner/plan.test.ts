import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { MAX_GROUP_FILES, MAX_GROUP_SECONDS, planGroups, type TestFile, wantsOwnProcess } from './plan.ts'

const test = suite('plan of test files')

const fileOf = (name: string, init: Partial<TestFile> = {}): TestFile => ({
  file: `test/${name}.test.ts`,
  alone: false,
  seconds: undefined,
  ...init,
})

test('whatever the files are: each is in one group, of its folder, small and short enough', () => {
  const files = fc.uniqueArray(
    fc.record({
      name: fc.stringMatching(/^[ab]\/[a-z]{1,3}$/),
      alone: fc.boolean(),
      seconds: fc.option(fc.integer({ min: 0, max: 40 }), { nil: undefined }),
    }),
    { selector: ({ name }) => name, maxLength: 60 },
  )
  fc.assert(
    fc.property(files, (given) => {
      const all = given
        .map(({ name, ...init }) => fileOf(name, init))
        .sort((a, b) => (a.file < b.file ? -1 : 1))
      const known = new Map(all.map((file) => [file.file, file]))
      const groups = planGroups(all)
      assert.equal(groups.flat().sort(), [...known.keys()])
      const seconds = groups.map((group) =>
        group.reduce((sum, file) => sum + (known.get(file)!.seconds ?? 1), 0),
      )
      assert.equal(
        seconds,
        seconds.toSorted((a, b) => b - a),
        'the longest first',
      )
      for (const [index, group] of groups.entries()) {
        assert.is(new Set(group.map((file) => file.split('/')[1])).size, 1)
        assert.ok(group.length <= MAX_GROUP_FILES)
        assert.ok(group.length === 1 || seconds[index]! <= MAX_GROUP_SECONDS)
        assert.ok(group.length === 1 || group.every((file) => !known.get(file)!.alone))
      }
    }),
  )
})

test('files of a folder stay together, also around one that wants to be alone', () => {
  const files = [
    fileOf('a/1'),
    fileOf('a/2', { alone: true }),
    fileOf('a/3'),
    fileOf('b/1', { seconds: 9 }),
    fileOf('b/2', { seconds: 9 }),
  ]
  assert.equal(planGroups(files), [
    ['test/b/1.test.ts'],
    ['test/b/2.test.ts'],
    ['test/a/1.test.ts', 'test/a/3.test.ts'],
    ['test/a/2.test.ts'],
  ])
})

test('a file asks for its own process in a comment that says why', () => {
  assert.ok(wantsOwnProcess('/** What it is. */\n// own process: it measures the heap\nimport'))
  assert.not.ok(wantsOwnProcess('// own process:\nimport'))
  assert.not.ok(wantsOwnProcess("const text = 'own process: no comment'"))
})

test.run()
