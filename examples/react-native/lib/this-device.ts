import { uuid } from 'expo';
import Constants from 'expo-constants';
import { File, Paths } from 'expo-file-system';

/** The chat server, on the machine that serves the app in development. */
const host = Constants.expoConfig?.hostUri?.split(':')[0] ?? 'localhost';
export const api = `http://${host}:3000/api/chat`;

/** The chat of this device, kept until the app is removed. */
export function ownChatId(): string {
  const file = new File(Paths.document, 'chat-id');
  if (!file.exists) file.write(uuid.v4());
  return file.textSync();
}
