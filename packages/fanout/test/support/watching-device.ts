import { TestChat } from '@chat-transport/contract';
import { syncChat } from '@chat-transport/core';
import { until } from '@chat-transport/local-services';
import { onTestFinished } from 'vitest';
import { FanoutChatTransport, type FanoutChatTransportOptions } from '../../src/index.ts';
import { type CarrierName, carriers, type PushpinService } from './pushpin-service.ts';

/** A device that has a chat open. */
export interface WatchingDevice {
  readonly chat: TestChat;
  readonly transport: FanoutChatTransport;
  /** Which way it reads. */
  path(): string | null;
  /** Waits until the newest message is `text`. */
  reads(text: string): Promise<void>;
  /** Waits until no answer is written. */
  idles(): Promise<void>;
}

/** Opens a chat through Pushpin, on any number of devices, and waits until all follow it live. */
export async function watchingDevices(
  service: PushpinService,
  options: {
    readonly chatId: string;
    readonly carrier: CarrierName;
    readonly count?: number;
    readonly transport?: FanoutChatTransportOptions;
  },
): Promise<WatchingDevice[]> {
  const { chatId, carrier, count = 1 } = options;
  const api = `http://127.0.0.1:${service.pushpin.port}/api/chat`;
  const devices = Array.from({ length: count }, () => {
    const transport = new FanoutChatTransport({ api, carrier: carriers[carrier], ...options.transport });
    const chat = new TestChat({ id: chatId, transport });
    const ending = syncChat(chat, transport);
    onTestFinished(() => {
      ending();
      transport.close();
    });
    const sees = async (what: string, isSeen: () => boolean): Promise<void> => {
      await until(what, isSeen, () => chat.seen);
    };
    return {
      ...{ chat, transport },
      path: () => transport.connection(chatId).getSnapshot().path,
      reads: (text: string) => sees(`"${text}"`, () => chat.text === text),
      idles: () => sees('an idle device', () => chat.isIdle),
    };
  });
  const paths = (): unknown[] => devices.map(({ path }) => path());
  await until('devices that follow', () => paths().every((path) => path === 'realtime'), paths);
  return devices;
}
