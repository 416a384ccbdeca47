import { afterEach, expect, it, vi } from 'vitest';
import { RealtimeChatTransport } from '../../src/index.ts';
import { onWakeUp, wakeUp } from '../../src/provider/wake-up.ts';

afterEach(() => vi.unstubAllGlobals());

it('a page is woken by the network and by being shown, not while it is hidden, and not after it has stopped listening', () => {
  const page = new EventTarget();
  const document = { hidden: false };
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
  vi.stubGlobal('document', document);
  let wakes = 0;
  const stop = onWakeUp(() => wakes++);
  for (const type of ['online', 'pageshow', 'visibilitychange']) page.dispatchEvent(new Event(type));
  expect(wakes).toBe(3);
  document.hidden = true;
  for (const type of ['online', 'visibilitychange']) page.dispatchEvent(new Event(type));
  expect(wakes).toBe(3);
  document.hidden = false;
  stop();
  stop();
  page.dispatchEvent(new Event('online'));
  expect(wakes).toBe(3);
});

it('an app without a page wakes those who listen by itself, also where one of them stops listening because of it', () => {
  const woken: string[] = [];
  const stopFirst = onWakeUp(() => {
    woken.push('first');
    stopFirst();
  });
  const stopSecond = onWakeUp(() => woken.push('second'));
  wakeUp();
  wakeUp();
  stopSecond();
  wakeUp();
  expect(woken).toEqual(['first', 'second', 'second']);
});

it('a transport that no chat uses listens to nothing: a server may make one for each page that it renders', () => {
  const listen = vi.fn();
  vi.stubGlobal('addEventListener', listen);
  const transport = new RealtimeChatTransport();
  expect(listen).not.toHaveBeenCalled();
  transport.session('c');
  transport.session('d');
  expect(listen.mock.calls.map(([type]) => type)).toEqual(['online', 'pageshow', 'visibilitychange', 'offline']);
  transport.close();
});
