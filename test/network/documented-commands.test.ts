/**
 * Every command that the documents show, run against real daemons as a reader would type it: what it calls by a
 * made-up name (an id, an invite) is put in its place first. A command that cannot be run here is run by the test
 * that is named for it, and nothing else is left out.
 */
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type DocumentedCommand, documentedCommands } from '../helpers/documented-commands.ts'
import { RUN_ELSEWHERE, refusedAs, standIns } from '../helpers/documented-names.ts'
import { createDocumentsWorld, type DocumentsWorld } from '../helpers/documents-world.ts'

const test = suite('documented commands')
const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8')
const PAGES = globSync('docs/**/*.md', { cwd: ROOT }).sort()
/** What a command ends with after Ctrl-C. */
const INTERRUPTED = 130

let world: DocumentsWorld
test.before(async () => {
  world = await createDocumentsWorld()
  await world.furnish()
})
test.after(() => world.close())

/** What stands in several places is run once. */
const done = new Set<string>()

/** Null where all is well, else what is not. */
async function problemOf(file: string, { line, text }: DocumentedCommand): Promise<string | null> {
  const elsewhere = RUN_ELSEWHERE.find((row) => row.command.test(text))
  if (elsewhere !== undefined)
    return read(elsewhere.test).includes(elsewhere.says)
      ? null
      : `${file}:${line}: ${elsewhere.test} does not run \`${text}\``
  if (done.has(text)) return null
  done.add(text)
  const typed = await standIns(world, file, text)
  const ran = await world.run(typed)
  const code = refusedAs(text)
  if (code !== null)
    return ran.err.startsWith(`error ${code}: `)
      ? null
      : `${file}:${line}: \`${typed}\` was not refused with ${code}: ${ran.code} ${ran.err}`
  const expected = ran.interrupted ? [0, INTERRUPTED] : [0]
  return expected.includes(ran.code)
    ? null
    : `${file}:${line}: \`${typed}\` ended with ${ran.code}: ${ran.err}`
}

for (const file of ['README.md', 'CONTRIBUTING.md', ...PAGES]) {
  const markdown = read(file)
  const commands = documentedCommands(markdown)
  const loose = [...markdown.matchAll(/^```\n(village [^\n]*)/gm)].map(([, text]) => text)
  if (commands.length === 0 && loose.length === 0) continue
  test(`${file}: ${commands.length} commands`, async () => {
    assert.equal(loose, [], 'blocks of commands are marked as `sh`, so that they are run')
    world.writeExamples(markdown)
    const problems = []
    for (const command of commands) problems.push(await problemOf(file, command))
    assert.equal(problems.filter((problem) => problem !== null).join('\n'), '')
  })
}

test.run()
