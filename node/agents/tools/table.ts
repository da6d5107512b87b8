/** What agents can do on this node, a row each. Default deny: an agent has the rows that its own row names (agent.ts), and no other. */
import { createTwinTools, type TwinToolComponents } from '../twin/twin-tools.ts'
import { type BuildingComponents, buildingTools } from './building-tools.ts'
import { CALCULATE_TOOL } from './calculate-tool.ts'
import { type CodeToolComponents, codeRunTool } from './code-tool.ts'
import { type FileToolInit, fileTools } from './file-tools.ts'
import { jobTools } from './job-tools.ts'
import { createKnowledgeAskTool, type KnowledgeAskComponents } from './knowledge-ask.ts'
import { type KnowledgeToolComponents, knowledgeTools } from './knowledge-tools.ts'
import { type ModelToolComponents, modelTools } from './model-tools.ts'
import { type NodeToolComponents, type NodeToolInit, nodeTools } from './node-tools.ts'
import { type RoundToolComponents, roundTools } from './round-tools.ts'
import type { JobComponents } from './run-job.ts'
import type { Tool } from './tool.ts'

export type ToolComponents = KnowledgeToolComponents &
  KnowledgeAskComponents &
  ModelToolComponents &
  BuildingComponents &
  JobComponents &
  RoundToolComponents &
  NodeToolComponents &
  CodeToolComponents &
  TwinToolComponents

export interface ToolInit extends FileToolInit, NodeToolInit {}

/** All rows but those of external servers, which come and go (mcp-tools.ts). */
export function createTools(components: ToolComponents, init: ToolInit): Tool[] {
  return [
    ...knowledgeTools(components),
    createKnowledgeAskTool(components),
    ...modelTools(components),
    ...buildingTools(components),
    ...jobTools(components),
    ...roundTools(components),
    ...fileTools(init),
    ...nodeTools(components, init),
    ...createTwinTools(components),
    CALCULATE_TOOL,
    codeRunTool(components, init),
  ]
}
