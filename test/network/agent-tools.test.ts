/** Tools on a real daemon: real jobs, a real index, real models, called as a program calls them. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { DEFAULT_CONFIG } from '../../node/config.ts'
import { createDaemon } from '../../node/daemon.ts'
import type { JsonObject } from '../../node/json.ts'
import { connectMcp } from '../helpers/mcp-client.ts'

const test = suite('agent tools')

test('what tools begin is real, and what they tell of it is so', async () => {
  const root = mkdtempSync(path.join(tmpdir(), 'village-tools-'))
  const [directory, notes] = [path.join(root, 'data'), path.join(root, 'notes')]
  mkdirSync(notes)
  writeFileSync(path.join(notes, 'bees.md'), '# Bees\n\nThe beekeepers meet on Mondays in the old mill.\n')
  const daemon = await createDaemon({
    ...DEFAULT_CONFIG,
    'data.dir': directory,
    'api.port': 0,
    'log.level': 'silent',
    'agents.folders': [`notes=${notes}:rw`, `all=${root}`],
  })
  try {
    await daemon.start()
    const token = readFileSync(path.join(directory, 'api.token'), 'utf8').trim()
    const { client } = await connectMcp(daemon.api.url(), token)
    const call = async (name: string, given: JsonObject): Promise<JsonObject> => {
      const { structuredContent, content, isError } = await client.callTool({ name, arguments: given })
      assert.not.ok(isError, JSON.stringify(content))
      return (structuredContent as { result: JsonObject }).result
    }
    try {
      assert.is((await call('model_add', { embedded: 'village-lm' })).model, 'village-lm')
      const evaluated = await call('model_evaluate', { model: 'village-lm' })
      assert.type(evaluated.score, 'number')
      const shown = await call('job_show', { job: evaluated.job as string })
      assert.is(shown.state, 'done')
      assert.is(shown.score, evaluated.score)
      const indexed = await call('knowledge_index', { path: notes, collection: 'town' })
      assert.is(indexed.documents, 1)
      const { passages } = await call('knowledge_search', { query: 'beekeepers', collection: 'town' })
      assert.match(JSON.stringify(passages), /old mill/)
      await call('file_write', { path: 'notes/copy.md', content: 'written' })
      assert.is(readFileSync(path.join(notes, 'copy.md'), 'utf8'), 'written')
      const { entries } = await call('file_list', { path: 'all' })
      assert.equal(
        (entries as readonly JsonObject[]).map(({ name }) => name),
        ['notes'],
      )
      const { isError, content } = await client.callTool({
        name: 'file_read',
        arguments: { path: 'all/data/identity.key' },
      })
      assert.ok(isError)
      assert.match(JSON.stringify(content), /FOLDER_NOT_GRANTED/)
    } finally {
      await client.close()
    }
  } finally {
    await daemon.stop()
    rmSync(root, { recursive: true, force: true })
  }
})

test.run()
