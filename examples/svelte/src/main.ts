import { followEnd } from '@chat-transport/example-support/follow-end';
import '@chat-transport/example-support/styles.css';
import { mount } from 'svelte';
import App from './app.svelte';

mount(App, { target: document.getElementById('root') as HTMLElement });
followEnd();
