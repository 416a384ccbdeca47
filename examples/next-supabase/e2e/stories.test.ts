import type { DeviceOptions } from '@chat-transport/example-support/device';
import { describeStories, wholeCount } from '@chat-transport/example-support/stories';
import { createClient } from '@supabase/supabase-js';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { startExample, startProject } from '../scripts/example.ts';

/** Shorter than an answer, so that the page's token expires while one is written. */
const shortTokenSeconds = 4;

const stage = describeStories('Realtime', async () => {
  const project = await startProject();
  return {
    realtime: Object.assign(project.realtime, { project, signUp: () => signUp(project) }),
    startServer: (port) => startExample(port, project),
    async newChat() {
      const user = await signUp(project);
      const { data } = await user.client
        .from('chats')
        .insert({ id: crypto.randomUUID() })
        .select()
        .single()
        .throwOnError();
      return { id: data.id as string, signIn: user.signIn };
    },
    close: () => project.close(),
  };
});

it('keeps a stranger out, who has an account and knows the address', async () => {
  const both = await stage.devices();
  const stranger = await stage.realtime.signUp();
  const page = await openPage(both.asking.page.url(), stranger);
  await both.asking.send('secret');
  const [, answer] = await stage.sameOnBoth(both);
  expect(answer?.endsWith(`:${wholeCount}`)).toBe(true);
  await page.getByTestId('connection').getByText('refused').waitFor();
  expect(await page.getByTestId('message').count()).toBe(0);
  expect(await page.textContent('body')).not.toContain('secret');
});

it('shows nothing of a chat to the user who signs in on the same page next', async () => {
  const both = await stage.devices();
  await both.asking.send('secret');
  await stage.sameOnBoth(both);
  const { page } = both.asking;
  await both.asking.press('Sign out');
  await (await stage.realtime.signUp()).signIn(page);
  await page.getByText('You do not have access to this chat.').waitFor();
  expect(await page.getByTestId('message').count()).toBe(0);
  expect(await page.textContent('body')).not.toContain('secret');
});

it('shows a stranger no chats in the list, and the owner each of them', async () => {
  const { asking } = await stage.devices();
  const list = new URL('/', asking.page.url()).href;
  await asking.page.goto(list);
  await expect.poll(() => asking.page.getByRole('listitem').count()).toBe(1);
  const page = await openPage(list, await stage.realtime.signUp());
  await page.getByRole('heading', { name: 'Your chats' }).waitFor();
  await page.getByRole('button', { name: 'New chat' }).click();
  await page.getByRole('textbox', { name: 'Message' }).waitFor();
  await page.goto(list);
  await expect.poll(() => page.getByRole('listitem').count()).toBe(1);
});

it('goes on when the session of the page expires in mid-answer', async () => {
  stage.realtime.project.issueTokensFor(shortTokenSeconds);
  try {
    const both = await stage.devices();
    await both.asking.send('hello');
    await both.watching.reads(' 10 ');
    const messages = await stage.sameOnBoth(both);
    expect(messages[1]?.endsWith(`:${wholeCount}`)).toBe(true);
    await both.watching.send('again');
    expect(await stage.sameOnBoth(both)).toHaveLength(4);
  } finally {
    stage.realtime.project.issueTokensFor(3_600);
  }
});

/** A page where a person is signed in, which may show no chat. */
async function openPage(address: string, { signIn }: Required<Pick<DeviceOptions, 'signIn'>>): Promise<Page> {
  const page = await (await stage.browser.newContext()).newPage();
  await page.goto(address);
  await signIn(page);
  return page;
}

/** A new user of the project. */
async function signUp(project: { readonly url: string; readonly anonKey: string }) {
  const credentials = { email: `${crypto.randomUUID()}@example.com`, password: crypto.randomUUID() };
  const client = createClient(project.url, project.anonKey, { auth: { persistSession: false } });
  const { error } = await client.auth.signUp(credentials);
  if (error) throw error;
  const signIn = async (page: Page): Promise<void> => {
    await page.getByRole('textbox', { name: 'Email' }).fill(credentials.email);
    await page.getByRole('textbox', { name: 'Password' }).fill(credentials.password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  };
  return { client, signIn };
}
