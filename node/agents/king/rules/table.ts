/** The rules in the order in which they are asked: what is told by its own words first, what takes any question last. */
import { calculating, embedding, generating, listingFiles, programming, reading, writing } from './file-rules.ts'
import { asking, indexing, listingCollections, searching } from './knowledge-rules.ts'
import { adding, amending, comparing, compressing, evaluating, measuringGeometry, merging, pulling, training, waitedFor } from './model-rules.ts'
import { impossible, remembering } from './person-rules.ts'
import type { Rule } from './rule.ts'
import { clock, jobs, listedModels, members, namedJob, overview, rounds, status } from './work-rules.ts'

export const RULES: readonly Rule[] = [
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
  generating,
  calculating,
  reading,
  listingFiles,
  listingCollections,
  searching,
  members,
  clock,
  status,
  listedModels,
  impossible,
  asking,
]
