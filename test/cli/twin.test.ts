/** `village twin` against a daemon's API. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startTestApi, type TestApi } from '../helpers/api-server.ts'
import { type ChattingAgents, chattingAgents } from '../helpers/chatting-agents.ts'
import { village } from '../helpers/command-line.ts'

const test = suite<{ server: TestApi; agents: ChattingAgents }>('village twin')
test.before.each(async (context) => {
  context.agents = chattingAgents()
  context.server = await startTestApi({ services: context.agents })
})
test.after.each(({ server }) => server.close())

test('village twin: list, add, edit, forget, export, erase', async ({ server, agents }) => {
  const cli = (...args: string[]) => village(server.directory, 'twin', ...args)
  assert.match((await cli('list')).out, /Nothing is remembered yet/)
  assert.match((await cli('add', 'I', 'prefer', 'metric', 'units')).out, /Remembered as/)
  const replaced = await cli('add', 'I prefer imperial units')
  assert.match(replaced.out, /In place of: I prefer metric units/)
  const { memory } = (await cli('add', 'My boat lies in Bergen', '--json')).json
  assert.is((await cli('edit', memory.id, 'My', 'boat', 'lies', 'in', 'Oslo')).code, 0)
  assert.match((await cli('list', 'boat')).out, /Oslo/)
  assert.match((await cli()).out, /imperial/)
  const directory = mkdtempSync(path.join(tmpdir(), 'village-export-'))
  try {
    const file = path.join(directory, 'twin.json')
    assert.is((await cli('export', file)).code, 0)
    assert.is(JSON.parse(readFileSync(file, 'utf8')).memories.length, 2)
    assert.is((await cli('export', file)).code, 1, 'nothing is overwritten')
  } finally {
    rmSync(directory, { recursive: true })
  }
  assert.is((await cli('forget', memory.id)).code, 0)
  assert.is((await cli('forget', memory.id)).code, 1)
  assert.match((await cli('erase')).err, /CONFIRMATION_NEEDED/)
  const { id } = (await server.ask('/api/v1/conversations', { method: 'POST' })).json
  await server.ask(`/api/v1/conversations/${id}/ask`, { method: 'POST', body: { text: 'hi' } })
  assert.match((await cli('erase', '--yes')).out, /Erased: 1 memory/)
  assert.equal(agents.twin.list(), [])
  assert.equal((await server.ask('/api/v1/conversations')).json.conversations, [])
})

test.run()
