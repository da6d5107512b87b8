/**
 * The page of the agents where only services in memory can show it: texts that attack, a call that waits for approval with the file that
 * it would change, and an answer that is cancelled. What a real village does stands in test/browser/dashboard/agents.ts.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Page } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { fileTools } from '../../node/agents/tools/file-tools.ts'
import { chattingAgents } from '../helpers/chatting-agents.ts'
import { closeBrowser, executablePath, withPage } from '../helpers/dashboard-page.ts'

const test = suite('dashboard agents')
if (executablePath === undefined) console.log('skipped: chromium is not installed')
const inBrowser = executablePath === undefined ? test.skip : test

const HOSTILE = '<img src=x onerror="document.title=1"><b>bold</b> [1](javascript:alert(1))'

async function onAgents(
  agents: ReturnType<typeof chattingAgents>,
  run: (page: Page) => Promise<void>,
): Promise<void> {
  await withPage(
    async (page) => {
      await page.getByRole('link', { name: 'Agents', exact: true }).click()
      await page
        .locator('select[name=agent]')
        .locator('option', { hasText: 'sage' })
        .first()
        .waitFor({ state: 'attached' })
      await run(page)
    },
    { services: agents },
  )
}

async function say(page: Page, text: string): Promise<void> {
  await page.locator('.ask textarea').fill(text)
  await page.getByRole('button', { name: 'Send' }).click()
}

inBrowser('text of agents, titles and names of others are text, wherever they stand', () =>
  onAgents(chattingAgents(), async (page) => {
    await say(page, `hello ${HOSTILE}`)
    await page.locator('.words', { hasText: 'king heard 1: hello <img' }).waitFor()
    await page.locator('.conversation', { hasText: '<b>bold</b>' }).waitFor()
    await page.getByRole('link', { name: 'Twin' }).click()
    await page.getByLabel('Remember', { exact: true }).fill(HOSTILE)
    await page.getByRole('button', { name: 'Remember it' }).click()
    await page.locator('.memory', { hasText: '<b>bold</b>' }).waitFor()
    await page.getByRole('link', { name: 'MCP servers' }).click()
    await page.getByText('Writes another.').first().waitFor()
    assert.is(await page.locator('main b, main img, main a[href^="javascript"]').count(), 0)
    assert.not.match(await page.title(), /^1$/)
  }),
)

inBrowser('a tool of an MCP server that has changed is shown with its fingerprint, and accepted', () =>
  onAgents(chattingAgents(), async (page) => {
    await page.getByRole('link', { name: 'MCP servers' }).click()
    await page.getByText(/^abababab/).waitFor()
    await page.getByRole('button', { name: 'Accept', exact: true }).click()
    await page.getByRole('button', { name: 'Accept it' }).click()
    await page.getByText('can be used').waitFor()
  }),
)

inBrowser('a call that needs approval is shown whole, and done only when it is approved', () => {
  const agents = chattingAgents()
  return onAgents(agents, async (page) => {
    const { writes } = agents
    await say(page, 'write')
    const question = page.locator('.turns').getByRole('group', { name: 'Approval of note_write' })
    await question.waitFor()
    assert.equal(await question.locator('dd').allTextContents(), ['hello', 'a.md'])
    assert.is(writes.calls.length, 0)
    await question.getByRole('button', { name: 'Approve' }).click()
    await page.getByText('it was result').waitFor()
    assert.is(writes.calls.length, 1)
    await say(page, 'write')
    await page.locator('.turns').getByRole('group', { name: 'Approval of note_write' }).waitFor()
    // What waits is read again when the page is come back to: these services have no events.
    await page.getByRole('link', { name: 'Members', exact: true }).click()
    await page.locator('.ask').waitFor({ state: 'hidden' })
    await page.getByRole('link', { name: 'Agents', exact: true }).click()
    await page.getByRole('link', { name: /Approvals/ }).click()
    const waiting = page.locator('.section', { hasText: 'Waiting for approval' })
    await waiting.getByRole('button', { name: 'Deny' }).click()
    await waiting.getByText('Nothing waits for you').waitFor()
    await page.getByRole('link', { name: 'Talk' }).click()
    await page.getByText('it was refused').waitFor()
    assert.is(writes.calls.length, 1)
  })
})

inBrowser('where a file would be written, its changes are shown line by line', async () => {
  const root = await mkdtemp(path.join(tmpdir(), 'village-granted-'))
  try {
    const directory = path.join(root, 'notes')
    const dataDirectory = path.join(root, 'data')
    await mkdir(directory)
    await mkdir(dataDirectory)
    await writeFile(path.join(directory, 'a.md'), 'one\ntwo\nthree\n')
    const tools = fileTools({ folders: [{ name: 'notes', directory, isWritable: true }], dataDirectory })
    await onAgents(chattingAgents({ tools }), async (page) => {
      await say(page, 'file')
      const question = page.locator('.turns').getByRole('group', { name: 'Approval of file_write' })
      await question.locator('ins').waitFor()
      assert.equal(await question.locator('del').allTextContents(), ['- two\n'])
      assert.equal(await question.locator('ins').allTextContents(), ['+ TWO <b>\n'])
      await question.getByText('1 line added, 1 removed').waitFor()
      assert.equal(await question.locator('dd').allTextContents(), ['notes/a.md', 'true'])
      await question.getByRole('button', { name: 'Approve' }).click()
      await page.getByText('it was result').waitFor()
      assert.is(await readFile(path.join(directory, 'a.md'), 'utf8'), 'one\nTWO <b>\nthree\n')
    })
  } finally {
    await rm(root, { recursive: true, force: true })
  }
})

inBrowser('an answer goes on while another page is looked at, and is cancelled', () => {
  const agents = chattingAgents()
  return onAgents(agents, async (page) => {
    await say(page, 'think')
    await agents.thinking
    await page.getByRole('link', { name: 'Members', exact: true }).click()
    await page.locator('.ask').waitFor({ state: 'hidden' })
    await page.getByRole('link', { name: 'Agents', exact: true }).click()
    await page.getByRole('button', { name: 'Cancel' }).first().click()
    await page.getByText('Cancelled.').waitFor()
    await page.getByRole('button', { name: 'Send' }).waitFor()
  })
})

inBrowser(
  'an answer is finished when its window goes away, is followed by one that comes, and is cancelled there',
  () => {
    const agents = chattingAgents()
    return onAgents(agents, async (page) => {
      await say(page, 'write')
      await page.locator('.turns').getByRole('group', { name: 'Approval of note_write' }).waitFor()
      await page.reload()
      const question = page.locator('.turns').getByRole('group', { name: 'Approval of note_write' })
      await question.waitFor()
      await page.getByRole('button', { name: 'Cancel' }).waitFor()
      await question.getByRole('button', { name: 'Approve' }).click()
      await page.getByText('it was result').waitFor()
      assert.is(agents.writes.calls.length, 1)
      await say(page, 'think')
      await agents.thinking
      await page.reload()
      await page.locator('.said.mine', { hasText: 'think' }).waitFor()
      await page.getByRole('button', { name: 'Cancel' }).click()
      await page.locator('.said', { hasText: 'It was cancelled' }).waitFor()
      await page.getByRole('button', { name: 'Send' }).waitFor()
    })
  },
)

inBrowser('erasing everything leaves no conversation on the page', () => {
  const agents = chattingAgents()
  return onAgents(agents, async (page) => {
    await say(page, 'hello')
    await page.getByText('king heard 1: hello').waitFor()
    await page.getByRole('link', { name: 'Twin' }).click()
    await page.getByRole('button', { name: 'Erase everything' }).first().click()
    await page.getByRole('dialog').getByRole('button', { name: 'Erase everything' }).click()
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
    await page.getByRole('link', { name: 'Talk' }).click()
    await page.getByText('Ask for something').waitFor()
    assert.equal(agents.conversations.list({ kind: 'owner', id: 'owner', scope: 'admin' }), [])
  })
})

test.after(closeBrowser)
test.run()
