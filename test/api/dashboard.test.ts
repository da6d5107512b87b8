/**
 * The dashboard in a real browser, over the real API with services in memory: what real daemons cannot be brought to at will (the pages
 * themselves: test/browser/dashboard.test.ts).
 */
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
const LOST_SERVER =
  /^Failed to load resource: (net::ERR_|the server responded with a status of 503\b)|^Refused to apply style from /

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
      await page.getByText('No village yet').waitFor()
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
    await page.getByText('No village yet').waitFor()
  }),
)

inBrowser(
  'the first steps: a village is created by keyboard, the encoder added, and the guide put away',
  () =>
    withPage(async (page, { services }) => {
      const guide = page.getByRole('region', { name: 'Begin here' })
      await guide.getByLabel('Name').fill('Elm Street')
      await page.keyboard.press('Enter')
      await page.getByRole('link', { name: /^Elm Street/ }).waitFor()
      await guide.getByText('Create a village, or join one, done').waitFor()
      await guide.getByRole('button', { name: 'Add the encoder' }).click()
      await guide.getByText('Add the built-in encoder, done').waitFor()
      assert.is((await services.models.list()).length, 1)
      assert.is(await page.title(), 'Overview · Elm Street')
      await guide.getByRole('button', { name: 'Put this away' }).click()
      await guide.waitFor({ state: 'detached' })
      await page.reload()
      await page.getByRole('heading', { name: 'Health' }).waitFor()
      assert.is(await guide.count(), 0)
    }),
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

inBrowser('members come and go, one is revoked after a question, a pause is told', () =>
  withPage(
    async (page, { services }) => {
      await page.goto(`${page.url()}#members`)
      const roster = page.getByRole('region', { name: /^Roster/ })
      await roster.getByText('member · online · 12 ms').waitFor()
      services.peerList.length = 0
      const [friend] = services.villages.members().filter(({ peer }) => peer === FRIEND)
      Object.assign(friend!, { connected: false })
      services.events.emit('peer:disconnected', { peer: FRIEND })
      await roster.getByText('member · away').waitFor()
      await page.getByText('friend went away.').waitFor({ state: 'attached' })
      await roster.getByRole('link', { name: 'friend' }).click()
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
    async (page, { services }) => {
      const name = '<img src=x onerror=alert(1)>'
      await page
        .getByRole('link', { name: /^<img src=x/ })
        .first()
        .waitFor()
      await page.goto(`${page.url()}#events`)
      services.events.emit('member:joined', { peer: FRIEND, role: 'member', name })
      await page.getByText(`${name} joined the village`).first().waitFor()
      assert.is(await page.locator('img[src="x"]').count(), 0)
    },
    {
      prepare: async (server) => {
        await join(server)
        for (const member of server.services.villages.members()) member.name = '<img src=x onerror=alert(1)>'
      },
    },
  ),
)

inBrowser('a daemon that stops is told, and the page stays', () =>
  withPage(
    async (page, server) => {
      await server.api.stop()
      await page.getByText('reconnecting…').waitFor()
      assert.is(await page.getByRole('heading', { name: 'Health' }).count(), 1)
    },
    { expected: LOST_SERVER },
  ),
)

inBrowser('a page that fails is told, and the others go on', () =>
  withPage(
    async (page) => {
      await page.route('**/api/v1/events/recent*', (route) =>
        route.fulfill({
          json: { instance: 'x', events: [{ seq: 1, timeMs: 1, type: 'member:joined', data: null }] },
        }),
      )
      const menu = page.getByRole('navigation', { name: 'Pages' })
      await menu.getByRole('link', { name: 'Events' }).click()
      await page.getByRole('alert').getByText('Events could not be shown').waitFor()
      await menu.getByRole('link', { name: 'Members' }).click()
      await page.getByRole('heading', { name: 'Create a village' }).waitFor()
      assert.is(await page.getByRole('alert').count(), 0)
    },
    { expected: /TypeError/ },
  ),
)

inBrowser('the first page asks for no module or sheet that it was not told of at once', () =>
  withPage(async (page, server) => {
    const html = await (await fetch(server.api.url())).text()
    const told = [...html.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, url]) => url)
    const asked = await page.evaluate(() =>
      performance
        .getEntriesByType('resource')
        .map(({ name }) => new URL(name).pathname)
        .filter((name) => name.startsWith('/dashboard/')),
    )
    // The charts and what draws them come after the rest is painted.
    const late = asked.filter((name) => !told.includes(name) && !/chart|uplot|history/.test(name))
    assert.equal(late, [])
    assert.ok(asked.includes('/dashboard/first.js'))
    assert.ok(asked.length - late.length < 20, asked.join(' '))
  }),
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
