/** All routes of the API. Dashboard files are served beside them (dashboard-files.ts). */
import { A2A_ROUTES } from './a2a.ts'
import { AGENT_ROUTES } from './agents.ts'
import { APPROVAL_ROUTES } from './approvals.ts'
import { ARTIFACT_ROUTES } from './artifacts.ts'
import { BACKUP_ROUTES } from './backup.ts'
import { COLLECTION_ROUTES } from './collections.ts'
import { CONFIG_ROUTES } from './config.ts'
import { CONVERSATION_ROUTES } from './conversations.ts'
import { DECISION_ROUTES } from './decisions.ts'
import { EVALUATION_ROUTES } from './evaluations.ts'
import { FEDERATION_ROUTES } from './federations.ts'
import { GATEWAY_ROUTES } from './gateway.ts'
import { GENERATE_ROUTES } from './generate.ts'
import { INDEX_RUN_ROUTES } from './index-runs.ts'
import { JOB_ROUTES } from './jobs.ts'
import { KEY_ROUTES } from './keys.ts'
import { MCP_ROUTES } from './mcp.ts'
import { MCP_SERVER_ROUTES } from './mcp-servers.ts'
import { MODEL_ROUTES } from './models.ts'
import { NODE_ROUTES } from './node.ts'
import { PULL_ROUTES } from './pulls.ts'
import { RECIPE_ROUTES } from './recipes.ts'
import { RESOURCE_ROUTES } from './resources.ts'
import type { Route } from './route.ts'
import { RUN_ROUTES } from './runs.ts'
import { SEARCH_ROUTES } from './search.ts'
import { SEARCH_EVALUATION_ROUTES } from './search-evaluations.ts'
import { SELF_EVOLUTION_ROUTES } from './self-evolution.ts'
import { TWIN_ROUTES } from './twin.ts'
import { VILLAGE_ROUTES } from './village.ts'

export const ROUTES: readonly Route[] = [
  ...NODE_ROUTES,
  ...CONFIG_ROUTES,
  ...BACKUP_ROUTES,
  ...RESOURCE_ROUTES,
  ...KEY_ROUTES,
  ...VILLAGE_ROUTES,
  ...COLLECTION_ROUTES,
  ...INDEX_RUN_ROUTES,
  ...SEARCH_ROUTES,
  ...ARTIFACT_ROUTES,
  ...MODEL_ROUTES,
  ...PULL_ROUTES,
  ...GENERATE_ROUTES,
  ...GATEWAY_ROUTES,
  ...JOB_ROUTES,
  ...RUN_ROUTES,
  ...RECIPE_ROUTES,
  ...SELF_EVOLUTION_ROUTES,
  ...EVALUATION_ROUTES,
  ...FEDERATION_ROUTES,
  ...SEARCH_EVALUATION_ROUTES,
  ...AGENT_ROUTES,
  ...APPROVAL_ROUTES,
  ...DECISION_ROUTES,
  ...MCP_ROUTES,
  ...MCP_SERVER_ROUTES,
  ...A2A_ROUTES,
  ...CONVERSATION_ROUTES,
  ...TWIN_ROUTES,
]
