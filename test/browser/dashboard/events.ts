/** The page of events, in the browser over three real daemons. */
import { readFile } from 'node:fs/promises'
import * as assert from 'uvu/assert'
import { assertLooks, type DashboardCase } from '../../helpers/dashboard-world.ts'

export const EVENTS_CASES: readonly DashboardCase[] = [
  {
    name: 'events: what happened is told in sentences; on a desk and on a phone',
    run: (world) =>
      assertLooks(world, 'events', async (page) => {
        await page.getByText('node-2 connected.').first().waitFor()
        await page.getByText('node-3 joined the village as member.').first().click()
        await page.locator('.event-fields').getByText('node-3').waitFor()
      }),
  },
  {
    name: 'events: one that comes is shown at once; a pause holds them back; a family alone has an address; they are saved',
    run: (world) =>
      world.visit('events', async (page) => {
        const { client } = world.nodes[0]!
        const make = (name: string) => client.send<{ id: string }>('POST', '/api/v1/collections', { name })
        const list = page.getByRole('list', { name: 'Events' })
        await list.waitFor()
        const seen = await make('events-seen')
        await list.getByText('Collection events-seen was created.').waitFor()
        await page.getByRole('button', { name: 'Pause' }).click()
        const held = await make('events-held')
        await page.getByRole('button', { name: /^Go on \(\d+\)/ }).waitFor()
        assert.is(await list.getByText('events-held').count(), 0)
        await page.getByRole('button', { name: /^Go on/ }).click()
        await list.getByText('Collection events-held was created.').waitFor()
        await page
          .getByRole('navigation', { name: 'Kinds of events' })
          .getByRole('link', { name: 'collection' })
          .click()
        await page.waitForURL('**#events/collection')
        await list.getByText('node-2 connected.').waitFor({ state: 'detached' })
        await page.getByLabel('Find in events').fill('events-held')
        const waiting = page.waitForEvent('download')
        await page.getByRole('button', { name: 'Save as JSON lines' }).click()
        const saved = await readFile(await (await waiting).path(), 'utf8')
        const events = saved
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as { type: string })
        assert.ok(events.length > 0)
        assert.ok(events.every(({ type }) => type.startsWith('collection:')))
        for (const { id } of [seen, held]) await client.send('DELETE', `/api/v1/collections/${id}`)
      }),
  },
]
