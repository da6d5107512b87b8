/** The dashboard in a real browser, over three real daemons in one village: each page's cases stand in a file of its own. */
import { suite } from 'uvu'
import { executablePath, startDashboardWorld } from '../helpers/dashboard-world.ts'
import { AGENTS_CASES } from './dashboard/agents.ts'
import { EVENTS_CASES } from './dashboard/events.ts'
import { EVOLUTION_CASES } from './dashboard/evolution.ts'
import { KNOWLEDGE_CASES } from './dashboard/knowledge.ts'
import { MEMBERS_CASES } from './dashboard/members.ts'
import { MODELS_CASES } from './dashboard/models.ts'
import { OVERVIEW_CASES } from './dashboard/overview.ts'
import { SETTINGS_CASES } from './dashboard/settings.ts'

const CASES = [
  ...AGENTS_CASES,
  ...EVOLUTION_CASES,
  ...OVERVIEW_CASES,
  ...MEMBERS_CASES,
  ...EVENTS_CASES,
  ...SETTINGS_CASES,
  ...KNOWLEDGE_CASES,
  ...MODELS_CASES,
]

const test = suite('dashboard')
if (executablePath === undefined) console.log('skipped: chromium is not installed')
const inBrowser = executablePath === undefined ? test.skip : test

let world: Awaited<ReturnType<typeof startDashboardWorld>>
test.before(async () => {
  if (executablePath !== undefined) world = await startDashboardWorld()
})
test.after(() => world?.stop())

/** Only the cases whose names fit this, for those who work on one page. */
const WANTED = new RegExp(process.env.VILLAGE_DASHBOARD ?? '')
for (const { name, run } of CASES) if (WANTED.test(name)) inBrowser(name, () => run(world))
test.run()
