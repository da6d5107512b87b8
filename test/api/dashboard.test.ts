/** The dashboard in a real browser, over the real API. */
import { readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { TestApi } from '../helpers/api-server.ts'
import { closeBrowser, executablePath, withPage } from '../helpers/dashboard-page.ts'
import { FRIEND, memoryPeer, SELF } from '../helpers/memory-services.ts'

const test = suite('dashboard')
if (executablePath === undefined) console.log('skipped: chromium is not installed')
const inBrowser = executablePath === undefined ? test.skip : test

/** What the browser itself notes when a request is refused, or finds nobody: one note by request, at a time of its own. */
const REFUSED_TOKEN = /^Failed to load resource: the server responded with a status of 401\b/
const REFUSED_INVITE = /^Failed to load resource: the server responded with a status of 4(00|22)\b/
/** One that stops answers 503 until its last connection is closed. */
const LOST_SERVER = /^Failed to load resource: (net::ERR_|the server responded with a status of 503\b)/

const join = (server: TestApi) =>
  server.services.villages.join('village1x', { signal: new AbortController().signal })

inBrowser('without a token it asks for one, refuses a wrong one and takes the right one', () =>
  withPage(
    async (page, server) => {
      const field = page.getByLabel('Token')
      await field.fill('wrong')
      await page.getByRole('button', { name: 'Open' }).click()
      await page.getByRole('alert').getByText('API_UNAUTHORIZED').waitFor()
      await field.fill(server.token)
      await page.getByRole('button', { name: 'Open' }).click()
      await page.getByRole('heading', { name: 'No village yet' }).waitFor()
    },
    { open: 'bare', expected: REFUSED_TOKEN },
  ),
)

inBrowser('the link’s token leaves the address at once, and only this tab keeps it', () =>
  withPage(async (page, server) => {
    assert.is(page.url(), `${server.api.url()}/`)
    assert.is(await page.evaluate(() => localStorage.length), 0)
    assert.is(await page.evaluate(() => document.cookie), '')
    await page.reload()
    await page.getByRole('heading', { name: 'No village yet' }).waitFor()
  }),
)

inBrowser('a village is created, and an invite made, with its QR code, by keyboard', () =>
  withPage(async (page) => {
    await page.getByLabel('Name').fill('Elm Street')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Elm Street', level: 1 }).waitFor()
    const invite = page.getByRole('button', { name: 'Invite', exact: true })
    await invite.focus()
    await page.keyboard.press('Enter')
    const dialog = page.getByRole('dialog', { name: 'Invite a node' })
    await dialog.waitFor()
    await dialog.getByLabel('Role').selectOption('edge')
    await dialog.getByRole('button', { name: 'Make invite' }).click()
    assert.match(await dialog.getByRole('textbox').inputValue(), /^village1/)
    const image = dialog.getByAltText('QR code of the invite')
    await image.waitFor()
    assert.ok(await image.evaluate((element) => (element as HTMLImageElement).naturalWidth > 0))
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'hidden' })
    assert.is(await page.evaluate(() => document.activeElement?.textContent), 'Invite')
  }),
)

inBrowser('a job is submitted and moves live, to its end', () =>
  withPage(
    async (page, { services }) => {
      await page.locator('summary', { hasText: 'New job' }).click()
      await page.getByLabel('Codec').selectOption('seedlm')
      await page.locator('select[name=bits]').selectOption('3')
      await page.getByRole('button', { name: 'Compress', exact: true }).click()
      const bar = page.getByRole('progressbar', { name: 'Progress of compress encoder' })
      await bar.waitFor()
      const [job] = services.jobs.list()
      assert.equal(job!.params, { model: 'encoder', codec: 'seedlm', params: { bits: 3 } })
      services.events.emit('task:changed', {
        job: job!.id,
        task: 0,
        state: 'leased',
        peer: FRIEND,
        progress: 0.5,
      })
      const held = page.getByRole('list', { name: 'Who works on what now' })
      await held.getByText('friend', { exact: true }).waitFor()
      await held.getByText('slice 0').waitFor()
      services.finishTask(job!.id, 0, FRIEND)
      await page.getByText('1 of 4 tasks').waitFor()
      assert.is(await bar.getAttribute('value'), '25')
      for (const index of [1, 2, 3]) services.finishTask(job!.id, index, SELF)
      await page.getByText('4 of 4 tasks').waitFor()
      await page.getByText('A compress job is done.').waitFor({ state: 'attached' })
      await page.getByText('3 tasks', { exact: false }).first().waitFor()
      await page.getByRole('button', { name: 'Remove' }).first().click()
      await page.getByText('No jobs yet').waitFor()
    },
    {
      prepare: async (server) => {
        await join(server)
        await server.services.models.add({ embedded: 'encoder' })
      },
    },
  ),
)

inBrowser('a refusal is shown with what to do about it', () =>
  withPage(
    async (page) => {
      await page.getByLabel('Invite').fill('nonsense')
      await page.getByRole('button', { name: 'Join' }).click()
      const alert = page.getByRole('alert')
      await alert.getByText('INVITE_MALFORMED').waitFor()
    },
    { expected: REFUSED_INVITE },
  ),
)

