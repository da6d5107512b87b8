/** The page of the village's members, in the browser over three real daemons. */
import * as assert from 'uvu/assert'
import { assertLooks, type DashboardCase } from '../../helpers/dashboard-world.ts'

export const MEMBERS_CASES: readonly DashboardCase[] = [
  {
    name: 'members: everybody is on the roster; on a desk and on a phone',
    run: (world) =>
      assertLooks(world, 'members', async (page) => {
        const roster = page.getByRole('region', { name: /^Roster/ })
        await roster.getByText('admin · this node').waitFor()
        for (const name of ['node-2', 'node-3']) await roster.getByRole('link', { name }).waitFor()
      }),
  },
  {
    name: 'members: one of them, with what it lends and how far it is trusted',
    run: (world) =>
      assertLooks(world, `members/${world.nodes[1]!.peer}`, async (page) => {
        await page.getByRole('heading', { name: 'node-2', level: 2 }).waitFor()
        await page
          .getByText('This node has checked no result of it yet.')
          .or(page.getByText('Right in a row'))
          .first()
          .waitFor()
        await page.getByRole('region', { name: 'Lends' }).getByText('Takes work').waitFor()
      }),
  },
  {
    name: 'members: an invite is made by keyboard, with its QR code, copied, listed, and withdrawn',
    run: (world) =>
      world.visit('members', async (page) => {
        const invite = page.getByRole('button', { name: 'Invite', exact: true })
        await invite.focus()
        await page.keyboard.press('Enter')
        const dialog = page.getByRole('dialog', { name: 'Invite a node' })
        await dialog.getByLabel('Role').selectOption('edge')
        await dialog.getByRole('button', { name: 'Make invite' }).click()
        assert.match(await dialog.getByRole('textbox').inputValue(), /^village1/)
        const image = dialog.getByAltText('QR code of the invite')
        await image.waitFor()
        assert.ok(await image.evaluate((element) => (element as HTMLImageElement).naturalWidth > 0))
        await dialog.getByRole('button', { name: 'Copy the invite' }).click()
        await dialog.getByText('Copied').waitFor()
        assert.is(
          await page.evaluate(() => navigator.clipboard.readText()),
          await dialog.getByRole('textbox').inputValue(),
        )
        await page.keyboard.press('Escape')
        await dialog.waitFor({ state: 'hidden' })
        assert.is(await page.evaluate(() => document.activeElement?.textContent), 'Invite')
        const table = page.getByRole('table', { name: 'Open invites' })
        const row = table.getByRole('row', { name: /edge/ })
        await row.getByText('0 of 1').waitFor()
        await row.getByRole('button', { name: 'Withdraw' }).click()
        await page
          .getByRole('dialog', { name: 'Withdraw this invite?' })
          .getByRole('button', { name: 'Withdraw' })
          .click()
        await row.waitFor({ state: 'detached' })
      }),
  },
]
