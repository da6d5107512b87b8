/** The page of evolution in the browser, over three real daemons: a run, a federation, a merge and a measurement, from recipe to result. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Page } from 'playwright-core'
import * as assert from 'uvu/assert'
import { assertViews, type DashboardCase, type DashboardWorld } from '../../helpers/dashboard-world.ts'
import { writeTinySource } from '../../helpers/language-models.ts'

const LETTERS = 'abcdefghijklmnopqrstuvwxyz'
const ITEMS = Array.from({ length: 40 }, (_, index) => {
  const letter = LETTERS[index % 26]!
  return JSON.stringify({
    id: `item-${index}`,
    type: 'choice',
    context: `${index} ${letter}`,
    choices: [letter, '.'],
    answer: index % 2,
  })
}).join('\n')

const RUN = `name: two in one
workload:
  kind: merge
  base: evolving
  parents: [evolving-too]
  groups: 2
  selectionItems: 12
  finalItems: 12
  choose: 1
  tasks: [{data: items.jsonl}]
population: 4
limits: {generations: 2}
minimum: 1
deadlines: {propose: 300ms}
`
const FEDERATION = `name: virtual clients
strategy: fedavg
rounds: 3
clients: { minimum: 2, target: 4 }
local: { steps: 2, batch: 8, learningRate: 0.1 }
simulation: { clients: 8 }
`
const MERGE = `merge_method: linear
models:
  - model: evolving
    parameters: { weight: 0.5 }
  - model: evolving-too
    parameters: { weight: 0.5 }
`

const GOALS = `budget: { evaluations: 100 }
goals:
  - name: notes-search
    every: 1d
    target: { collection: notes }
    evolve: { workload: { kind: agent, judged: judged }, population: 8 }
`

/** Two tiny models on the first node, once. */
async function addModels({ nodes }: DashboardWorld): Promise<void> {
  const { client } = nodes[0]!
  const { models } = await client.get<{ models: { id: string }[] }>('/api/v1/models')
  const directory = await mkdtemp(path.join(tmpdir(), 'village-evolving-'))
  try {
    for (const [seed, id] of ['evolving', 'evolving-too'].entries()) {
      if (models.some((model) => model.id === id)) continue
      writeTinySource(path.join(directory, id), 'llama', { seed: seed + 11 })
      await client.send('POST', '/api/v1/models', { path: path.join(directory, id), id })
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function writeRecipe(page: Page, summary: string, text: string): Promise<void> {
  await page.getByText(summary, { exact: true }).click()
  await page.getByLabel('Recipe', { exact: true }).fill(text)
  await page.getByRole('button', { name: 'Check' }).click()
}

const idIn = (page: Page): string => new URL(page.url()).hash.split('/')[2]!

/** Places of what the first case has made, for the one that looks at them. */
const made = { run: '', federation: '', geometry: '' }

export const EVOLUTION_CASES: readonly DashboardCase[] = [
  {
    name: 'evolution: a run goes from a pasted recipe to a ledger that verifies',
    async run(world) {
      await addModels(world)
      const checked = async (page: Page) => {
        await writeRecipe(page, 'Start a run', RUN.replace('population', 'poppulation'))
        await page.getByText('did you mean "population"?').waitFor()
        await page.getByLabel('Recipe', { exact: true }).fill(RUN)
        await page.getByRole('button', { name: 'Check' }).click()
        await page
          .getByLabel('items.jsonl')
          .setInputFiles({ name: 'items.jsonl', mimeType: 'application/jsonl', buffer: Buffer.from(ITEMS) })
        await page.getByRole('button', { name: 'Check' }).click()
        await page.getByText('What it comes to').waitFor()
        await page.getByText('8', { exact: true }).waitFor()
        await page.getByRole('button', { name: 'Announce the run' }).click()
        await page.getByRole('heading', { name: 'two in one' }).waitFor()
        made.run = idIn(page)
        // It ends by itself: with a winner, or with the seed that was best.
        await page.locator('#run-title ~ .state', { hasText: /^(published|ended)$/ }).waitFor()
        await page
          .getByRole('group', { name: /^Scores by generation/ })
          .locator('canvas')
          .waitFor()
        await page.getByRole('group', { name: /^Scores by generation/ }).press('ArrowRight')
        await page.getByText(/^1: best so far 0\.\d+/).waitFor()

        await page.locator('.lineage-node.is-subject[role=button]').press('Enter')
        await page.getByRole('heading', { name: /^Candidate .*, the best/ }).waitFor()
        await page.locator('.lineage-node.is-subject[role=button]').press('ArrowLeft')
        await page.locator('#ledger-title').locator('..').getByRole('button', { name: 'Verify' }).click()
        await page.getByText(/^It verifies: \d+ blocks/).waitFor()
        const candidates = page.getByRole('table', { name: 'Best candidates' })
        await candidates
          .getByText(/outside of the layers: .*evolving-too \d/)
          .first()
          .waitFor()
        // Whether noise helps a model of noise is for the noise to say: both ends are looked at.
        const isPublished = (await page.locator('#run-title ~ .state').textContent()) === 'published'
        if (isPublished) {
          await page.getByLabel(/^Keep it among/).fill('evolved-here')
          await page.getByRole('button', { name: 'Add the model' }).click()
          await page.getByRole('heading', { name: 'evolved-here' }).first().waitFor()
          await page.goBack()
          await page.locator('#winner-title ~ *, #winner-title').first().waitFor()
          await page.getByRole('link', { name: 'evolved-here' }).waitFor()
        } else await page.getByText('It ended without a winner: no candidate was better').waitFor()
        const voters = page.getByRole('table', { name: 'Members of the run' }).getByText('node-1 (this node)')
        await voters.waitFor()
      }
      await world.visit('evolution', checked, { expected: /400 \(Bad Request\)/ })
      const { run } = await world.nodes[0]!.client.get<{ run: { name: string; evaluations: number } }>(
        `/api/v1/runs/${made.run}`,
      )
      assert.is(run.name, 'two in one')
      assert.ok(run.evaluations > 4)
    },
  },
  {
    name: 'evolution: a federation is checked, begun and read',
    run: (world) =>
      world.visit('evolution/federations', async (page) => {
        await writeRecipe(page, 'Begin a federation', FEDERATION)
        await page.getByText('A simulation: nobody else is asked.').waitFor()
        await page.getByRole('button', { name: 'Begin', exact: true }).click()
        await page.getByRole('heading', { name: 'virtual clients' }).waitFor()
        made.federation = idIn(page)
        await page.locator('#federation-title ~ .state', { hasText: /^done$/ }).waitFor()
        await page
          .getByRole('group', { name: /^Loss by round/ })
          .locator('canvas')
          .waitFor()
        await page
          .locator('#loss-title')
          .locator('../..')
          .getByRole('button', { name: 'Show as a table' })
          .click()
        assert.is(await page.getByRole('table', { name: 'Loss by round' }).locator('tbody tr').count(), 3)
      }),
  },
  {
    name: 'evolution: a merge is checked and becomes a job',
    async run(world) {
      await addModels(world)
      await world.visit('evolution/merge', async (page) => {
        await page.getByLabel('Recipe', { exact: true }).fill(MERGE.replace('evolving-too', 'nobody'))
        await page.getByRole('button', { name: 'Check' }).click()
        await page.getByText('Not among the models of this node: nobody.').waitFor()
        await page.getByLabel('Recipe', { exact: true }).fill(MERGE)
        await page.getByLabel(/^Id of the new model/).fill('evolving-merged')
        await page.getByRole('button', { name: 'Check' }).click()
        await page.getByRole('button', { name: 'Merge', exact: true }).click()
        await page.waitForURL(/#jobs\//)
        await page.goto(`${new URL(page.url()).origin}/#evolution/merge`)
        await page
          .getByRole('table', { name: 'Merges' })
          .getByRole('link', { name: 'evolving-merged' })
          .waitFor()
      })
    },
  },
  {
    name: 'evolution: two models are measured, and their layers compared',
    async run(world) {
      await addModels(world)
      await world.visit('evolution/geometry', async (page) => {
        await page.getByLabel('evolving', { exact: true }).check()
        await page.getByLabel('evolving-too', { exact: true }).check()
        await page.getByLabel('Texts at most').fill('30')
        await page.getByLabel('Synthetic sets for each fit').fill('2')
        await page.getByLabel('Points of the barrier').fill('3')
        await page.getByRole('button', { name: 'Measure', exact: true }).first().click()
        await page.getByRole('heading', { name: 'Geometry of evolving, evolving-too' }).waitFor()
        made.geometry = idIn(page)
        const map = page.getByRole('group', { name: /^Debiased CKA of evolving and evolving-too/ })
        await map.press('ArrowRight')
        await map.press('ArrowDown')
        await page.getByText(/ of evolving, .* of evolving-too: (-?\d\.\d\d|not known)$/).waitFor()
        await page
          .getByRole('group', { name: /^Intrinsic dimension by layer/ })
          .locator('canvas')
          .waitFor()
      })
    },
  },
  {
    name: 'evolution: self-evolution is turned on with a file of goals that was read first',
    async run(world) {
      const directory = await mkdtemp(path.join(tmpdir(), 'village-goals-'))
      try {
        const file = path.join(directory, 'goals.yaml')
        await writeFile(file, 'goals: []')
        const turnOn = async (page: Page) => {
          await page.getByLabel('File of goals on the daemon’s machine').fill(file)
          await page.getByRole('button', { name: 'Turn on' }).click()
          await page.getByRole('alert').getByText('SELF_EVOLUTION_GOALS_INVALID').waitFor()
          await writeFile(file, GOALS)
          await page.getByRole('button', { name: 'Turn on' }).click()
          await page.getByText('It is on from the next start of the daemon on.').waitFor()
        }
        await world.visit('evolution/self', turnOn, {
          node: 2,
          expected: /4\d\d \((Bad Request|Unprocessable)/,
        })
        const { config } = await world.nodes[2]!.client.get<{
          config: { key: string; value: unknown; nextValue: unknown }[]
        }>('/api/v1/config')
        const row = config.find(({ key }) => key === 'selfEvolution.enabled')!
        assert.equal([row.value, row.nextValue], [false, true])
      } finally {
        await rm(directory, { recursive: true, force: true })
      }
    },
  },
  {
    name: 'evolution: all views can be read on a desk and on a phone',
    run: (world) =>
      assertViews(world, [
        ['evolution', 'text=two in one'],
        [`evolution/runs/${made.run}`, '.chart canvas'],
        [`evolution/federations/${made.federation}`, '.chart canvas'],
        ['evolution/self', '#self-title'],
        [`evolution/geometry/${made.geometry}`, '.chart canvas'],
      ]),
  },
]
