import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { COMMANDS, SHARED_OPTIONS } from '../../node/cli/commands.ts'
import { bashScript, fishScript, placesOf, zshScript } from '../../node/cli/completion/shells.ts'

const PLACES = placesOf(COMMANDS, SHARED_OPTIONS)

/** What bash offers for the last of these words. */
function offered(...words: string[]): string[] {
  const quoted = words.map((word) => `'${word}'`).join(' ')
  const script = `${bashScript(PLACES)}
COMP_WORDS=(village ${quoted}); COMP_CWORD=${words.length}; _village; printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout, stderr, status } = spawnSync('bash', ['-c', script], { encoding: 'utf8' })
  assert.is(stderr, '')
  assert.is(status, 0)
  return stdout.split('\n').filter((line) => line !== '')
}

test('every command and option of the table is offered', () => {
  const commands = offered('')
  for (const { name } of COMMANDS) assert.ok(commands.includes(name.split(' ')[0]!), name)
  for (const { name, options = [] } of COMMANDS.filter(({ name }) => /^(model|jobs|compress)/.test(name))) {
    const given = offered(...name.split(' '), '--')
    for (const { flags } of [...options, ...SHARED_OPTIONS])
      assert.ok(given.includes(flags.split(' ')[0]!), `${name} ${flags}`)
  }
})

test('what was typed narrows it', () => {
  assert.equal(offered('comp').sort(), ['compare', 'completion', 'compress'])
  assert.ok(offered('model', 'in').includes('inspect'))
  assert.not(offered('model', '').includes('start'))
  assert.equal(offered('model', '--data.dir', '/tmp', 'insp'), ['inspect'])
  assert.equal(offered('start', '--api.po'), ['--api.port'])
})

test('the value of an option is left to the shell', () => {
  assert.equal(offered('compress', '--codec', ''), [])
  assert.equal(offered('compress', '--codec', '--'), [])
})

test('the values of an option that has few are offered', () => {
  assert.equal(offered('service', 'install', '--manager', ''), ['systemd', 'launchd', 'runit'])
  assert.equal(offered('chat', '--agent', 's'), ['sage'])
})

test('a default command has its options without being named', () => {
  const row = COMMANDS.find(({ isDefault, options = [] }) => isDefault === true && options.length > 0)!
  const [family = ''] = row.name.split(' ')
  assert.ok(offered(family, '--').includes(row.options![0]!.flags.split(' ')[0]!), row.name)
})

for (const [shell, script] of [
  ['zsh', zshScript(PLACES)],
  ['fish', fishScript(PLACES)],
] as const)
  test(`${shell} parses its script`, async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'village-completion-'))
    try {
      const file = path.join(directory, 'script')
      await writeFile(file, script)
      const { status, stderr, error } = spawnSync(shell, ['-n', file], { encoding: 'utf8' })
      if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT')
        return console.log(`skipped: ${shell} is not installed`)
      assert.is(stderr, '')
      assert.is(status, 0)
    } finally {
      await rm(directory, { recursive: true })
    }
  })

test.run()
