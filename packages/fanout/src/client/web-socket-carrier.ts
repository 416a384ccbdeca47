import type { Carrier } from './held-connection.ts';

/** Frames come over a WebSocket, which also carries commands. */
export const webSocketCarrier: Carrier = {
  isRepaired: false,
  carriesCommands: true,
  open({ url, webSocket, ...on }) {
    const socket = new (webSocket ?? WebSocket)(url.replace(/^http/, 'ws'));
    const close = (): void => {
      socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
      socket.close();
    };
    socket.onopen = on.onAlive;
    socket.onmessage = ({ data }) => {
      on.onAlive();
      on.onMessage(String(data));
    };
    socket.onclose = socket.onerror = (reason: unknown) => {
      close();
      on.onDown(reason);
    };
    return {
      send(data) {
        if (socket.readyState !== 1) return false;
        socket.send(data);
        return true;
      },
      close,
    };
  },
};
