/** `village agents`, `tools`, `approvals` and `audit`. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AGENT_CALLS } from '../helpers/agent-calls.ts'
import { withApi } from '../helpers/command-line.ts'

const test = suite('village agents, tools, approvals, audit')

test('agents and tools are listed', () =>
  withApi(async (cli) => {
    const agents = await cli('agents')
    assert.match(agents.out, /king\n {2}The agent king\.\n {2}Tools: file_write, time_now/)
    assert.match(agents.out, /decided by rules/)
    assert.match(agents.out, /sage +a model +a member/)
    assert.is((await cli('agents', '--json')).json.agents[0].name, 'king')
    const tools = await cli('tools')
    assert.match(tools.out, /file_write +change +operate +Writes a file\./)
    assert.not.match(tools.out, /More for models/)
    assert.ok(tools.out.split('\n').every((line) => line.length <= 80))
    assert.not.match(tools.out, /…/)
  }))

test('a call that waits is shown with all that a person needs, approved by a part of its id, and logged', () =>
  withApi(async (cli, server) => {
    assert.match((await cli('approvals')).out, /No call waits/)
    await AGENT_CALLS.listApprovals!(server)
    const shown = await cli('approvals')
    assert.match(shown.out, /file_write \(change\), by king for the owner/)
    assert.match(shown.out, /\{"path":"notes\/a\.md"\}/)
    assert.match(shown.out, /did not ask for it/)
    const { id } = (await cli('approvals', '--json')).json.approvals[0]
    const nothing = await cli('approvals', 'approve', 'nothing-like-it')
    assert.match(nothing.err, /APPROVAL_UNKNOWN/)
    assert.is(nothing.out, '')
    assert.match((await cli('approvals', 'approve', id.slice(0, 6))).out, /file_write is approved/)
    assert.match((await cli('approvals', 'deny', id)).err, /APPROVAL_UNKNOWN/)
    let log = await cli('audit')
    while (!log.out.includes('file_write  done')) log = await cli('audit')
    assert.match(log.out, /king for the owner; approved by owner\n {2}\{"path":"notes\/a\.md"\}/)
    const { request } = (await cli('audit', '--json')).json.calls[0]
    assert.ok(log.out.includes(`[${request}]`))
    assert.match((await cli('audit', '--tool', 'file_wrote')).err, /did you mean file_write/)
    assert.is((await cli('audit', '--tool', 'time_now', '--json')).json.calls.length, 0)
    assert.is((await cli('audit', '--limit', '1', '--json')).json.calls.length, 1)
    // The clock of these agents stands still in the past.
    assert.is((await cli('audit', '--since', '1h', '--json')).json.calls.length, 0)
  }))

test('the log is erased only with a yes', () =>
  withApi(async (cli, server) => {
    const { path: listed } = await AGENT_CALLS.listAudit!(server)
    assert.match((await cli('audit', 'clear')).err, /--yes/)
    assert.is((await server.ask(listed)).json.calls.length, 1)
    assert.match((await cli('audit', 'clear', '--yes')).out, /is erased/)
    assert.match((await cli('audit')).out, /No calls\./)
    assert.match((await cli('audit', '--limit', '0')).err, /--limit/)
  }))

test.run()
