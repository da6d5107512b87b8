/** The first page, in the browser over three real daemons. */
import * as assert from 'uvu/assert'
import { assertAccessible, assertLooks, type DashboardCase } from '../../helpers/dashboard-world.ts'

export const OVERVIEW_CASES: readonly DashboardCase[] = [
  {
    name: 'overview: the village on a map and as a table, health, this node and its history; on a desk and on a phone',
    run: (world) =>
      assertLooks(world, 'overview', async (page) => {
        const map = page.getByRole('group', { name: 'Map of the village' })
        await map.getByRole('link', { name: 'node-1, admin, this node' }).waitFor()
        await map.getByRole('link', { name: /^node-2, member, .*direct link/ }).waitFor()
        await page.getByText('2 of 2 connected').waitFor()
        await page.getByRole('button', { name: 'As a table', exact: true }).click()
        const table = page.getByRole('table', { name: 'Members and links' })
        await table.getByRole('row', { name: /node-3 member .* direct/ }).waitFor()
        await page.getByRole('button', { name: 'As a map', exact: true }).click()
        await page.getByText(/\d+ checks are fine/).waitFor()
        await page.getByRole('heading', { name: 'Processor' }).waitFor()
        await map.waitFor()
        // The menu and the machine's figures beside it are there on a desk alone.
        await assertAccessible(page)
      }),
  },
  {
    name: 'overview: a member on the map leads to its page, by keyboard, and Back leads back',
    run: (world) =>
      world.visit('overview', async (page) => {
        await page.getByRole('link', { name: /^node-3, member/ }).focus()
        await page.keyboard.press('Enter')
        await page.getByRole('heading', { name: 'node-3', level: 2 }).waitFor()
        assert.is(await page.evaluate(() => document.activeElement?.textContent), 'Members')
        assert.is(await page.title(), 'node-3 · Members · Elm Street')
        await page.goBack()
        await page.getByRole('group', { name: 'Map of the village' }).waitFor()
        assert.is(await page.title(), 'Overview · Elm Street')
      }),
  },
  {
    name: 'frame: the menu of nine pages on a phone, and the way past it by keyboard',
    run: (world) =>
      world.visit(
        'overview',
        async (page) => {
          const menu = page.getByRole('button', { name: /^Menu/ })
          await menu.click()
          const names = await page
            .getByRole('navigation', { name: 'Pages' })
            .getByRole('link')
            .allTextContents()
          assert.equal(
            names.map((name) => name.replace(/\d.*$/, '')),
            [
              'Overview',
              'Members',
              'Jobs',
              'Models',
              'Evolution',
              'Knowledge',
              'Agents',
              'Events',
              'Settings',
            ],
          )
          await page.keyboard.press('Escape')
          assert.is(await menu.getAttribute('aria-expanded'), 'false')
          await menu.click()
          await page
            .getByRole('navigation', { name: 'Pages' })
            .getByRole('link', { name: 'Settings' })
            .click()
          await page.getByRole('heading', { name: 'Settings', level: 1 }).waitFor()
          assert.is(await menu.getAttribute('aria-expanded'), 'false')
          assert.is(await page.evaluate(() => document.activeElement?.tagName), 'H1')
        },
        { width: 360 },
      ),
  },
]
