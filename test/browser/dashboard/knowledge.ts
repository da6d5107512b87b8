/** The page of knowledge: a folder is indexed, searched and asked, citations open passages, also those of another member. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Page } from 'playwright-core'
import * as assert from 'uvu/assert'
import type { LocalNode } from '../../../scripts/localnet.ts'
import { assertViews, type DashboardCase } from '../../helpers/dashboard-world.ts'
import { LIBRARY } from '../../helpers/small-library.ts'

const CODA = '<img src=x onerror="document.title=1"> and <b>bold</b> words stay words.'

/** The small library as files, with one that is no text, and hands the folder to `run`. */
async function withLibrary(run: (folder: string) => Promise<void>): Promise<void> {
  const root = await mkdtemp(path.join(tmpdir(), 'village-shelf-'))
  const folder = path.join(root, 'shelf')
  await mkdir(folder)
  try {
    for (const { source, text } of LIBRARY) {
      const file = path.join(folder, source)
      await mkdir(path.dirname(file), { recursive: true })
      await writeFile(file, text)
    }
    await writeFile(path.join(folder, 'hostile.txt'), `The lighthouse keeper wrote: ${CODA}\n`)
    await writeFile(path.join(folder, 'broken.md'), Buffer.from([0x23, 0x00, 0xff, 0xfe, 0x00]))
    await run(folder)
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

/** Makes a collection of texts on a node, and waits until they are in. */
async function collectionOf(
  { client }: LocalNode,
  init: { name: string; access: string; files: Record<string, string> },
): Promise<string> {
  const { id } = await client.send<{ id: string }>('POST', '/api/v1/collections', {
    ...{ name: init.name, access: init.access, encoder: null, replicas: 0 },
  })
  const folder = await mkdtemp(path.join(tmpdir(), 'village-texts-'))
  try {
    for (const [name, text] of Object.entries(init.files)) await writeFile(path.join(folder, name), text)
    const run = await client.send<{ id: string }>('POST', `/api/v1/collections/${id}/index`, {
      paths: [folder],
    })
    for (;;) {
      const { state } = await client.get<{ state: string }>(`/api/v1/index-runs/${run.id}`)
      if (state === 'done') return id
      assert.ok(['waiting', 'running'].includes(state), state)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const seek = async (page: Page, what: 'Search' | 'Ask', words: string) => {
  const box = page.getByRole('region', { name: 'Search and ask' })
  await box.getByRole('group', { name: 'What to do' }).getByRole('button', { name: what }).click()
  await box.locator('input[name=text]').fill(words)
  await box.locator('input[name=text]').press('Enter')
}

export const KNOWLEDGE_CASES: readonly DashboardCase[] = [
  {
    name: 'knowledge: a folder is indexed, searched, asked, shown to the village and removed',
    run: (world) =>
      withLibrary(async (folder) => {
        await world.visit('knowledge', async (page) => {
          await page.getByRole('link', { name: 'Index a folder' }).first().click()
          await page.locator('textarea[name=paths]').fill(folder)
          assert.is(await page.locator('input[name=name]').getAttribute('placeholder'), 'shelf')
          await page.locator('input[name=vectors]').uncheck()
          await page.getByRole('button', { name: 'Index', exact: true }).click()
          await page.getByRole('heading', { name: 'shelf', level: 2 }).waitFor()
          const run = page.locator('.job', { hasText: folder })
          await run.locator('.state.done').waitFor()
          await run.getByText('broken.md').waitFor()
          const row = run.getByRole('row', { name: /broken\.md/ })
          assert.match((await row.textContent()) ?? '', /BINARY_FILE|FILE_/)
          assert.ok(((await row.locator('td').nth(2).textContent()) ?? '').length > 5, 'it says what to do')

          await page.getByRole('link', { name: 'Knowledge', exact: true }).last().click()
          await page.getByRole('table', { name: 'Collections' }).waitFor()
          await page.keyboard.press('/')
          await page.keyboard.type('lighthouse')
          await page.keyboard.press('Enter')
          const hits = page.locator('.hit')
          await hits.first().waitFor()
          assert.ok((await hits.locator('mark').count()) > 0, 'words are marked')
          assert.is(await page.locator('main b, main img').count(), 0, 'text of documents is text')
          assert.match(
            await page
              .getByRole('status')
              .allTextContents()
              .then((all) => all.join()),
            /this node/,
          )
          await hits.first().getByText('Why it is here').click()
          await hits.first().getByRole('table', { name: 'What each word adds' }).waitFor()
          await page.locator('.hit-title').first().focus()
          if ((await hits.count()) > 1) {
            await page.keyboard.press('ArrowDown')
            assert.is(
              await page.evaluate(
                '[...document.querySelectorAll(".hit-title")].indexOf(document.activeElement)',
              ),
              1,
            )
          }
          await page.locator('.hit', { hasText: 'hostile' }).locator('.hit-title').click()
          await page.locator('.passage-text mark').first().waitFor()
          await page.getByText(CODA).waitFor()
          await page.goBack()
          await hits.first().waitFor()

          await page.getByRole('link', { name: 'Knowledge', exact: true }).first().click()
          await page.getByRole('table', { name: 'Collections' }).getByRole('link', { name: 'shelf' }).click()
          await page.getByRole('radio', { name: /^village/ }).click()
          const question = page.getByRole('dialog', { name: /Show shelf to the village/ })
          await question.waitFor()
          await question.getByRole('button', { name: 'Leave it private' }).click()
          await page.getByRole('radio', { name: /^private/, checked: true }).waitFor()
          await page.getByRole('radio', { name: /^village/ }).click()
          await question.getByRole('button', { name: 'Make it village' }).click()
          await page.getByRole('radio', { name: /^village/, checked: true }).waitFor()

          await page.getByRole('button', { name: 'Remove the collection' }).click()
          await page.getByRole('button', { name: 'Remove it' }).last().click()
          await page.getByRole('heading', { name: /Collections/ }).waitFor()
          await page
            .getByRole('table', { name: 'Collections' })
            .getByRole('link', { name: 'shelf' })
            .waitFor({ state: 'detached' })
        })
      }),
  },
  {
    name: 'knowledge: an answer cites, its citation opens the passage with another member, and what is not there is not known',
    async run(world) {
      const [first, second] = world.nodes as [LocalNode, LocalNode]
      await collectionOf(second, {
        ...{ name: 'harbour', access: 'village' },
        files: {
          'crane.md':
            '# The crane\n\nThe harbour crane lifts forty tonnes. It was built in 1931 by the Norvik shipyard.\n\n## Care\n\nIts cable is greased every second Tuesday.',
          'tide.md': '# Tides\n\nThe spring tide in the harbour rises by three metres.',
        },
      })
      const known = async () =>
        (
          await first.client.get<{ collections: { name: string; holdersPresent: number }[] }>(
            '/api/v1/knowledge/collections',
          )
        ).collections.some(({ name, holdersPresent }) => name === 'harbour' && holdersPresent > 0)
      while (!(await known())) await new Promise((resolve) => setTimeout(resolve, 50))
      await world.visit(
        'knowledge',
        async (page) => {
          await page
            .getByRole('row', { name: /harbour/ })
            .getByText('node-2')
            .waitFor()
          await seek(page, 'Ask', 'How much does the harbour crane lift?')
          const answer = page.locator('.answer')
          await answer.getByText('forty tonnes').waitFor()
          await page
            .getByText(/Evidence \d+%/)
            .first()
            .waitFor()
          await answer.getByRole('link', { name: /Source 1/ }).click()
          await page.getByText('It lies with another member').waitFor()
          assert.match((await page.locator('.passage-text mark').first().textContent()) ?? '', /forty tonnes/)
          assert.match(page.url(), /#knowledge\/harbour%40/)
          // The address alone is enough.
          await page.reload()
          await page.locator('.passage-text mark', { hasText: 'forty tonnes' }).waitFor()
          await page.goBack()
          await answer.getByText('forty tonnes').waitFor()
          await seek(page, 'Ask', 'Who painted the ceiling of the Vatican chapel in Rome?')
          await page.getByRole('heading', { name: 'I don’t know' }).waitFor()
          await seek(page, 'Search', 'zzyzx')
          await page.getByText('Nothing was found').waitFor()
          await page.getByText('Choices').click()
          await page.locator('textarea[name=filters]').fill('nonsense')
          await seek(page, 'Search', 'crane')
          await page.getByRole('alert').getByText('INVALID_ARGUMENT').waitFor()
        },
        { expected: /400/ },
      )
    },
  },
  {
    name: 'knowledge: it fits a desk and a phone, in light and dark, and everybody can use it',
    async run(world) {
      await collectionOf(world.nodes[0]!, {
        ...{ name: 'garden', access: 'private' },
        files: {
          'beans.md': '# Beans\n\nRunner beans climb. Sow them in May, when the frost is over.',
          'roses.md':
            '# Roses\n\nRoses want sun, and pruning in March.\n\n## Pests\n\nGreenfly come in June.',
        },
      })
      await assertViews(world, [
        ['knowledge', '[aria-label="Collections"]'],
        ['knowledge/~search/beans%20frost', '.hit'],
        ['knowledge/~ask/When%20are%20runner%20beans%20sown%3F', '.sources-title'],
        ['knowledge/garden', '.job .state.done'],
        ['knowledge/~add', 'form.narrow'],
      ])
    },
  },
]
