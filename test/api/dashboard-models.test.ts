/** What the dashboard offers for the models that are there, and the jobs that are made of them. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { TestApi } from '../helpers/api-server.ts'
import { closeBrowser, executablePath, withPage } from '../helpers/dashboard-page.ts'

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
      await page.locator('summary', { hasText: 'New job' }).click()
      await page.locator('select[name=model]').waitFor()
      assert.equal(await page.locator('select[name=model] option').allTextContents(), ['encoder', 'story'])
      await page.getByRole('button', { name: 'evaluate', exact: true }).click()
      const suites = page.getByLabel('Suite')
      await suites.selectOption('similarity')
      assert.ok(await page.getByRole('checkbox', { name: 'encoder' }).isChecked())
      assert.is(await page.getByRole('checkbox', { name: 'story' }).count(), 0)
      await suites.selectOption('likelihood')
      const story = page.locator('.submit').getByRole('checkbox', { name: 'story' })
      const submit = page.getByRole('button', { name: 'Evaluate', exact: true })
      assert.ok(await story.isChecked())
      await story.uncheck()
      await page.locator('button[disabled]', { hasText: 'Evaluate' }).waitFor()
      await story.check()
      await submit.click()
      await page.getByRole('heading', { name: 'evaluate likelihood: story' }).waitFor()
      assert.equal(services.jobs.list()[0]!.params, { models: ['story'], suite: 'likelihood' })
    },
    { prepare: addModels },
  ),
)

inBrowser('a language model continues a text in the page', () =>
  withPage(
    async (page) => {
      const card = page.getByRole('article', { name: 'story' })
      await card.locator('summary', { hasText: 'Generate' }).click()
      await card.getByLabel('Text', { exact: true }).fill('one <b>two</b>')
      await card.getByLabel('Tokens at most').fill('3')
      await card.getByRole('button', { name: 'Generate' }).click()
      await card.getByText('2 + 3 tokens, ended by the limit of tokens').waitFor()
      assert.is(await card.locator('.generated').textContent(), 'one <b>two</b> one ')
      assert.is(await card.locator('.generated b').count(), 0)
    },
    { prepare: addModels },
  ),
)

inBrowser('finished jobs do not hide the models', () =>
  withPage(
    async (page) => {
      await page.getByText('3 earlier jobs').click()
      await page.locator('article.job').nth(6).waitFor()
      assert.is(await page.locator('article.job').count(), 7)
    },
    {
      prepare: async (server) => {
        await addModels(server)
        for (let made = 0; made < 7; made++) {
          const params = { model: 'encoder', codec: 'int4' }
          const { id } = await server.services.jobs.submit({ kind: 'compress', params })
          await server.services.jobs.cancel(id)
        }
      },
    },
  ),
)

test.after(closeBrowser)
test.run()
