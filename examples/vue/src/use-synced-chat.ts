import { Chat } from '@ai-sdk/vue';
import { type ChatReport, type RealtimeChatTransport, type SyncedChat, syncChat } from '@chat-transport/core';
import { onUnmounted, type ShallowRef, shallowRef } from 'vue';

/** Of the messages that `@ai-sdk/vue` knows: it brings its own copy of `ai`. */
type OwnChat = InstanceType<typeof Chat>;

/** A chat of the AI SDK that is kept synchronized with the chat's other devices while the component lives. */
export function useSyncedChat(options: { readonly id: string; readonly transport: RealtimeChatTransport }): {
  readonly chat: OwnChat;
  readonly synced: SyncedChat;
  readonly report: Readonly<ShallowRef<ChatReport>>;
} {
  const chat: OwnChat = new Chat(options);
  const synced = syncChat(chat, options.transport);
  const report = shallowRef(synced.getReport());
  const unsubscribe = synced.subscribe(() => {
    report.value = synced.getReport();
  });
  onUnmounted(() => {
    unsubscribe();
    synced(); // ends the synchronization; the chat and its runs go on
  });
  return { chat, synced, report };
}
