/** The page of the agents: talk, calls, approvals, conversations, and the Twin. */
import type { Page } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { TestApi } from '../helpers/api-server.ts'
import { chattingAgents } from '../helpers/chatting-agents.ts'
import { closeBrowser, executablePath, withPage } from '../helpers/dashboard-page.ts'

const test = suite('dashboard agents')
if (executablePath === undefined) console.log('skipped: chromium is not installed')
const inBrowser = executablePath === undefined ? test.skip : test

async function onAgents(
  run: (page: Page, agents: ReturnType<typeof chattingAgents>, server: TestApi) => Promise<void>,
  init: { width?: number; dark?: boolean } = {},
): Promise<void> {
  const agents = chattingAgents()
  await withPage(
    async (page, server) => {
      await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Agents' }).click()
      await page.getByRole('heading', { name: 'Talk' }).waitFor()
      await page
        .locator('select[name=agent]')
        .locator('option', { hasText: 'sage' })
        .waitFor({ state: 'attached' })
      await run(page, agents, server)
    },
    { ...init, services: agents },
  )
}

/** Controls that have no label, text or name: nobody who does not see them knows what they are. */
const UNNAMED = `[...document.querySelectorAll('button, input, select, textarea, a')]
  .filter((control) => !control.labels?.length && !control.ariaLabel && !control.textContent.trim())
  .map((control) => control.outerHTML)`

async function say(page: Page, text: string): Promise<void> {
  await page.locator('.ask textarea').fill(text)
  await page.getByRole('button', { name: 'Send' }).click()
}

inBrowser('a message is answered, calls and cited sources are shown, and text of others is text', () =>
  onAgents(async (page) => {
    await page.locator('select[name=agent]').selectOption('sage')
    await say(page, 'cite')
    await page.getByText('It is so [2].').waitFor()
    await page.locator('.calls .done', { hasText: 'note_read' }).waitFor()
    assert.equal(await page.locator('.notes li').allTextContents(), ['Paper 2, page 2 p2.pdf'])
    await say(page, 'hello <b>there</b>')
    await page.getByText('sage heard 3: hello <b>there</b>').waitFor()
    assert.is(await page.locator('.turns b').count(), 0)
  }),
)

inBrowser('a call that needs approval is shown whole, and done only when it is approved', () =>
  onAgents(async (page, { writes }) => {
    await say(page, 'write')
    const question = page.locator('.turns').getByRole('group', { name: 'Approval of note_write' })
    await question.waitFor()
    assert.equal(await question.locator('dd').allTextContents(), ['hello', 'a.md'])
    assert.is(writes.calls.length, 0)
    await question.getByRole('button', { name: 'Approve' }).click()
    await page.getByText('it was result').waitFor()
    assert.is(writes.calls.length, 1)
    await say(page, 'write')
    await question.getByRole('button', { name: 'Deny' }).click()
    await page.getByText('it was refused').waitFor()
    assert.is(writes.calls.length, 1)
  }),
)

inBrowser('an answer is cancelled, a conversation is opened again and erased', () =>
  onAgents(async (page, { thinking, conversations }) => {
    const owner = { kind: 'owner', id: 'owner', scope: 'admin' } as const
    await say(page, 'think')
    await thinking
    const pages = page.getByRole('navigation', { name: 'Pages' })
    await pages.getByRole('link', { name: 'Node' }).click()
    await page.getByRole('heading', { name: 'Talk' }).waitFor({ state: 'hidden' })
    await pages.getByRole('link', { name: 'Agents' }).click()
    await page.getByRole('button', { name: 'Cancel' }).first().click()
    await page.getByText('Cancelled.').waitFor()
    await page.getByRole('button', { name: 'Send' }).waitFor()
    const chosen = page.getByLabel('Conversation', { exact: true })
    await chosen.selectOption('')
    await page.getByText('Ask for something').waitFor()
    await chosen.selectOption({ index: 1 })
    await page.locator('.mine', { hasText: 'think' }).waitFor()
    await page.getByRole('button', { name: 'Erase', exact: true }).click()
    await page.getByRole('button', { name: 'Erase it' }).click()
    await page.getByText('Ask for something').waitFor()
    assert.equal(conversations.list(owner), [])
  }),
)

inBrowser('the Twin: add, look, change, forget, erase everything', () =>
  onAgents(async (page, { twin }) => {
    const texts = () =>
      twin
        .list()
        .map(({ text }) => text)
        .sort()
    for (const text of ['My boat lies in Bergen', 'I prefer metric units']) {
      await page.getByLabel('Remember', { exact: true }).fill(text)
      await page.getByRole('button', { name: 'Remember it' }).click()
      await page.locator('.memory', { hasText: text }).waitFor()
    }
    await page.getByLabel('Look for').fill('boat')
    await page.getByRole('button', { name: 'Look', exact: true }).click()
    await page.locator('.memory', { hasText: 'metric' }).waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Change: My boat lies in Bergen' }).click()
    await page.locator('.memory textarea').fill('My boat lies in Oslo')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.locator('.memory', { hasText: 'Oslo' }).waitFor()
    assert.equal(texts(), ['I prefer metric units', 'My boat lies in Oslo'])
    await page.getByRole('button', { name: 'Forget: My boat lies in Oslo' }).click()
    await page.locator('.memory', { hasText: 'Oslo' }).waitFor({ state: 'detached' })
    assert.equal(texts(), ['I prefer metric units'])
    await say(page, 'hello')
    await page.getByText('king heard 1: hello').waitFor()
    await page.getByRole('button', { name: 'Erase everything' }).first().click()
    await page.getByRole('dialog').getByRole('button', { name: 'Erase everything' }).click()
    await page.getByText('Ask for something').waitFor()
    assert.equal(texts(), [])
  }),
)

for (const [width, dark] of [
  [1280, false],
  [360, true],
] as const)
  inBrowser(`fits ${width} pixels ${dark ? 'in the dark' : 'in the light'}, and everybody can use it`, () =>
    onAgents(
      async (page) => {
        await page
          .getByLabel('Remember', { exact: true })
          .fill('I prefer metric units, and answers that are short')
        await page.getByRole('button', { name: 'Remember it' }).click()
        await page.locator('.memory').waitFor()
        await say(page, 'cite')
        await page.getByText('It is so [2].').waitFor()
        await say(page, 'write')
        await page.locator('.turns').getByRole('group', { name: 'Approval of note_write' }).waitFor()
        const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth')
        assert.ok((overflow as number) <= 0, `${overflow} pixels too wide`)
        assert.equal(await page.evaluate(UNNAMED), [], 'controls without a name')
        if (process.env.SCREENSHOTS !== undefined)
          await page.screenshot({ path: `${process.env.SCREENSHOTS}/agents-${width}.png`, fullPage: true })
        await page.getByRole('button', { name: 'Deny' }).first().click()
        await page.getByText('it was refused').waitFor()
      },
      { width, dark },
    ),
  )

test.after(closeBrowser)
test.run()
