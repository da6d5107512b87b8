/**
 * Every command that documents show, run against real daemons as a reader would type it: what it calls by a
 * made-up name (an id, an invite) is put in its place first. A command that cannot be run here is run by the test
 * that is named for it, and nothing else is left out.
 */
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type DocumentedCommand, documentedCommands } from './documented-commands.ts'
import { RUN_ELSEWHERE, refusedAs, standIns } from './documented-names.ts'
import { createDocumentsWorld, type DocumentsWorld } from './documents-world.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8')
/** All pages below docs/, in order. */
export const PAGES: readonly string[] = globSync('docs/**/*.md', { cwd: ROOT }).sort()
/** The first half: a page may use what those before it have made. */
export const FIRST_PAGES: readonly string[] = PAGES.filter((page) => page < 'docs/evaluate')
const FOUNDS = 'village create "Our street"'
/** Long measurements that nothing after them on their page needs: of two files that show the same, the later runs it. */
const MEASURES = /^village (?:evolve|geometry) /
/** What a command ends with after Ctrl-C. */
const INTERRUPTED = 130

/** Null where all is well, else what is not. `done`: what stands in several places is run once. */
async function problemOf(
  world: DocumentsWorld,
  done: Set<string>,
  file: string,
  { line, text }: DocumentedCommand,
): Promise<string | null> {
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

/** Runs the commands of these files, in this order, in a world of their own. */
export function runDocuments(name: string, files: readonly string[]): void {
  const test = suite(`commands of ${name}`)
  const last = files.at(-1)!
  const done = new Set(
    PAGES.filter((page) => page > last)
      .flatMap((page) => documentedCommands(read(page)).map(({ text }) => text))
      .filter((text) => MEASURES.test(text)),
  )
  let world: DocumentsWorld
  test.before(async () => {
    world = await createDocumentsWorld()
    await world.furnish()
    if (files.includes('README.md')) return
    // Pages take for granted what the README begins with.
    await world.run(FOUNDS)
    done.add(FOUNDS)
  })
  test.after(() => world.close())
  for (const file of files) {
    const markdown = read(file)
    const commands = documentedCommands(markdown)
    const loose = [...markdown.matchAll(/^```\n(village [^\n]*)/gm)].map(([, text]) => text)
    if (commands.length === 0 && loose.length === 0) continue
    test(`${file}: ${commands.length} commands`, async () => {
      assert.equal(loose, [], 'blocks of commands are marked as `sh`, so that they are run')
      world.writeExamples(markdown)
      const problems = []
      for (const command of commands) problems.push(await problemOf(world, done, file, command))
      assert.equal(problems.filter((problem) => problem !== null).join('\n'), '')
    })
  }

  test.run()
}
