/** The rules in the order in which they are asked: what is told by its own words first, what takes any question last. */
import { amending, compressing, merging, training } from './build-rules.ts'
import { reckoningFile, reckoningOn } from './figure-rules.ts'
import { listingFiles, reading, writing } from './file-rules.ts'
import { indexing } from './indexing-rule.ts'
import { asking, listingCollections, searching } from './knowledge-rules.ts'
import { comparing, evaluating, measuringGeometry } from './measure-rules.ts'
import { adding, pulling, waitedFor } from './model-rules.ts'
import { askingFurther, supposing } from './open-questions.ts'
import { listedModels, overview } from './overview-rules.ts'
import { impossible, remembering } from './person-rules.ts'
import { calculating, programming, solvable } from './program-rules.ts'
import type { Rule } from './rule.ts'
import { embedding, generating } from './text-rules.ts'
import { clock, jobs, members, namedJob, rounds, status } from './work-rules.ts'

export const RULES: readonly Rule[] = [
  supposing,
  askingFurther,
  amending,
  overview,
  remembering,
  programming,
  writing,
  training,
  compressing,
  merging,
  pulling,
  indexing,
  adding,
  measuringGeometry,
  embedding,
  comparing,
  evaluating,
  waitedFor,
  jobs,
  rounds,
  namedJob,
  reckoningFile,
  generating,
  reckoningOn,
  calculating,
  reading,
  listingFiles,
  listingCollections,
  searching,
  members,
  clock,
  status,
  solvable,
  listedModels,
  impossible,
  asking,
]
