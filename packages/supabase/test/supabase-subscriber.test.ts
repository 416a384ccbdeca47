import { systemClock } from '@chat-transport/core';
import { ChatTransportError } from '@chat-transport/core/provider';
import { type SupabaseRealtimeOptions, until } from '@chat-transport/local-services';
import type { SupabaseClient } from '@supabase/supabase-js';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type SupabaseSubscriberOptions, supabaseSubscriber } from '../src/index.ts';
import { type Ear, ear } from './support/ear.ts';
import {
  jwtSecret,
  openClient,
  openProject,
  type SupabaseProject,
  signToken,
  startProject,
  users,
} from './support/supabase-project.ts';

let project: SupabaseProject;
beforeAll(async () => {
  project = await startProject();
  for (const chatId of ['c1', 'c2']) await project.addChat(chatId);
});
afterAll(() => project.close());

const send = (frame: string, chatId = 'c1', at = project) =>
  at.database.query(`select realtime.send(jsonb_build_object('frame', $1::text), 'frame', $2::text, true)`, [
    frame,
    `chat:${chatId}`,
  ]);

async function client(
  token: () => Promise<string | null> = () => signToken(users.owner),
  at = project,
  heartbeatIntervalMs?: number,
): Promise<SupabaseClient> {
  const options = heartbeatIntervalMs === undefined ? {} : { heartbeatIntervalMs };
  const opened = await openClient(at.realtime.url, token, options);
  onTestFinished(() => void opened.realtime.disconnect());
  return opened;
}

/** Another Realtime on the same database. */
async function ownRealtime(options: Partial<SupabaseRealtimeOptions> = {}): Promise<SupabaseProject> {
  const own = await openProject(project.database, project.exec, options);
  onTestFinished(() => own.close());
  return own;
}

/** What a page has heard, in one line. */
const lineOf = (page: Pick<Ear, 'heard'> | undefined) => String(page?.heard.map(([what]) => what));
/** Whether a page that was live has been interrupted: until then its tokens are short, however often they are asked for. */
const wasCut = (page: Pick<Ear, 'heard'> | undefined) => /live.*down/.test(lineOf(page));

/** Follows a chat until the test is over, or until the answered function is called. */
function follow(
  options: SupabaseSubscriberOptions,
  chatId = 'c1',
  post: (path: string, body: object) => Promise<Response> = () => Promise.reject(new Error('There is no server.')),
) {
  const heard = ear();
  const controller = new AbortController();
  onTestFinished(() => controller.abort());
  supabaseSubscriber(options, { clock: systemClock, post }).subscribe(chatId, heard.listener, controller.signal);
  return {
    ...heard,
    get messages() {
      return heard.messages;
    },
    leave: () => controller.abort(),
  };
}

describe('a subscription', () => {
  it('brings what the database sends, byte for byte and in order', async () => {
    const page = follow({ client: await client() });
    await page.hears('live');
    const frames = [
      '{"v":1,"delta":"Ünï 😀 \\" \\\\ \\u0000 \\ud83d"}',
      '{"z":1,"a":2,"__proto__":{"a":1},"n":1e+21,"f":1.0}',
      'no JSON',
    ];
    for (const frame of frames) await send(frame);
    await page.hears('message', frames.length);
    expect(page.messages).toEqual(frames);
  });

  it('takes nothing of another member for a frame', async () => {
    const page = follow({ client: await client() });
    await page.hears('live');
    const attacker = await client();
    const channel = attacker.channel('chat:c1', { config: { private: true } });
    await attacker.realtime.setAuth();
    channel.subscribe();
    await until('a member', () => channel.state === 'joined');
    await channel.send({ type: 'broadcast', event: 'frame', payload: { frame: 'forged' } });
    await send('real');
    await page.hears('message');
    expect(page.messages).toEqual(['real']);
  });

  it('has several chats on one client, and leaves the others alone', async () => {
    const shared = await client();
    const [first, second, again] = [
      follow({ client: shared }),
      follow({ client: shared }, 'c2'),
      follow({ client: shared }),
    ];
    await Promise.all([first.hears('live'), second.hears('live'), again.hears('live')]);
    first.leave();
    await send('one');
    await send('two', 'c2');
    await Promise.all([again.hears('message'), second.hears('message')]);
    expect([first.messages, second.messages, again.messages]).toEqual([[], ['two'], ['one']]);
    again.leave();
    const back = follow({ client: shared });
    await back.hears('live');
    await send('three');
    await send('four', 'c2');
    await Promise.all([back.hears('message'), second.hears('message', 2)]);
    expect(second.heard.map(([what]) => what)).toEqual(['live', 'message', 'message']);
    expect(
      shared
        .getChannels()
        .map(({ topic }) => topic)
        .sort(),
    ).toEqual(['realtime:chat:c1', 'realtime:chat:c2']);
  });

  it('leaves a channel of the app on the same client open', async () => {
    const shared = await client();
    const states: string[] = [];
    shared.channel('of the app').subscribe((state) => states.push(state));
    const page = follow({ client: shared });
    await page.hears('live');
    page.leave();
    await until('one channel', () => shared.getChannels().length === 1);
    expect(states).toEqual(['SUBSCRIBED']);
  });
});

