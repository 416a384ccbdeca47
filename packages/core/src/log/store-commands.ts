import { ChatTransportError } from '../errors.ts';
import { type Changes, claimKind, type Decision, type Facts, type Need } from './log-store.ts';
import {
  type CommandReceipt,
  maxClaimsPerChat,
  maxOpenSteersLength,
  maxOpenSteersPerRun,
  maxSteersPerRun,
  parkedCommandsPerChat,
  parkedCommandTtlMs,
  type RunCommand,
  type RunKey,
  type RunLog,
  type SteerCommand,
} from './run-log.ts';
import { endOf, nextChangeAt } from './run-row.ts';
import { lostChange, type StoreContext } from './store-context.ts';

const accepted: CommandReceipt = { outcome: 'accepted' };
const delivered: CommandReceipt = { outcome: 'delivered' };
const ended: CommandReceipt = { outcome: 'not-delivered', reason: 'ended' };
const unknown: CommandReceipt = { outcome: 'not-delivered', reason: 'unknown' };

/** The claims by which one process takes care of a run's end. */
const finishing = 'finish:';

/** The calls that clients cause: commands and claims. */
export function storeCommands(context: StoreContext): Pick<RunLog, 'command' | 'receipt' | 'claim'> {
  const { transact, wait, retentionMs } = context;
  return {
    command: (key, command) => {
      const { chatId, runId } = key;
      const { id } = command;
      if (command.type === 'steer') {
        return transact(chatId, { run: runId, steer: id, steerCounts: true }, (facts) => steer(key, command, facts));
      }
      return transact(chatId, { run: runId, parked: true }, (facts) => cancel(key, command, facts));
    },

    receipt: (key, id, options = {}) => {
      const need: Need = { run: key.runId, steer: id, parked: true };
      return wait(
        { chatId: key.chatId, topic: 'changes' },
        () => need,
        (facts, last) => {
          const value = receiptOf(key, id, facts);
          if (last || value.outcome !== 'accepted') return { done: true, value };
          return { done: false, againInMs: facts.run && nextChangeAt(facts.run, facts.now) - facts.now };
        },
        options,
      );
    },

    claim: (chatId, name, owner, ttlMs) => {
      const run = name.startsWith(finishing) ? { run: name.slice(finishing.length) } : {};
      return transact(chatId, { ...run, claim: name }, (facts) => {
        const { now, deletedTurn, claim } = facts;
        if ('run' in run && deletedTurn > 0 && (facts.run?.turn ?? 0) <= deletedTurn) return { answer: false };
        const isAlive = claim !== undefined && claim.until > now;
        if (isAlive && claim.owner !== owner) return { answer: false };
        if (!isAlive && !('run' in run) && facts.claimCount >= maxClaimsPerChat) {
          throw limited(`The chat has ${maxClaimsPerChat} claims "${claimKind(name)}" already.`);
        }
        return { answer: true, changes: { claim: { name, owner, until: now + Math.min(ttlMs, retentionMs) } } };
      });
    },
  };
}

function cancel(key: RunKey, { id }: RunCommand, facts: Facts): Decision<CommandReceipt> {
  const { run: row, now } = facts;
  const { runId } = key;
  if (!row) return park(key, id, facts);
  if (row.cancelIds.includes(id)) return { answer: delivered };
  if (endOf(row, now)) return { answer: ended, changes: lostChange(row, facts) };
  const end = { reason: 'cancel', at: now } as const;
  return { answer: delivered, changes: { ends: [{ runId, end, cancelIds: [...row.cancelIds, id] }] } };
}

function park({ runId }: RunKey, id: string, { parked, now }: Facts): Decision<CommandReceipt> {
  const waiting = parked.filter(({ at }) => at > now - parkedCommandTtlMs);
  if (waiting.some((other) => other.runId === runId && other.id === id)) return { answer: accepted };
  if (waiting.length >= parkedCommandsPerChat) {
    throw limited(`${parkedCommandsPerChat} cancels of runs that have not begun wait in this chat already.`);
  }
  return { answer: accepted, changes: { parked: [...waiting, { runId, id, at: now }] } };
}

function steer({ runId }: RunKey, command: SteerCommand, facts: Facts): Decision<CommandReceipt> {
  const { run: row, steer: known } = facts;
  if (!row) throw new ChatTransportError({ code: 'not-found', message: `The chat has no run ${runId} to steer.` });
  if (known?.receipt) return { answer: known.receipt };
  if (endOf(row, facts.now)) return { answer: ended, changes: lostChange(row, facts) };
  if (known) return { answer: accepted };
  const { id } = command;
  const addSteer: Changes['addSteer'] = { runId, id, command: JSON.stringify(command) };
  refuseTooMany(facts, addSteer.command.length);
  return { answer: accepted, changes: { addSteer } };
}

function refuseTooMany({ steerCounts }: Facts, length: number): void {
  const { all = 0, open = 0, openLength = 0 } = steerCounts ?? {};
  if (all >= maxSteersPerRun) throw limited(`The run has had ${maxSteersPerRun} steers already.`);
  if (open >= maxOpenSteersPerRun) {
    throw limited(`${maxOpenSteersPerRun} steers of this run wait already. Try again when it has taken some.`);
  }
  if (openLength + length <= maxOpenSteersLength) return;
  const message = `The steers that wait for this run would have ${openLength + length} characters together; the limit is ${maxOpenSteersLength}.`;
  throw new ChatTransportError({ code: 'too-large', message });
}

function receiptOf({ runId }: RunKey, id: string, facts: Facts): CommandReceipt {
  const { run: row, steer: known, now, parked } = facts;
  if (known?.receipt) return known.receipt;
  if (row?.cancelIds.includes(id)) return delivered;
  if (row && endOf(row, now)) return ended;
  if (known) return accepted;
  const isParked = parked.some(
    (other) => other.runId === runId && other.id === id && other.at > now - parkedCommandTtlMs,
  );
  return !row && isParked ? accepted : unknown;
}

function limited(message: string): ChatTransportError {
  return new ChatTransportError({ code: 'rate-limited', message });
}
