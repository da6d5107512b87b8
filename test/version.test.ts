import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { VERSION, versionSkew } from '../node/version.ts'

test('a daemon and a command whose first two numbers differ are told apart, and which is to be changed', () => {
  assert.match(versionSkew('0.9.3', '0.10.0')!, /older than this command \(0\.10\.0\): restart it/)
  assert.match(versionSkew('1.0.0', '0.10.0')!, /newer than this command/)
  assert.match(versionSkew('0.12.0', '1.2.0')!, /older/)
})

test('nothing is said of a last number, or where nobody knows', () => {
  for (const daemon of ['0.10.7', '0.10.0', null, 'x', '']) assert.is(versionSkew(daemon, '0.10.0'), null)
  assert.match(VERSION, /^\d+\.\d+\.\d+/)
})

test.run()
