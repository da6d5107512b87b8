/** The pages of models and jobs, in the browser over three real daemons: the encoder is added, compressed, compared and evaluated. */
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import * as assert from 'uvu/assert'
import type { JobSummary } from '../../../node/compute/jobs/job.ts'
import {
  assertFits,
  assertViews,
  type DashboardCase,
  type DashboardWorld,
} from '../../helpers/dashboard-world.ts'

const DONE_WITHIN_MS = 120_000
const POLL_MS = 200

const job = (world: DashboardWorld, id: string) =>
  world.nodes[0]!.client.get<JobSummary>(`/api/v1/jobs/${id}`)

/** The id in the address of a job's page. */
const jobIdOf = (page: Page) => new URL(page.url()).hash.split('/')[1]!

async function modelIds(world: DashboardWorld, node: number): Promise<string[]> {
  const { models } = await world.nodes[node]!.client.get<{ models: { id: string }[] }>('/api/v1/models')
  return models.map(({ id }) => id)
}

/** The encoder of the first daemon, for cases that begin with it. */
const addEncoder = (world: DashboardWorld) =>
  world.nodes[0]!.client.send('POST', '/api/v1/models', { embedded: 'encoder' })

/** With forms in int8 and int4, made now unless another case did. */
async function addForms(world: DashboardWorld): Promise<void> {
  await addEncoder(world)
  const { client } = world.nodes[0]!
  const known = await modelIds(world, 0)
  for (const codec of ['int8', 'int4']) {
    if (known.includes(`encoder-${codec}`)) continue
    const params = { model: 'encoder', codec, calibrate: 'none' }
    const { id } = await client.send<JobSummary>('POST', '/api/v1/jobs', { kind: 'compress', params })
    while ((await job(world, id)).state === 'running') await sleep(POLL_MS)
  }
}

