/** Seeds that failed once, each with what it showed. They run in every test. */
export const keptSeeds: readonly { readonly seed: number; readonly showed: string }[] = [
  { seed: 2, showed: 'a state request that nothing answered was waited for without end' },
  { seed: 16, showed: 'a send that was repeated cut what others had written meanwhile' },
  { seed: 18, showed: 'a state that was older than a regenerate put back what it had cut' },
  { seed: 19, showed: 'a page that had not read the chat yet cut all of it' },
  { seed: 125, showed: 'a stream waited for a run that its follower did not carry' },
  { seed: 337, showed: 'an ended run was streamed again behind a newer one' },
  { seed: 431, showed: 'onFinish was never called where the process that had claimed it died' },
  { seed: 5483, showed: 'a state took back what had streamed into an earlier message' },
  { seed: 8738, showed: 'a stream that was opened behind the end of its run waited for a frame that had fallen out' },
  { seed: 9068, showed: 'a chat was told that there is nothing to resume while it still read what was sent' },
  { seed: 13968, showed: 'a resume that met an older run freed a chat that was streaming' },
  { seed: 200794, showed: 'a run that was resumed before it was told of ended, and its question was never read' },
  { seed: 202873, showed: 'a state from before an answer took away its beginning' },
  { seed: 208634, showed: 'what followed a run was not asked for again when its answer broke off behind its end' },
  { seed: 302948, showed: 'an answer to an older tool call took over the run of another device' },
  { seed: 402407, showed: 'a stop was taken back by the resume of another run in the same moment' },
];
