export { defaultTopicPrefix } from './channel-topic.ts';
