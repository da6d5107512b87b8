import { spawnSync } from 'node:child_process'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { COMMANDS } from '../../node/cli/commands.ts'
import { renderManPage } from '../../scripts/check/man-page.ts'

test('the manual page has every command, and nothing that is not ASCII', () => {
  const page = renderManPage('made')
  for (const { name } of COMMANDS)
    assert.ok(page.includes(`\\fBvillage ${name.replaceAll('-', '\\-')}\\fR`), name)
  assert.not.match(page, /[^\n -~]/)
})

test('groff sets it without a warning', () => {
  const { error, stdout, stderr } = spawnSync('groff', ['-man', '-ww', '-Tutf8', '-P-c'], {
    input: renderManPage('made'),
    encoding: 'utf8',
  })
  if (error !== undefined) return console.log('skipped: groff is not installed')
  assert.is(stderr, '')
  assert.match(stdout, /VILLAGE\(1\)/)
})

test.run()
