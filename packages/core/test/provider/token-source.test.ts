import { expect, it, vi } from 'vitest';
import { maxTokenRequests, tokenSource } from '../../src/provider/token-source.ts';

it('a page with a hundred chats asks for a few tokens at a time, and gets all of them, whatever fails in between', async () => {
  let open = 0;
  let most = 0;
  const source = tokenSource(async (_path, body) => {
    most = Math.max(most, ++open);
    await new Promise((resolve) => setTimeout(resolve, 1));
    open--;
    const { chatId } = body as { chatId: string };
    if (chatId.endsWith('7')) throw new Error('refused');
    return Response.json({ token: chatId });
  });
  const chats = Array.from({ length: 100 }, (_, index) => `chat-${index}`);
  const outcomes = await Promise.allSettled(chats.map((chat) => source(chat)));
  expect(most).toBe(maxTokenRequests);
  expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(10);
  expect(outcomes[99]).toMatchObject({ value: 'chat-99' });
});

it('a chat that waits for its token hears of each step towards its turn', async () => {
  const answers: (() => void)[] = [];
  const source = tokenSource(async () => {
    await new Promise<void>((resolve) => answers.push(resolve));
    return Response.json({ token: 't' });
  });
  const steps = Array.from({ length: maxTokenRequests + 2 }, () => 0);
  const tokens = steps.map((_, index) =>
    source(`chat-${index}`, undefined, () => {
      steps[index] = (steps[index] as number) + 1;
    }),
  );
  expect(steps).toEqual(steps.map(() => 1));
  answers[0]?.();
  await tokens[0];
  expect(steps.slice(maxTokenRequests)).toEqual([2, 2]);
  answers[1]?.();
  await tokens[1];
  expect(steps.slice(maxTokenRequests)).toEqual([2, 3]);
  for (let answered = 2; answered < steps.length; answered += 1) {
    await vi.waitUntil(() => answers.length > answered);
    answers[answered]?.();
  }
  await Promise.all(tokens);
});

it('a response without a token is an error of the protocol, which is final', async () => {
  const source = tokenSource(async () => Response.json({}));
  await expect(source('c')).rejects.toMatchObject({ code: 'protocol', retryable: false });
});
