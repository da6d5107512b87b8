/** The dashboard in a real browser, over the real API. */
import { existsSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'
import * as assert from 'uvu/assert'
import { startTestApi, type TestApi } from './api-server.ts'
import type { MemoryServices } from './memory-services.ts'

const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
/** Undefined where there is none: then the tests are skipped. */
export const executablePath = BROWSERS.find((file) => existsSync(file))
const WAIT_MS = 15_000

let browser: Browser | undefined

/** A page of the dashboard over a test API; fails on whatever the browser's console notes, and on requests to elsewhere. */
export async function withPage(
  run: (page: Page, server: TestApi) => Promise<void>,
  init: {
    width?: number
    dark?: boolean
    open?: 'link' | 'bare'
    /** The console notes that belong to the test, however many and whenever they come; any other fails it. */
    expected?: RegExp
    prepare?: (server: TestApi) => Promise<void>
    /** In place of those in memory. */
    services?: Partial<MemoryServices>
  } = {},
): Promise<void> {
  browser ??= await chromium.launch({
    executablePath: executablePath!,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  })
  const server = await startTestApi(init.services === undefined ? {} : { services: init.services })
  const context = await browser.newContext({
    viewport: { width: init.width ?? 1280, height: 900 },
    colorScheme: init.dark === true ? 'dark' : 'light',
  })
  const problems: string[] = []
  const urls: string[] = []
  try {
    await init.prepare?.(server)
    const page = await context.newPage()
    page.setDefaultTimeout(WAIT_MS)
    page.on('pageerror', (error) => problems.push(error.message))
    page.on('console', (message) => {
      if (message.type() === 'error' && init.expected?.test(message.text()) !== true)
        problems.push(message.text())
    })
    page.on('request', (request) => urls.push(request.url()))
    await page.goto(init.open === 'bare' ? server.api.url() : server.api.dashboardLink())
    if (init.open !== 'bare') await page.getByText('live', { exact: true }).waitFor()
    await run(page, server)
    assert.equal(problems, [], 'the console is clean')
    for (const url of urls) {
      assert.ok(url.startsWith(server.api.url()) || url.startsWith('data:') || url.startsWith('blob:'), url)
      assert.not.ok(
        new URL(url).pathname.includes(server.token) || new URL(url).search.includes(server.token),
        url,
      )
    }
  } finally {
    await context.close()
    await server.close()
  }
}

/** The next file of this process that wants a page launches another. */
export async function closeBrowser(): Promise<void> {
  await browser?.close()
  browser = undefined
}
