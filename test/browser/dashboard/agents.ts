/** The page of the agents: a conversation with a real King, a citation that opens its passage, the Twin, keys, and the logs. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Page } from 'playwright-core'
import * as assert from 'uvu/assert'
import {
  assertAccessible,
  assertFits,
  assertViews,
  type DashboardCase,
  type DashboardWorld,
} from '../../helpers/dashboard-world.ts'

const views = (page: Page) => page.getByRole('navigation', { name: 'Views of the agents' })

async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel('Message').fill(text)
  await page.getByLabel('Message').press('Enter')
}

/** A collection that only the first node has; its text is on the disk for as long as it is indexed. */
async function orchard({ nodes }: DashboardWorld): Promise<void> {
  const { client } = nodes[0]!
  const folder = await mkdtemp(path.join(tmpdir(), 'village-orchard-'))
  try {
    await writeFile(
      path.join(folder, 'pears.md'),
      '# Pears\n\nThe Conference pear in our orchard ripens in late September.\n\n# Plums\n\nPlums are picked in August.',
    )
    const { id } = await client.send<{ id: string }>('POST', '/api/v1/collections', {
      ...{ name: 'orchard', access: 'private', encoder: null },
    })
    const { id: run } = await client.send<{ id: string }>('POST', `/api/v1/collections/${id}/index`, {
      paths: [folder],
    })
    const state = async () => (await client.get<{ state: string }>(`/api/v1/index-runs/${run}`)).state
    while (['waiting', 'running'].includes(await state()))
      await new Promise((resolve) => setTimeout(resolve, 50))
    assert.is(await state(), 'done')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

export const AGENTS_CASES: readonly DashboardCase[] = [
  {
    name: 'agents: King answers, calls are shown with arguments, a citation opens its passage, and it is all logged',
    async run(world) {
      await orchard(world)
      await world.visit('agents', async (page) => {
        await page
          .locator('select[name=agent] option', { hasText: 'king' })
          .first()
          .waitFor({ state: 'attached' })
        // The answer is held back until words that are sent meanwhile have been seen to stay.
        let release = () => {}
        const held = new Promise<void>((resolve) => {
          release = resolve
        })
        await page.route('**/ask', async (route) => {
          await held
          await route.continue()
        })
        await say(page, 'When does the Conference pear in our orchard ripen?')
        await page.getByRole('button', { name: 'Cancel' }).waitFor()
        await page.locator('.said.mine').waitFor()
        await say(page, 'And the plums?')
        assert.is(await page.getByLabel('Message').inputValue(), 'And the plums?')
        assert.is(await page.locator('.said.mine').count(), 1)
        release()
        const answer = page.locator('.said:not(.mine)')
        await answer.locator('.words', { hasText: 'late September' }).waitFor()
        await answer.getByText('by rules').waitFor()
        await assertFits(page)
        await assertAccessible(page)
        await answer.getByText(/Evidence \d+%/).waitFor()
        const call = answer.locator('.calls li.done').first()
        await call.locator('summary').click()
        await call.locator('.given dd', { hasText: 'Conference pear' }).waitFor()
        assert.match(page.url(), /#agents\/talk\/[0-9a-f]+$/)
        await answer
          .getByRole('link', { name: /Source \d+: Pears/ })
          .first()
          .click()
        await page.locator('.passage-text mark', { hasText: 'late September' }).waitFor()
        await page.goBack()
        // As it was kept, in a window that knows nothing of it.
        await page.reload()
        await page.locator('.said .words', { hasText: 'late September' }).waitFor()
        await page.getByRole('list', { name: 'Sources' }).getByRole('link').first().waitFor()

        const kept = page.locator('.conversation.open')
        await kept.getByRole('button', { name: /^Rename/ }).click()
        await page.getByLabel('Title').fill('About pears')
        await page.getByRole('button', { name: 'Save' }).click()
        await page.locator('.conversation.open', { hasText: 'About pears' }).waitFor()
        await page.getByRole('heading', { name: 'About pears' }).waitFor()

        await views(page).getByRole('link', { name: 'Decisions' }).click()
        await page.locator('.decision summary', { hasText: 'Conference pear' }).first().click()
        await page.getByRole('table', { name: 'Steps' }).first().waitFor()
        await page.getByRole('link', { name: 'The calls of this request' }).first().click()
        await page.getByRole('table', { name: 'Calls of tools' }).waitFor()
        await page.getByRole('combobox', { name: 'Tool' }).selectOption('time_now')
        await page.getByText('No calls fit.').waitFor()

        await views(page).getByRole('link', { name: 'Talk' }).click()
        const row = page.locator('.conversation', { hasText: 'About pears' })
        await row.getByRole('button', { name: 'Erase' }).click()
        await page.getByRole('button', { name: 'Erase it' }).click()
        await row.waitFor({ state: 'detached' })
        await page.getByText('Ask for something').waitFor()
      })
    },
  },
  {
    name: 'agents: a key is made, its secret told once, and revoked; the Twin remembers and forgets',
    run: (world) =>
      world.visit('agents/keys', async (page) => {
        await page.getByLabel('Name', { exact: true }).fill('editor')
        await page.getByLabel('What it may do').selectOption('read')
        await page.getByRole('button', { name: 'Make it' }).click()
        const secret = (await page.locator('.secret code').textContent()) ?? ''
        const { origin } = new URL(world.nodes[0]!.dashboardLink)
        const ask = async () =>
          (await fetch(new URL('/api/v1/models', origin), { headers: { authorization: `Bearer ${secret}` } }))
            .status
        assert.is(await ask(), 200)
        await page.getByRole('button', { name: 'I have it' }).click()
        assert.not.ok(await page.evaluate((text) => document.body.innerHTML.includes(text), secret))
        await page
          .getByRole('row', { name: /editor/ })
          .getByRole('button', { name: 'Revoke' })
          .click()
        await page.getByRole('button', { name: 'Revoke it' }).click()
        await page.getByText('No keys yet.').waitFor()
        assert.is(await ask(), 401)

        await views(page).getByRole('link', { name: 'Twin' }).click()
        await page.getByLabel('Remember', { exact: true }).fill('My boat lies in Bergen')
        await page.getByRole('button', { name: 'Remember it' }).click()
        await page.getByRole('button', { name: 'Change: My boat lies in Bergen' }).click()
        await page.locator('.memory textarea').fill('My boat lies in Oslo')
        await page.getByRole('button', { name: 'Save' }).click()
        await page.getByRole('button', { name: 'Forget: My boat lies in Oslo' }).click()
        await page.locator('.memory').waitFor({ state: 'detached' })
      }),
  },
  {
    name: 'agents: every view fits a desk and a phone, in light and dark, and everybody can use it',
    async run(world) {
      await world.nodes[0]!.client.send('POST', '/api/v1/twin', {
        text: 'I prefer metric units, and short answers',
      })
      await assertViews(world, [
        ['agents', '.examples'],
        ['agents/twin', '.memory'],
        ['agents/decisions', '#decisions-title'],
        ['agents/audit', '#audit-title'],
        ['agents/tools', '[aria-label="Tools"]'],
        ['agents/keys', '#new-key-title'],
        ['agents/servers', '.section .empty:visible'],
        ['agents/approvals', '.section .empty:visible'],
      ])
    },
  },
]
