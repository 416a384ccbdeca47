import type { Edition } from './faults.ts';

interface KeptSeed {
  readonly seed: number;
  /** The edition of the stories in which it failed. */
  readonly edition: Edition;
  readonly showed: string;
}

/** Seeds that failed once, each with what it showed. They run in every test. */
export const keptSeeds: readonly KeptSeed[] = [
  { seed: 2, edition: 1, showed: 'a state request that nothing answered was waited for without end' },
  { seed: 16, edition: 1, showed: 'a send that was repeated cut what others had written meanwhile' },
  { seed: 18, edition: 1, showed: 'a state that was older than a regenerate put back what it had cut' },
  { seed: 19, edition: 1, showed: 'a page that had not read the chat yet cut all of it' },
  { seed: 125, edition: 1, showed: 'a stream waited for a run that its follower did not carry' },
  { seed: 337, edition: 1, showed: 'an ended run was streamed again behind a newer one' },
  { seed: 431, edition: 1, showed: 'onFinish was never called where the process that had claimed it died' },
  { seed: 5483, edition: 1, showed: 'a state took back what had streamed into an earlier message' },
  {
    seed: 8738,
    edition: 1,
    showed: 'a stream that was opened behind the end of its run waited for a frame that had fallen out',
  },
  {
    seed: 9068,
    edition: 1,
    showed: 'a chat was told that there is nothing to resume while it still read what was sent',
  },
  { seed: 13968, edition: 1, showed: 'a resume that met an older run freed a chat that was streaming' },
  { seed: 50910, edition: 1, showed: 'a resume freed a chat that had gone on by itself' },
  {
    seed: 71397,
    edition: 1,
    showed: 'a state request that nothing answered was waited for longer after each failure of another kind',
  },
  {
    seed: 200794,
    edition: 1,
    showed: 'a run that was resumed before it was told of ended, and its question was never read',
  },
  { seed: 202873, edition: 1, showed: 'a state from before an answer took away its beginning' },
  {
    seed: 208634,
    edition: 1,
    showed: 'what followed a run was not asked for again when its answer broke off behind its end',
  },
  { seed: 302948, edition: 1, showed: 'an answer to an older tool call took over the run of another device' },
  { seed: 402407, edition: 1, showed: 'a stop was taken back by the resume of another run in the same moment' },
  {
    seed: 717269,
    edition: 1,
    showed: 'a stream that was only awaited kept an older copy of its message from the state',
  },
  {
    seed: 832785,
    edition: 1,
    showed: 'a state had the app’s older copy of a message that the running answer was built on',
  },
  { seed: 8, edition: 2, showed: 'a message that steered a run was given up at the first failure of the server' },
  { seed: 75, edition: 2, showed: 'the outcome of a message that steered a run was lost with one failure of the log' },
  {
    seed: 198,
    edition: 2,
    showed: 'a client tool ran, and its output was shown, although the end of the run had closed its call',
  },
  {
    seed: 617,
    edition: 2,
    showed: 'a stopped message that was asked again with a later one stopped the answer to that one',
  },
  {
    seed: 263,
    edition: 4,
    showed: 'a send that waited, to go on with an answer that had others behind it, went on with the newest answer',
  },
  {
    seed: 3100409,
    edition: 3,
    showed: 'a message that steered a run was told as delivered, and was dropped where the run was handed over',
  },
  {
    seed: 3100178,
    edition: 3,
    showed: 'the sender of a run waited for it without end, because the chat was deleted before its first chunk',
  },
  {
    seed: 8002814,
    edition: 4,
    showed:
      'a message that steered a run was told as delivered by a process that had lost the run, and was in no answer',
  },
  {
    seed: 8002830,
    edition: 4,
    showed: 'the simulation took a stop for answered whose page was reloaded before the answer',
  },
  {
    seed: 8002998,
    edition: 4,
    showed: 'a resume that took the place of an earlier one was taken for a stop, and cancelled the run',
  },
  {
    seed: 8003693,
    edition: 4,
    showed: 'a process that stood still while it took a run over called its model although another one had the run',
  },
  {
    seed: 20000946,
    edition: 4,
    showed: 'the cancel of a message that a later send took along stopped the later one’s answer',
  },
  {
    seed: 20001885,
    edition: 4,
    showed: 'a device lacked a message that its user had discarded when the next send had taken it along',
  },
  {
    seed: 21001214,
    edition: 4,
    showed: 'a stop whose receipt came late stopped the next question',
  },
  {
    seed: 21001280,
    edition: 4,
    showed: 'a message on its way disappeared from its device because a later send was thought to have taken it along',
  },
  {
    seed: 849,
    edition: 5,
    showed: 'a chat was offline for ever because an older request failed once realtime was back',
  },
  {
    seed: 20001561,
    edition: 4,
    showed:
      'the simulation took a run for one without a model that recorded an approval of a message with others behind it',
  },
  {
    seed: 20003589,
    edition: 4,
    showed: 'an answer to a message of a deleted chat, sent again, went on with the newest answer',
  },
  {
    seed: 20004936,
    edition: 4,
    showed: 'an answer to a message that an edit had taken away, sent again, went on with the newest answer',
  },
  {
    seed: 21002713,
    edition: 4,
    showed: 'the simulation knew no second writer whose approved call ran in front of its start',
  },
  {
    seed: 22003407,
    edition: 5,
    showed: 'the simulation told the input of a failed call from the one that a replay brings: null, or none',
  },
  {
    seed: 24001574,
    edition: 5,
    showed: 'a device lacked its own question, which a later send had taken along and another device had cut away',
  },
  {
    seed: 22010282,
    edition: 4,
    showed: 'a device kept the answer that its regenerate had replaced, which had begun after it was stopped',
  },
  {
    seed: 26001471,
    edition: 5,
    showed: 'the simulation took a stop for told that the server had refused later',
  },
  {
    seed: 27000349,
    edition: 5,
    showed: 'a steer was told as not delivered whose chunk the log had, and its writer did not know',
  },
  {
    seed: 29003304,
    edition: 5,
    showed: 'a refused answer was sent again without itself, because a refused regenerate had taken it from the screen',
  },
  {
    seed: 31000225,
    edition: 5,
    showed:
      'a send that waited in one process, and came to another one behind a deletion, brought back what was deleted',
  },
  {
    seed: 32003333,
    edition: 5,
    showed: 'a page that knew of no deletion brought back earlier questions with its next one',
  },
  { seed: 28864, edition: 2, showed: 'a message that steered a run was told as not delivered, and was in the answer' },
  {
    seed: 20003168,
    edition: 4,
    showed: 'an approved call went on without end on the other devices, because its run was cancelled before it began',
  },
  {
    seed: 20003916,
    edition: 4,
    showed: 'the same, where the call was in an earlier message',
  },
  {
    seed: 20004366,
    edition: 4,
    showed: 'a run that went on with an earlier message, and was cut, closed the calls of the last one on its sender',
  },
  {
    seed: 21001069,
    edition: 4,
    showed:
      'a device showed its own approval, which was too late, and not the answer that had gone on behind the refusal',
  },
  {
    seed: 21001850,
    edition: 4,
    showed: 'a device lacked the output of an earlier call that its own send had brought into the log after a reload',
  },
  {
    seed: 22004648,
    edition: 5,
    showed: 'an approval whose run was cancelled before it began put back an answer that others had gone on with',
  },
  {
    seed: 22000640,
    edition: 5,
    showed:
      'a state lacked a part of the answer that the log had, because its process had not received the log’s reply',
  },
  {
    seed: 22003725,
    edition: 5,
    showed: 'a device kept a message of a deleted chat, because it could not take over the state that had the message',
  },
  {
    seed: 22005916,
    edition: 5,
    showed: 'a send that had waited brought back the question of a deleted answer in front of its own message',
  },
  {
    seed: 32002896,
    edition: 5,
    showed: 'the simulation took it for a fault that a question whose response was lost goes along with the next one',
  },
  {
    seed: 40002215,
    edition: 5,
    showed:
      'the simulation took a question that was stopped on its way for a refused one: another device had asked again',
  },
  {
    seed: 40006018,
    edition: 5,
    showed: 'the simulation took it for a fault that a cancel came while a finished answer was saved',
  },
  {
    seed: 40007247,
    edition: 5,
    showed: 'a message that was stopped, and sent again when its answer was over, left the chat waiting for ever',
  },
  {
    seed: 70003542,
    edition: 5,
    showed: 'a user who had lost access received an answer whose send had waited in the queue of another process',
  },
  {
    seed: 70004508,
    edition: 5,
    showed: 'the simulation took it for a fault that a stop met the run to which its send was joined meanwhile',
  },
  {
    seed: 70014264,
    edition: 5,
    showed: 'a device that had stopped a run of a deleted chat did not learn of the deletion',
  },
  {
    seed: 70016690,
    edition: 5,
    showed: 'a run that went on with an earlier message waited for ever for the approved calls of a later one',
  },
  {
    seed: 70018782,
    edition: 5,
    showed: 'a writer that woke up late said that a steer was not delivered, which its successor then delivered',
  },
  {
    seed: 71000424,
    edition: 5,
    showed: 'a message that had gone along with a later send came back after its chat was deleted',
  },
  {
    seed: 71015077,
    edition: 5,
    showed: 'a send whose response hung for a minute failed in the middle of a later answer',
  },
  {
    seed: 71021164,
    edition: 5,
    showed: 'a run that went on with an earlier message ran the approved calls of a later one',
  },
  {
    seed: 71024841,
    edition: 5,
    showed: 'the simulation took it for a fault that a cancel met the run to which a send was joined meanwhile',
  },
  {
    seed: 71029825,
    edition: 5,
    showed: 'a device that caught up was served a deleted run from memory, and kept the old chat',
  },
  {
    seed: 80008772,
    edition: 5,
    showed: 'a run whose response hung wrote its answer behind the edit that had cut it',
  },
  {
    seed: 80042186,
    edition: 5,
    showed: 'the simulation took it for too many requests that a chat went over to long-polling once',
  },
  {
    seed: 80061583,
    edition: 5,
    showed: 'a state took back the mere start of an answer that went on with a message, and nothing followed',
  },
  {
    seed: 80071156,
    edition: 5,
    showed: 'a device showed an answer to an approval as open, because an older run streamed over it',
  },
  {
    seed: 80075211,
    edition: 5,
    showed: 'a send whose response hung wrote an older answer over what had become of it',
  },
  {
    seed: 80091743,
    edition: 5,
    showed: 'a hung send that others had taken along streamed an older answer over the newest',
  },
  {
    seed: 80035793,
    edition: 5,
    showed:
      'the simulation took it for a fault that a user edited a stopped message, and sent it again behind a deletion',
  },
  {
    seed: 80054861,
    edition: 5,
    showed: 'a client tool ran on a device that had not sent its run, and not on the one that had',
  },
];
