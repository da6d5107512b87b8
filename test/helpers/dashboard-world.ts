/**
 * Three real daemons in one village and one real browser: what the tests of the dashboard's pages share. Started once;
 * a case opens pages in it and leaves the daemons as it found them, or with more in them.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { AxeBuilder } from '@axe-core/playwright'
import { type Browser, type BrowserContext, type ConsoleMessage, chromium, type Page } from 'playwright-core'
import * as assert from 'uvu/assert'
import { type LocalNode, type Localnet, startLocalnet } from '../../scripts/localnet.ts'

const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
/** Undefined where there is none: then the cases are skipped. */
export const executablePath = BROWSERS.find((file) => existsSync(file))
const WAIT_MS = 20_000
/** A folder for pictures of what the cases see; without it none are taken. */
const SCREENSHOTS = process.env.VILLAGE_SCREENSHOTS

export interface VisitInit {
  /** Which of the daemons; the first is the village's admin. */
  readonly node?: number
  readonly width?: number
  readonly dark?: boolean
  /** The console's notes that belong to the case, however many and whenever they come; any other fails it. */
  readonly expected?: RegExp
}

export interface DashboardWorld {
  readonly nodes: readonly LocalNode[]
  readonly browser: Browser
  /**
   * Opens a place of the dashboard (`members`, `jobs/ID`) in a window of that daemon, hands it to `run` once it is live, and leaves it.
   * Fails on what the console notes, and on a request to anywhere but the daemon.
   */
  visit(place: string, run: (page: Page) => Promise<void>, init?: VisitInit): Promise<void>
}

export interface DashboardCase {
  readonly name: string
  run(world: DashboardWorld): Promise<void>
}

export async function startDashboardWorld(): Promise<DashboardWorld & { stop(): Promise<void> }> {
  const directory = await mkdtemp(path.join(tmpdir(), 'village-dashboard-'))
  let browser: Browser | undefined
  let net: Localnet | undefined
  const stop = async () => {
    await browser?.close()
    await net?.stop()
    await rm(directory, { recursive: true, force: true })
  }
  try {
    ;[net, browser] = await Promise.all([
      startLocalnet({ count: 3, directory, name: 'Elm Street' }),
      chromium.launch({
        executablePath: executablePath!,
        args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
      }),
    ])
  } catch (error) {
    await stop()
    throw error
  }
  const { nodes } = net
  const context = await browser.newContext({ reducedMotion: 'reduce' })
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  const desk: Desk = { context, open: null }
  return {
    nodes,
    browser,
    visit: (place, run, init = {}) => visit(desk, nodes[init.node ?? 0]!, place, run, init),
    stop,
  }
}

/** The token goes into the session storage, as the link's does, so that the place can be opened at once. */
const placeLink = (node: LocalNode, place: string) => new URL(`/#${place}`, node.dashboardLink).href

/** The window that the case before left, and the node that it is of: whose modules it has loaded. */
interface Desk {
  readonly context: BrowserContext
  open: { readonly page: Page; readonly node: LocalNode } | null
}

async function windowOf(desk: Desk, node: LocalNode): Promise<Page> {
  if (desk.open?.node === node) return desk.open.page
  await desk.open?.page.close()
  const page = await desk.context.newPage()
  page.setDefaultTimeout(WAIT_MS)
  await page.addInitScript((token) => sessionStorage.setItem('village.token', token), node.token)
  desk.open = { page, node }
  return page
}

async function visit(
  desk: Desk,
  node: LocalNode,
  place: string,
  run: (page: Page) => Promise<void>,
  { width = 1280, dark = false, expected }: VisitInit,
): Promise<void> {
  const problems: string[] = []
  const urls: string[] = []
  const page = await windowOf(desk, node)
  const onRequest = (request: { url(): string }) => urls.push(request.url())
  const onError = (error: Error) => problems.push(error.message)
  const onConsole = (message: ConsoleMessage) => {
    if (['error', 'warning'].includes(message.type()) && expected?.test(message.text()) !== true)
      problems.push(message.text())
  }
  try {
    await page.setViewportSize({ width, height: 900 })
    await page.emulateMedia({ colorScheme: dark ? 'dark' : 'light' })
    // Also those of windows that the page opens.
    desk.context.on('request', onRequest)
    page.on('pageerror', onError)
    page.on('console', onConsole)
    await goTo(page, placeLink(node, place))
    await page.getByText('live', { exact: true }).waitFor()
    await run(page)
    assert.equal(problems, [], 'the console is clean')
    const origin = new URL(node.dashboardLink).origin
    for (const url of urls) {
      assert.ok(url.startsWith(`${origin}/`) || /^(data|blob|about):/.test(url), `a request to ${url}`)
      assert.not.ok(url.includes(node.token), 'no request has the token in its address')
    }
  } catch (error) {
    if (problems.length > 0 && error instanceof Error) error.message += `\nconsole: ${problems.join('\n')}`
    throw error
  } finally {
    desk.context.off('request', onRequest)
    page.off('pageerror', onError)
    page.off('console', onConsole)
    await leave(page)
    for (const opened of desk.context.pages()) if (opened !== page) await opened.close()
  }
}