export const MODELS_CASES: readonly DashboardCase[] = [
  {
    name: 'models: the embedded encoder is added, and its tensors are sorted, searched and paged',
    async run(world) {
      const { client } = world.nodes[2]!
      if ((await modelIds(world, 2)).includes('encoder'))
        await client.send('DELETE', '/api/v1/models/encoder')
      await world.visit(
        'models/~add',
        async (page) => {
          await page.getByRole('button', { name: 'Add the embedded encoder' }).click()
          await page.getByRole('heading', { name: /^Models.*encoder$/ }).waitFor({ timeout: DONE_WITHIN_MS })
          assert.is(new URL(page.url()).hash, '#models/encoder')
          await page.getByRole('link', { name: 'Tensors', exact: true }).click()
          const table = page.getByRole('table', { name: 'Tensors of encoder' })
          const sizes = async () => (await table.locator('td[data-head=Size]').allTextContents()).slice(0, 2)
          await table.waitFor()
          const [largest = ''] = await sizes()
          assert.match(largest, /MiB/)
          await table.getByRole('button', { name: 'Size' }).click()
          assert.not.match((await sizes()).join(' '), /MiB/)
          const names = await table.locator('td[data-head=Tensor]').allTextContents()
          assert.is(names.length, 25)
          await page.getByRole('button', { name: 'Later' }).click()
          assert.not.equal(await table.locator('td[data-head=Tensor]').allTextContents(), names)
          await page.getByRole('searchbox').fill('no such tensor')
          await page.getByText('No tensor matches').waitFor()
          await page.goBack()
          await page.getByRole('heading', { name: 'Lineage' }).waitFor()
        },
        { node: 2 },
      )
    },
  },
  {
    name: 'models: two codecs are ticked, both jobs run over the village, and a chart lays out what they keep',
    async run(world) {
      await addEncoder(world)
      await world.visit('models/encoder/compare', async (page) => {
        await page.getByText('Compress encoder', { exact: true }).waitFor()
        if (!(await page.getByRole('checkbox', { name: 'int8' }).isVisible()))
          await page.getByText('Compress encoder', { exact: true }).click()
        await page.getByRole('checkbox', { name: 'int8' }).check()
        await page.getByRole('checkbox', { name: /^Calibrate/ }).uncheck()
        await page.getByRole('button', { name: 'Compress in 2 ways' }).click()
        await page.getByText('2 jobs are under way').waitFor()
        const forms = page.getByRole('table', { name: 'Compressed forms of encoder' })
        for (const form of ['encoder-int8', 'encoder-int4'])
          await forms.getByRole('link', { name: form, exact: true }).waitFor({ timeout: DONE_WITHIN_MS })
        assert.match((await forms.textContent()) ?? '', /9\d\.\d% \(/)
        const chart = page.getByRole('group', {
          name: /^quality kept, by the suite "similarity" against bits/,
        })
        await chart.waitFor()
        await page.getByRole('button', { name: 'Show as a table' }).click()
        const figures = page.getByRole('region', { name: /as a table/ })
        assert.match((await figures.textContent()) ?? '', /encoder-int8/)
        // The second job's machines: the village shared the work.
        const { jobs } = await world.nodes[0]!.client.get<{ jobs: JobSummary[] }>('/api/v1/jobs')
        const shares = jobs
          .filter(({ kind }) => kind === 'compress')
          .flatMap(({ shares }) => Object.keys(shares))
        assert.ok(new Set(shares).size > 1)
      })
    },
  },
  {
    name: 'models: a suite is put to the original and its forms, and two are compared item by item',
    async run(world) {
      await addForms(world)
      await world.visit('models/encoder/compare', async (page) => {
        await page.getByRole('button', { name: 'Measure them all' }).click()
        await page.getByRole('option', { name: /^similarity: rank correlation/ }).waitFor({
          state: 'attached',
          timeout: DONE_WITHIN_MS,
        })
        await page.getByRole('link', { name: 'Compare encoder-int4 with encoder' }).click()
        const table = page.getByRole('table', { name: 'encoder-int4 against encoder, item by item' })
        await table.waitFor()
        assert.match((await table.textContent()) ?? '', /no difference can be told|is better/)
        await page.getByRole('heading', { name: 'similarity' }).waitFor()
      })
    },
  },
  {
    name: 'models: what was compressed, and its jobs, can be read on a desk and on a phone',
    async run(world) {
      await addForms(world)
      const { jobs } = await world.nodes[0]!.client.get<{ jobs: JobSummary[] }>('/api/v1/jobs')
      const { id } = jobs.findLast(({ kind, state }) => kind === 'compress' && state === 'done')!
      await assertViews(world, [
        ['models/encoder/compare', '.chart canvas'],
        ['models/encoder-int4/tensors', '.chart canvas'],
        ['models/encoder-int4/evaluations/encoder', 'text=Item by item'],
        ['models/~artifacts', '#artifacts-title'],
        ['jobs', '[aria-label=Jobs] a'],
        [`jobs/${id}`, '#job-result-title'],
        ['jobs/new/compress', '.variants'],
      ])
      // Tables with many columns are wider than windows between a phone's and a desk's.
      for (const place of ['models', 'models/encoder/compare'])
        await world.visit(place, async (page) => {
          await page.locator('.data-table td').first().waitFor()
          for (const width of [420, 640, 900]) {
            await page.setViewportSize({ width, height: 900 })
            await assertFits(page)
          }
        })
    },
  },
  {
    name: 'models: a member pulls what another shares',
    async run(world) {
      await addForms(world)
      await world.visit('models/encoder-int4', async (page) => {
        await page.getByRole('button', { name: 'Share with the village' }).click()
        await page.getByRole('button', { name: 'Stop sharing' }).waitFor()
      })
      await world.visit(
        'models',
        async (page) => {
          await page.getByRole('button', { name: 'Pull encoder-int4' }).click()
          await page.getByRole('table', { name: 'Models', exact: true }).getByText('encoder-int4').waitFor()
        },
        { node: 1 },
      )
    },
  },
  {
    name: 'models: a CAR file of one node is imported by another',
    async run(world) {
      const { client } = world.nodes[0]!
      const { cid } = await client.upload<{ cid: string }>(
        '/api/v1/artifacts?name=carried.txt',
        'application/octet-stream',
        Readable.from([Buffer.from('carried on a stick')], { objectMode: false }),
      )
      const car: Uint8Array[] = []
      for await (const part of await client.download(`/api/v1/artifacts/export?cids=${cid}`)) car.push(part)
      await world.visit(
        'models/~add',
        async (page) => {
          const way = page.locator('.way', { hasText: 'From a CAR file' })
          await way
            .getByLabel('File')
            .setInputFiles({ name: 'a.car', mimeType: 'text/plain', buffer: Buffer.concat(car) })
          await way.getByRole('button', { name: 'Import' }).click()
          await way.getByLabel(/^Id of /).waitFor()
          const { artifacts } = await world.nodes[1]!.client.get<{ artifacts: { cid: string }[] }>(
            '/api/v1/artifacts',
          )
          assert.ok(artifacts.some((artifact) => artifact.cid === cid))
        },
        { node: 1 },
      )
    },
  },
  {
    name: 'models: a job is begun in its form, followed on its page, cancelled, tried again and removed',
    async run(world) {
      await addEncoder(world)
      await world.visit('jobs/new/compress/encoder', async (page) => {
        // A search of seconds at least: long enough to be cancelled while it runs.
        await page.getByRole('checkbox', { name: /^int4/ }).uncheck()
        await page.getByRole('checkbox', { name: 'seedlm, 4 bits' }).check()
        await page.getByRole('checkbox', { name: /^Calibrate/ }).uncheck()
        await page.getByLabel(/at least this share/).fill('1')
        await page.getByRole('button', { name: 'Compress', exact: true }).click()
        const cancelled = async () => {
          await page
            .getByRole('heading', { name: /compress encoder.*seedlm 4 bits.*(running|waiting)/ })
            .waitFor()
          await page.getByRole('button', { name: 'Cancel' }).click()
          await page.getByRole('button', { name: 'Cancel the job' }).click()
          await page.getByRole('heading', { name: /cancelled/ }).waitFor()
          return jobIdOf(page)
        }
        const first = await cancelled()
        await page.getByRole('button', { name: 'Try again' }).click()
        await page.waitForURL((url) => !url.hash.includes(first))
        const again = await cancelled()
        const [before, after] = [await job(world, first), await job(world, again)]
        assert.equal([before.state, after.state], ['cancelled', 'cancelled'])
        assert.equal(after.params, before.params)
        await page.getByRole('button', { name: 'Remove', exact: true }).click()
        await page.getByRole('dialog').getByRole('button', { name: 'Remove', exact: true }).click()
        await page.getByRole('heading', { name: /^\d+ jobs?$/ }).waitFor()
        const { jobs } = await world.nodes[0]!.client.get<{ jobs: JobSummary[] }>('/api/v1/jobs')
        assert.not.ok(jobs.some(({ id }) => id === again))
      })
    },
  },
]