inBrowser('peers come and go, a member is revoked after a question, a pause is told', () =>
  withPage(
    async (page, { services }) => {
      await page.getByText('12 ms', { exact: false }).waitFor()
      services.peerList.length = 0
      services.events.emit('peer:disconnected', { peer: FRIEND })
      await page.getByText('No other member is connected', { exact: false }).waitFor()
      await page.getByRole('button', { name: 'Revoke' }).click()
      await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
      await page.getByText('revoked: revoked on the dashboard', { exact: false }).waitFor()
      services.pause.reason = 'battery'
      services.events.emit('resources:changed', { accepting: false, reason: 'battery' })
      await page.getByText('paused: on battery').waitFor()
    },
    {
      prepare: async (server) => {
        await server.services.villages.create({ name: 'Elm Street', open: false })
        server.services.peerList.push(memoryPeer())
        server.services.villages.members().push({
          peer: FRIEND,
          name: 'friend',
          role: 'member',
          joinedAtMs: 0,
          sponsor: SELF,
          revoked: null,
          leftAtMs: null,
          connected: true,
          self: false,
        })
      },
    },
  ),
)

inBrowser('names from others are text, whatever is in them', () =>
  withPage(
    async (page) => {
      await page.getByText('<img src=x onerror=alert(1)>').first().waitFor()
      assert.is(await page.locator('img[src="x"]').count(), 0)
    },
    {
      prepare: async (server) => {
        await join(server)
        server.services.peerList[0]!.name = '<img src=x onerror=alert(1)>'
      },
    },
  ),
)

inBrowser('a daemon that stops is told, and the page stays', () =>
  withPage(
    async (page, server) => {
      await server.api.stop()
      await page.getByText('reconnecting…').waitFor()
      assert.is(await page.getByRole('heading', { name: 'Jobs' }).count(), 1)
    },
    { expected: LOST_SERVER },
  ),
)

for (const width of [360, 1280])
  for (const dark of [false, true])
    inBrowser(`nothing is cut off, and all is named, at ${width} px, ${dark ? 'dark' : 'light'}`, () =>
      withPage(
        async (page) => {
          await page.getByRole('heading', { name: 'encoder', exact: true }).waitFor()
          await page.evaluate(() => {
            for (const details of document.querySelectorAll('details')) details.open = true
          })
          await page.getByText('8.0 KiB', { exact: true }).waitFor()
          const found = await page.evaluate(() => {
            const root = document.documentElement
            const unnamed = [
              ...document.querySelectorAll('input, select, textarea, button, progress'),
            ].filter((element) => {
              const control = element as HTMLInputElement
              const label = control.labels?.[0]?.textContent ?? ''
              return `${label}${control.getAttribute('aria-label') ?? ''}${control.textContent}`.trim() === ''
            })
            const ids = [...document.querySelectorAll('[id]')].map((element) => element.id)
            const dangling = [...document.querySelectorAll('[aria-labelledby]')].filter(
              (element) => document.getElementById(element.getAttribute('aria-labelledby') ?? '') === null,
            )
            return {
              overflow: root.scrollWidth - root.clientWidth,
              unnamed: unnamed.map((element) => element.outerHTML.slice(0, 120)),
              duplicates: ids.filter((id, index) => ids.indexOf(id) !== index),
              dangling: dangling.map((element) => element.outerHTML.slice(0, 120)),
              headings: [...document.querySelectorAll('h1')].length,
              language: root.lang,
            }
          })
          assert.equal(found, {
            overflow: 0,
            unnamed: [],
            duplicates: [],
            dangling: [],
            headings: 1,
            language: 'en',
          })
        },
        {
          width,
          dark,
          prepare: async (server) => {
            await join(server)
            server.services.peerList.push(
              memoryPeer({ peer: SELF, name: 'a machine with a rather long name indeed' }),
            )
            await server.services.models.add({ embedded: 'encoder' })
            const { id } = await server.services.jobs.submit({
              kind: 'compress',
              params: { model: 'encoder', codec: 'int4' },
            })
            server.services.finishTask(id, 0, FRIEND)
          },
        },
      ),
    )

/** Relative luminance and contrast: WCAG 2.2, success criterion 1.4.3. */
function contrast(a: string, b: string): number {
  const luminance = (hex: string) => {
    const [red, green, blue] = [1, 3, 5].map((at) => {
      const channel = Number.parseInt(hex.slice(at, at + 2), 16) / 255
      return channel <= 0.03928 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!
  }
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x)
  return (light! + 0.05) / (dark! + 0.05)
}

test('text can be read in light and dark', () => {
  const css = readFileSync(new URL('../../node/api/dashboard/styles/base.css', import.meta.url), 'utf8')
  const themes = [...css.matchAll(/:root \{([^}]*)\}/g)].map(([, body]) =>
    Object.fromEntries(
      [...body!.matchAll(/--([\w-]+): (#[0-9a-f]{6})/g)].map(([, name, value]) => [name!, value!]),
    ),
  )
  assert.is(themes.length, 2)
  for (const theme of themes)
    for (const [text, back] of [
      ['ink', 'card'],
      ['ink', 'back'],
      ['soft', 'card'],
      ['soft', 'back'],
      ['accent', 'card'],
      ['good', 'card'],
      ['warn', 'card'],
      ['bad', 'card'],
      ['accent-ink', 'accent'],
      ['card', 'bad'],
      ['ink', 'bad-back'],
      ['soft', 'bad-back'],
    ] as const) {
      const ratio = contrast(theme[text]!, theme[back]!)
      assert.ok(ratio >= 4.5 || (text === 'good' && ratio >= 3), `${text} on ${back}: ${ratio.toFixed(2)}`)
    }
})

test.after(closeBrowser)
test.run()