describe('an interruption', () => {
  it('of Realtime ends, and the page is live again', async () => {
    const own = await ownRealtime();
    const page = follow({ client: await client(undefined, own) });
    await page.hears('live');
    await own.realtime.kill();
    await page.hears('down');
    await send('lost', 'c1', own);
    await own.realtime.start();
    await page.hears('live', 2);
    await send('heard', 'c1', own);
    await page.hears('message');
    expect(page.messages).toEqual(['heard']);
  });

  it('by a token that is over ends with a new token', async () => {
    let page: ReturnType<typeof follow> | undefined;
    // Nothing but the end of the token may bring the second subscription.
    const own = await client(() => signToken(users.owner, wasCut(page) ? 3600 : 3), project, 60_000);
    page = follow({ client: own, checkAfterMs: 60_000 });
    await until(
      'an interruption and its end',
      () => /live.*down.*live/.test(lineOf(page)),
      () => page?.heard,
    );
    expect(lineOf(page)).not.toContain('failed');
  });

  it('does not come for a user whose access was taken back, who hears the chat until the token ends', async () => {
    await project.addChat('lent');
    const page = follow({ client: await client(() => signToken(users.owner, 3)) }, 'lent');
    await page.hears('live');
    await project.exec(`delete from public.chats where id = 'lent'`);
    await send('still heard', 'lent');
    await page.hears('failed');
    expect(page.heard.at(-1)).toEqual(['failed', 'forbidden']);
    await send('not heard any more', 'lent');
    expect(page.messages).not.toContain('not heard any more');
  });

  it('does not carry a stale token: after a sleep the page joins with a fresh one', async () => {
    const own = await ownRealtime();
    // The token is good for a moment, and Realtime is down until it is over.
    let isAsleep = true;
    const page = follow({ client: await client(() => signToken(users.owner, isAsleep ? 6 : 3600), own) });
    await page.hears('live');
    const before = Date.now();
    await own.realtime.kill();
    await until('an end of the token', () => Date.now() - before > 6_100);
    isAsleep = false;
    await own.realtime.start();
    await page.hears('live', 2);
    expect(page.heard.filter(([what]) => what === 'down')).toHaveLength(1);
  });

  it('by the rate limit ends, and the log is read for messages that were dropped silently', async () => {
    const own = await ownRealtime({ messagesPerSecond: 10, rateTickMs: 200 });
    const page = follow({ client: await client(undefined, own), checkAfterMs: 300 });
    await page.hears('live');
    let sent = 0;
    await until('a row that was dropped', async () => {
      await send(`${sent++}`, 'c1', own);
      return page.messages.length < sent - 40;
    });
    // Silence is answered by a look at the log.
    const lives = page.count('live');
    await page.hears('live', lives + 1);
  });
});

describe('who may listen', () => {
  it('is the owner by the session’s token, and neither a stranger nor somebody without a session', async () => {
    const owner = follow({ client: await client() });
    const stranger = follow({ client: await client(() => signToken(users.stranger)) });
    const anon = follow({ client: await client(async () => null) });
    const unknown = follow({ client: await client() }, 'nobodys');
    await Promise.all([owner.hears('live'), ...[stranger, anon, unknown].map((page) => page.hears('failed'))]);
    await send('secret');
    await owner.hears('message');
    for (const page of [stranger, anon, unknown]) expect(page.heard).toEqual([['failed', 'forbidden']]);
  });

  const signFor = (topic: string, expiresInSeconds = 60) =>
    new SignJWT({ role: 'anon', topic })
      .setProtectedHeader({ alg: 'HS256' })
      .setExpirationTime(Math.floor(Date.now() / 1000) + expiresInSeconds)
      .sign(new TextEncoder().encode(jwtSecret));

  it('is the bearer of a token that the chat server signs for this chat, on a client that nobody is logged in to', async () => {
    const shared = await client(async () => null);
    const asked: unknown[] = [];
    const post = async (path: string, body: object) => {
      asked.push([path, body]);
      return Response.json({ token: await signFor('chat:c1', wasCut(page) ? 60 : 3) });
    };
    let page: ReturnType<typeof follow> | undefined;
    page = follow({ client: shared, tokenFrom: 'server' }, 'c1', post);
    const other = follow({ client: shared, tokenFrom: 'server' }, 'c2', post);
    await other.hears('failed');
    expect(asked[0]).toEqual(['/auth', { chatId: 'c1' }]);
    await until(
      'an interruption and its end',
      () => /live.*down.*live/.test(lineOf(page)),
      () => page?.heard,
    );
    await send('after the first token');
    await page.hears('message');
  });

  it('is nobody when the chat server refuses, and is asked again when it fails', async () => {
    const shared = await client(async () => null);
    const refused = follow({ client: shared, tokenFrom: 'server' }, 'c1', () =>
      Promise.reject(new ChatTransportError({ code: 'forbidden', message: 'no' })),
    );
    await refused.hears('failed');
    let asked = 0;
    const failing = follow({ client: shared, tokenFrom: 'server' }, 'c1', async () => {
      if (asked++ === 0) throw new ChatTransportError({ code: 'provider-failed', message: 'later' });
      return Response.json({ token: await signFor('chat:c1') });
    });
    await failing.hears('live');
    expect(failing.heard.map(([what]) => what)).toEqual(['down', 'live']);
  });
});
