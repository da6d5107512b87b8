/** Examples in the help: every command that takes something has one, and each is a command line that is understood. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { COMMANDS } from '../../node/cli/commands.ts'
import { EXAMPLES, exampleText } from '../../node/cli/examples.ts'
import { buildProgram } from '../../node/cli/run.ts'

/** As a shell takes it apart: words, and words in double quotes. */
const words = (line: string) =>
  [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word!)

test('every command that takes arguments or options has an example', () => {
  const names = COMMANDS.map(({ name }) => name)
  for (const name of Object.keys(EXAMPLES)) assert.ok(names.includes(name), `there is no command ${name}`)
  for (const { name, args, options } of COMMANDS)
    if ((args ?? []).length > 0 || (options ?? []).length > 0)
      assert.ok((EXAMPLES[name] ?? []).length > 0, `${name} has no example`)
})

test('every example is understood, and runs the command that it stands at', async () => {
  for (const [name, rows] of Object.entries(EXAMPLES))
    for (const { line, doc } of rows) {
      const [program, ...args] = words(line)
      assert.is(program, 'village')
      assert.match(doc, /^[A-Z].*\.$/, line)
      let ran = ''
      await buildProgram(async (row) => {
        ran = row.name
      }).parseAsync(args, { from: 'user' })
      assert.is(ran, name, line)
    }
})

test('the help shows them', () => {
  assert.match(exampleText('compress'), '\nExamples:\n  # ')
  assert.match(exampleText('compress'), 'village compress encoder --codec int4 --wait')
  assert.is(exampleText('members'), '')
})

test.run()
