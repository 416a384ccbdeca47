import type { ChannelListener } from '@chat-transport/core/provider';
import { until } from '@chat-transport/local-services';

type Heard = [what: 'live' | 'down' | 'failed', detail?: unknown] | [what: 'message', data: string];

/** A listener that writes down what it hears. */
export interface Ear {
  readonly heard: Heard[];
  readonly listener: ChannelListener;
  readonly messages: string[];
  count(what: Heard[0]): number;
  /** Waits until it has heard something so often. */
  hears(what: Heard[0], times?: number): Promise<void>;
}

export function ear(): Ear {
  const heard: Heard[] = [];
  const count = (what: Heard[0]): number => heard.filter(([each]) => each === what).length;
  return {
    heard,
    count,
    get messages() {
      return heard.flatMap(([what, data]) => (what === 'message' ? [String(data)] : []));
    },
    hears: async (what, times = 1) => {
      await until(
        `${what}, ${times} times`,
        () => count(what) >= times,
        () => heard,
      );
    },
    listener: {
      onLive: () => heard.push(['live']),
      onMessage: (data) => heard.push(['message', data]),
      onInterrupted: (reason) => heard.push(['down', `${reason}`]),
      onFailed: (error) => heard.push(['failed', error.code]),
    },
  };
}
