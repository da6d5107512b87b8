/** The pages of jobs and models over services in memory: what three real daemons cannot be made to show at will. */
import type { Page } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { TestApi } from '../helpers/api-server.ts'
import { closeBrowser, executablePath, withPage } from '../helpers/dashboard-page.ts'
import { FRIEND } from '../helpers/memory-services.ts'

/** Within the same window: the token stays where it is. */
const placeAt = (page: Page, place: string) => new URL(`/#${place}`, page.url()).href

const test = suite('dashboard models')
if (executablePath === undefined) console.log('skipped: chromium is not installed')
const inBrowser = executablePath === undefined ? test.skip : test

/** An encoder, a language model and an adapter. */
async function addModels({ services: { models } }: TestApi): Promise<void> {
  await models.add({ embedded: 'encoder' })
  for (const [id, kind] of [
    ['story', 'language'],
    ['tuned', 'adapter'],
  ] as const)
    Object.assign(await models.add({ embedded: 'encoder', id }), { kind })
}

inBrowser('the suite decides which models are offered, and a job says its suite', () =>
  withPage(
    async (page, { services }) => {
      await page.goto(placeAt(page, 'jobs/new/compress'))
      await page.locator('select[name=model]').waitFor()
      assert.equal(await page.locator('select[name=model] option').allTextContents(), ['encoder', 'story'])
      await page.getByRole('link', { name: 'Evaluate', exact: true }).click()
      const suites = page.getByLabel('Suite')
      await suites.selectOption('similarity')
      assert.ok(await page.getByRole('checkbox', { name: 'encoder' }).isChecked())
      assert.is(await page.getByRole('checkbox', { name: 'story' }).count(), 0)
      await suites.selectOption('likelihood')
      const story = page.getByRole('checkbox', { name: 'story' })
      const submit = page.getByRole('button', { name: 'Evaluate', exact: true })
      assert.ok(await story.isChecked())
      await story.uncheck()
      await page.locator('button[disabled]', { hasText: 'Evaluate' }).waitFor()
      await story.check()
      await submit.click()
      await page.getByRole('heading', { name: /evaluate likelihood: story running/ }).waitFor()
      assert.equal(services.jobs.list()[0]!.params, { models: ['story'], suite: 'likelihood' })
    },
    { prepare: addModels },
  ),
)

inBrowser('a language model continues a text in the page', () =>
  withPage(
    async (page) => {
      await page.goto(placeAt(page, 'models/story/generate'))
      await page.getByLabel('Text', { exact: true }).fill('one <b>two</b>')
      await page.getByLabel('Tokens at most').fill('3')
      await page.getByRole('button', { name: 'Generate' }).click()
      await page.getByText('2 + 3 tokens, ended by the limit of tokens').waitFor()
      assert.is(await page.locator('.generated').textContent(), 'one <b>two</b> one ')
      assert.is(await page.locator('.generated b').count(), 0)
    },
    { prepare: addModels },
  ),
)

inBrowser('a job shows who does what as it goes, why a task failed, and what came of it', () =>
  withPage(
    async (page, { services }) => {
      const { id } = await services.jobs.submit({
        kind: 'compress',
        params: { model: '<img src=x onerror=alert(1)>', codec: 'int4' },
      })
      await page.goto(placeAt(page, `jobs/${id}`))
      await page
        .getByRole('heading', { name: /compress <img src=x onerror=alert\(1\)> int4 running/ })
        .waitFor()
      assert.is(await page.getByRole('table', { name: 'Tasks' }).getByRole('row').count(), 5)
      services.finishTask(id, 0, FRIEND)
      await page.getByText('1 of 4 tasks').waitFor()
      await page.getByText(/slice 0 failed at .*TASK_FAILED/).waitFor()
      services.endJob(id, { id: 'encoder-int4', bitsPerWeight: 4.5 })
      await page.getByRole('heading', { name: 'Result' }).waitFor()
      await page.getByText('4.500').waitFor()
      await page.getByRole('button', { name: 'Run again' }).click()
      await page.getByRole('heading', { name: /running/ }).waitFor()
      assert.is(services.jobs.list().length, 2)
      assert.equal(services.jobs.list()[1]!.params, services.jobs.get(id)!.params)
    },
    { prepare: addModels },
  ),
)

inBrowser('hundreds of jobs are a page at a time, by state and by words', () =>
  withPage(
    async (page) => {
      await page.goto(placeAt(page, 'jobs'))
      const rows = page.getByRole('table', { name: 'Jobs' }).locator('tbody tr')
      await page.getByText('1 to 25 of 201').waitFor()
      assert.is(await rows.count(), 25)
      await page.getByRole('button', { name: 'Later' }).click()
      await page.getByText('26 to 50 of 201').waitFor()
      await page.getByRole('button', { name: /^Running/ }).click()
      await page.getByRole('link', { name: 'compress model 200' }).waitFor()
      assert.is(await rows.count(), 1)
      await page.getByRole('button', { name: /^All/ }).click()
      await page.getByRole('searchbox').fill('oak cancelled')
      await page.getByRole('link', { name: 'compress oak' }).waitFor()
      assert.is(await rows.count(), 1)
    },
    {
      prepare: async ({ services: { jobs } }) => {
        for (let made = 0; made <= 200; made++) {
          const { id } = await jobs.submit({
            kind: 'compress',
            params: { model: made === 17 ? 'oak' : `model ${made}`, codec: 'int4' },
          })
          if (made < 200) await jobs.cancel(id)
        }
      },
    },
  ),
)

test.after(closeBrowser)
test.run()
