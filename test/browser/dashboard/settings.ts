/** The page of settings, in the browser over three real daemons. */
import * as assert from 'uvu/assert'
import { assertLooks, type DashboardCase } from '../../helpers/dashboard-world.ts'

type Rows = { config: { key: string; value: unknown; nextValue: unknown; source: string }[] }
const REFUSED = /^Failed to load resource: the server responded with a status of 4\d\d\b/

export const SETTINGS_CASES: readonly DashboardCase[] = [
  {
    name: 'settings: every key is there with its meaning, by group; a group on a desk and on a phone',
    run: async (world) => {
      await world.visit('settings', async (page) => {
        const { config } = await world.nodes[0]!.client.get<Rows>('/api/v1/config')
        await page.getByRole('heading', { name: 'API and dashboard' }).waitFor()
        assert.is(await page.locator('.setting').count(), config.length)
      })
      await assertLooks(world, 'settings/mesh', async (page) => {
        await page.getByLabel('mesh.bootstrap', { exact: true }).waitFor()
      })
    },
  },
  {
    name: 'settings: a value that is wrong is told at its field; one that is right is saved, takes effect, and is reset',
    run: (world) =>
      world.visit(
        'settings/api',
        async (page) => {
          const { client } = world.nodes[0]!
          const read = async (key: string) =>
            (await client.get<Rows>('/api/v1/config')).config.find((row) => row.key === key)!
          const save = async () => {
            await page.getByRole('button', { name: 'Save…' }).click()
            await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
          }
          const list = page.getByLabel('api.corsOrigins', { exact: true })
          await list.fill('https://one.example')
          await list.press('End')
          await list.press('Enter')
          await list.pressSequentially('https://two.example')
          assert.is(await list.inputValue(), 'https://one.example\nhttps://two.example')
          await save()
          await page.getByText('In effect: api.corsOrigins.').waitFor()
          assert.equal((await read('api.corsOrigins')).value, ['https://one.example', 'https://two.example'])
          // A further line of a list that has entries: an empty one is nothing to save, but where the next is typed.
          await list.press('End')
          await list.press('Enter')
          await page.getByRole('button', { name: 'Save…' }).waitFor({ state: 'detached' })
          await list.pressSequentially('https://three.example')
          assert.is((await list.inputValue()).split('\n').length, 3)
          await page.getByRole('button', { name: 'Reset api.corsOrigins' }).click()
          await save()
          await page.getByText('In effect: api.corsOrigins.').waitFor()
          const field = page.getByLabel('api.requestsByMinute', { exact: true })
          await field.fill('often')
          await save()
          await page.getByRole('alert').getByText('must be a whole number').waitFor()
          assert.is(await field.getAttribute('aria-invalid'), 'true')
          await field.fill('5000')
          await save()
          await page.getByText('In effect: api.requestsByMinute.').waitFor()
          assert.is((await read('api.requestsByMinute')).value, 5000)
          await page.getByRole('button', { name: 'Reset api.requestsByMinute' }).click()
          await save()
          await page.getByText('In effect: api.requestsByMinute.').waitFor()
          assert.is((await read('api.requestsByMinute')).source, 'default')
          assert.ok(await page.getByLabel('api.port', { exact: true }).isDisabled())
          await page.getByLabel('Find a setting').fill('no such thing at all')
          await page.getByText('No setting fits.').waitFor()
        },
        { expected: REFUSED },
      ),
  },
]
