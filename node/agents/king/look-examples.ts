/**
 * How people ask for what this node and its village say of themselves: sentences written for each look-only tool. look-tool.ts weighs words by
 * them, so a new way to ask is a new line here.
 */
export const LOOK_EXAMPLES: Readonly<Record<string, string>> = {
  node_status: `
    is this node under much load
    how heavily is this machine loaded now
    is my node healthy
    how is the machine doing
    does the computer have enough memory left
    how much disk space is free here
    which version am I running
    what version of the daemon is this
    how long has the node been up
    is the node taking work at the moment
    is everything all right with this machine
    give me the state of the node
    a quick health check of this machine
    is my node overworked
    is the node struggling
    how hard is this computer working
    is this node accepting work
    how many peers is this node connected to
    show me load and memory of this machine
    what is my node up to`,
  member_list: `
    who from the village is connected
    who is online
    who else is around
    is anybody there
    which people are in the village
    who belongs to this village
    how many of us are there in the village
    list everyone in the village
    name the members
    which members are offline
    is anyone else connected
    show me the roster of the village
    which computers of the village are reachable
    who is part of the network
    who has joined the village
    are there other people online
    which friends are connected now
    who are the members and what are their roles
    tell me who is here`,
  job_list: `
    which jobs are running
    what is in the queue
    did any jobs fail
    are there failed jobs
    what have you finished lately
    show the latest jobs
    anything still running
    which tasks are waiting
    how many jobs are pending
    what work is going on
    list the newest jobs
    did something fail overnight
    what is being worked on
    which jobs were cancelled
    are all jobs done
    what was done today`,
  round_list: `
    which runs of evolution are there
    list the rounds
    are any evolutions going on
    what evolution runs do we have
    show the runs of evolution
    how many rounds has the village run
    is an evolution under way
    which evolution runs does this node know
    any rounds lately
    what generations have the runs reached`,
  model_list: `
    which models are here
    what models do I have
    list my models
    show the language models
    do we have any encoders
    how many models are installed
    which model is the biggest
    what models are on this node
    name the models and their sizes
    which adapters are there
    show me every model by size
    is there a language model on this node`,
  knowledge_collections: `
    which collections are there
    what can be searched
    what have I indexed so far
    list the collections
    what is indexed on this node
    which libraries can I ask
    how many collections do we have
    what is searchable here
    which collections of other members can I search
    name everything that is indexed`,
  file_list: `
    which folders may you see
    what folders are granted
    which folders have you got access to
    list the granted folders
    where may you read and write files
    what files can you see
    which folders can agents use
    show me the folders you may open
    which of my folders are shared with you`,
  time_now: `
    what time is it
    what is the date today
    tell me the date
    which day of the week is it
    what day is today
    give me the time
    do you have the time
    what year is it
    how late is it
    which month are we in
    tell me today's date
    is it monday today
    what does the clock say
    today's date please`,
}