/** Loads the page anew for each case, though in the process of the window that is there. */
async function goTo(page: Page, link: string): Promise<void> {
  if (new URL(page.url()).origin !== new URL(link).origin) {
    await page.goto(link)
    return
  }
  await page.evaluate((address) => history.replaceState(null, '', address), link)
  await page.reload()
}

/** What a case kept in its window is not there for the next; the token is, for what the page still asks. */
async function leave(page: Page): Promise<void> {
  await page.unrouteAll({ behavior: 'ignoreErrors' })
  await page.evaluate(() => {
    localStorage.clear()
    for (const key of Object.keys(sessionStorage)) if (key !== 'village.token') sessionStorage.removeItem(key)
  })
}

/** No serious or critical finding of the accessibility check. */
export async function assertAccessible(page: Page): Promise<void> {
  // The program of the check is half a megabyte, and stays in a window until that is loaded anew.
  const isThere = await page.evaluate('"axe" in window')
  const { violations } = await new AxeBuilder(isThere === true ? { page, axeSource: ';' } : { page })
    .setLegacyMode(true)
    .options({ resultTypes: ['violations'] })
    .analyze()
  const found = violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`)
  assert.equal(found, [])
}

/** Nothing sticks out sideways, ids are unique, and there is one heading of the first level. */
export async function assertFits(page: Page): Promise<void> {
  const found = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement
    const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id)
    // What scrolls sideways by itself may hold wide things.
    const scrolls = (element: Element | null): boolean =>
      element !== null &&
      (['auto', 'scroll', 'hidden', 'clip'].includes(getComputedStyle(element).overflowX) ||
        scrolls(element.parentElement === document.body ? null : element.parentElement))
    const wide = [...document.body.querySelectorAll('*')].filter(
      (element) => element.getBoundingClientRect().right > clientWidth + 1 && !scrolls(element.parentElement),
    )
    return {
      overflow: scrollWidth - clientWidth,
      wide: scrollWidth > clientWidth ? wide.slice(0, 5).map(({ outerHTML }) => outerHTML.slice(0, 120)) : [],
      duplicates: ids.filter((id, index) => ids.indexOf(id) !== index),
      headings: document.querySelectorAll('h1').length,
    }
  })
  assert.equal(found, { overflow: 0, wide: [], duplicates: [], headings: 1 })
}

/**
 * Looks at a place on a desk in light and on a phone in dark: it fits, and there the accessibility check finds nothing. `ready` waits
 * for what the place is about. Pictures go to VILLAGE_SCREENSHOTS where that is set, then also of the other two ways.
 */
export async function assertLooks(
  world: DashboardWorld,
  place: string,
  ready: (page: Page) => Promise<void>,
  init: VisitInit = {},
): Promise<void> {
  await world.visit(
    place,
    async (page) => {
      await ready(page)
      const ways = [
        { width: 1280, dark: false, isChecked: true },
        { width: 1280, dark: true, isChecked: false },
        { width: 360, dark: false, isChecked: false },
        { width: 360, dark: true, isChecked: true },
      ]
      for (const { width, dark, isChecked } of ways) {
        if (!isChecked && SCREENSHOTS === undefined) continue
        await page.setViewportSize({ width, height: 900 })
        await page.emulateMedia({ colorScheme: dark ? 'dark' : 'light' })
        if (SCREENSHOTS !== undefined)
          await page.screenshot({
            path: path.join(
              SCREENSHOTS,
              `${place.replace(/[^\w-]+/g, '_')}-${width}-${dark ? 'dark' : 'light'}.png`,
            ),
            fullPage: true,
          })
        if (!isChecked) continue
        await assertFits(page)
        if (dark) await assertAccessible(page)
      }
    },
    init,
  )
}

/**
 * Goes through places of one window, each a pair of place and what must be seen there: they fit a desk in light and a phone in dark,
 * where the accessibility check finds nothing. For the many views of a page, of which most are of the same parts.
 */
export async function assertViews(
  world: DashboardWorld,
  views: readonly (readonly [place: string, seen: string])[],
): Promise<void> {
  await world.visit(views[0]![0], async (page) => {
    for (const [place, seen] of views) {
      await page.evaluate((hash) => {
        location.hash = hash
      }, place)
      await page.locator(seen).first().waitFor()
      for (const { width, dark } of [
        { width: 1280, dark: false },
        { width: 360, dark: true },
      ]) {
        await page.setViewportSize({ width, height: 900 })
        await page.emulateMedia({ colorScheme: dark ? 'dark' : 'light' })
        if (SCREENSHOTS !== undefined)
          await page.screenshot({
            path: path.join(SCREENSHOTS, `${place.replace(/[^\w-]+/g, '_')}-${width}.png`),
            fullPage: true,
          })
        await assertFits(page)
        if (dark) await assertAccessible(page)
      }
    }
  })
}
