import type { UseRealtimeChatHelpers } from '@chat-transport/core/react';
import { type ReactNode, useState } from 'react';
import {
  Button,
  FlatList,
  KeyboardAvoidingView,
  Platform,
  StyleSheet,
  Text,
  TextInput,
  useColorScheme,
  View,
} from 'react-native';

interface ChatScreenProps {
  readonly address: string;
  readonly chat: UseRealtimeChatHelpers;
}

/** One chat: the connection, its messages, what the server refused, and a field for the next message. */
export function ChatScreen({ address, chat }: ChatScreenProps): ReactNode {
  const { messages, sendMessage, stop, status, connection, unsent } = chat;
  const [text, setText] = useState('');
  const [failure, setFailure] = useState<string>();
  const colors = useColorScheme() === 'dark' ? dark : light;
  const isBusy = status === 'submitted' || status === 'streaming';
  const send = (): void => {
    if (!text.trim()) return;
    setText('');
    void sendMessage({ text });
  };
  const stopAnswer = (): void => {
    setFailure(undefined);
    stop().catch((reason: unknown) => setFailure(`Not stopped: ${sentenceOf(reason)}`));
  };
  return (
    <KeyboardAvoidingView
      behavior={Platform.OS === 'ios' ? 'padding' : 'height'}
      style={[styles.screen, { backgroundColor: colors.background }]}
    >
      <Text style={[styles.bar, { color: colors.faint }]} selectable>
        {connection.state}
        {connection.path && ` over ${connection.path}`}, {status}. The same chat in a browser: {address}
      </Text>
      <FlatList
        data={[...messages].reverse()}
        inverted
        keyExtractor={({ id }) => id}
        renderItem={({ item: { role, parts } }) => (
          <Text style={[styles.message, role === 'user' && styles.own, { color: colors.text }]}>
            {parts.map((part) => (part.type === 'text' ? part.text : ''))}
          </Text>
        )}
      />
      {connection.state === 'offline' && (
        <Text style={{ color: colors.alert }}>You are offline. What you miss arrives when you are back.</Text>
      )}
      {connection.state === 'refused' && <Text style={{ color: colors.alert }}>{connection.error.message}</Text>}
      {failure && <Text style={{ color: colors.alert }}>{failure}</Text>}
      {unsent.map(({ messageId, kind, state, error }) =>
        state === 'refused' ? (
          <View key={`${messageId} ${kind}`} style={styles.row}>
            <Text style={[styles.grow, { color: colors.alert }]}>Not sent: {sentenceOf(error)}</Text>
            <Button title="Send again" onPress={() => void chat.resend(messageId)} />
            <Button title="Discard" onPress={() => chat.discard(messageId)} />
          </View>
        ) : null,
      )}
      <View style={styles.row}>
        <TextInput
          accessibilityLabel="Message"
          onChangeText={setText}
          onSubmitEditing={send}
          placeholder="Message"
          placeholderTextColor={colors.faint}
          style={[styles.input, { borderColor: colors.faint, color: colors.text }]}
          value={text}
        />
        {isBusy ? <Button title="Stop" onPress={stopAnswer} /> : <Button title="Send" onPress={send} />}
      </View>
    </KeyboardAvoidingView>
  );
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const light = { background: '#fff', text: '#111', faint: '#666', alert: '#b3261e' };
const dark = { background: '#111', text: '#eee', faint: '#aaa', alert: '#ff8a80' };
const styles = StyleSheet.create({
  screen: { flex: 1, gap: 8, paddingBottom: 32, paddingHorizontal: 16, paddingTop: 56 },
  bar: { fontSize: 13 },
  message: { fontSize: 16, lineHeight: 24, marginVertical: 8 },
  own: { alignSelf: 'flex-end', maxWidth: '80%' },
  row: { alignItems: 'center', flexDirection: 'row', gap: 8 },
  grow: { flex: 1 },
  input: { borderRadius: 8, borderWidth: 1, flex: 1, fontSize: 16, padding: 8 },
});
