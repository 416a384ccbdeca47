import { followEnd } from '@chat-transport/example-support/follow-end';
import '@chat-transport/example-support/styles.css';
import { createApp } from 'vue';
import ChatPage from './chat-page.vue';

createApp(ChatPage).mount('#root');
followEnd();
